//! Agents in network namespaces.

use std::{
    fs::File,
    io,
    net::{SocketAddr, TcpStream},
    os::unix::process::CommandExt as _,
    process::Command,
    sync::mpsc,
    thread,
    time::Duration,
};

use nix::{
    errno::Errno,
    sched::{CloneFlags, setns, unshare},
    unistd::{setgid, setgroups, setuid},
};

use super::{address, other, say, tcp, wait};
use crate::child::NOBODY;

/// Goes into a namespace as root does, and on as anybody.
fn enter(path: &str) {
    let namespace = File::open(path).expect("a namespace");
    setns(namespace, CloneFlags::CLONE_NEWNET).expect("to enter");
    setgroups(&[]).expect("no groups");
    setgid(NOBODY.into()).expect("a group");
    setuid(NOBODY.into()).expect("a user");
}

/// Connects; again while it is refused, as until the engine listens here.
fn connect(to: SocketAddr) -> (u32, io::Result<TcpStream>) {
    let mut refused = 0;
    loop {
        match TcpStream::connect(to) {
            Err(error) if refused < 500 && error.raw_os_error() == Some(Errno::EPERM as i32) => {
                refused += 1;
                thread::sleep(Duration::from_millis(10));
            }
            outcome => return (refused, outcome),
        }
    }
}

pub(super) fn dial(to: &str) {
    let to = address(to);
    let (refused, connected) = connect(to);
    say("refused", refused);
    tcp::report(connected, to);
}

/// Waits for the word, then dials; and once more at the end, so that the test can look between.
pub(super) fn dial_from(path: &str, to: &str) {
    enter(path);
    say("entered", "");
    dial(to);
    wait();
}

pub(super) fn ask_from(path: &str, to: &str) {
    enter(path);
    // Found by the first that is refused.
    let (_, stream) = connect(SocketAddr::from(([192, 0, 2, 1], 80)));
    drop(stream.expect("the engine answers"));
    other::ask(to);
}

/// Makes a namespace, and sets loopback up only when told.
pub(super) fn loopback_later(to: &str) {
    unshare(CloneFlags::CLONE_NEWNET).expect("a namespace");
    say("alone", "");
    wait();
    tcp::loopback_up().expect("loopback");
    dial(to);
}

/// Without root, in a user and a network namespace of its own: by a process of one thread, as the
/// kernel asks of whoever makes a user namespace.
pub(super) fn own_user(to: &str) {
    let mut command = Command::new("/proc/self/exe");
    command
        .args(std::env::args().skip(1))
        .env("WEIR_TEST_TASK", "own-user-dials")
        .env("WEIR_TEST_ARGS", to);
    let alone = || {
        unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)?;
        tcp::loopback_up()
    };
    // SAFETY: between fork and exec, only system calls that allocate nothing.
    unsafe { command.pre_exec(alone) };
    assert!(command.status().expect("to start").success());
}

/// As many threads, each in a namespace of its own.
pub(super) fn crowd(count: &str) {
    let (tell, told) = mpsc::channel();
    let count = count.parse().expect("a count");
    for _ in 0..count {
        let tell = tell.clone();
        thread::spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET).expect("a namespace");
            tell.send(()).expect("a reader");
            thread::park();
        });
    }
    for _ in 0..count {
        told.recv().expect("a thread");
    }
    say("crowded", "");
    wait();
}
