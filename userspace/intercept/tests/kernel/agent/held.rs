//! What was connected before anyone governed, or comes by other ways than dialling.

use std::{
    io::{self, IoSliceMut},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::{
        fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr as UnixAddr, UnixStream},
    },
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use nix::{
    cmsg_space,
    errno::Errno,
    sys::socket::{ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, send, sendto},
};

use super::{address, outcome, say, tcp::loopback_up, wait};

static LET_GO: AtomicBool = AtomicBool::new(false);

/// Sets the sign when the test lets go, without waiting for it.
fn watch_stdin() {
    thread::spawn(|| {
        wait();
        LET_GO.store(true, Ordering::Relaxed);
    });
}

/// Sends until it fails, or the test lets go; says how it ended.
fn send_on(key: &str, socket: &OwnedFd, to: Option<SocketAddr>) {
    let flags = MsgFlags::MSG_NOSIGNAL;
    let once = || match to {
        None => send(socket.as_raw_fd(), &[8; 8], flags),
        Some(SocketAddr::V4(to)) => {
            sendto(socket.as_raw_fd(), &[8; 8], &SockaddrIn::from(to), flags)
        }
        Some(SocketAddr::V6(_)) => panic!("not asked for"),
    };
    while !LET_GO.load(Ordering::Relaxed) {
        match once() {
            // A full queue, a closed port at the other end, or an address of another kind than the
            // socket's is not what is meant.
            Ok(_) | Err(Errno::EAGAIN | Errno::ECONNREFUSED | Errno::EINVAL) => {}
            Err(errno) => return say(key, format!("{errno:?}")),
        }
        thread::sleep(Duration::from_millis(5));
    }
    say(key, "OK");
}

/// Dials over TCP and UDP, and sends on both.
pub(super) fn dialled(tcp: &str, udp: &str) {
    watch_stdin();
    let stream = TcpStream::connect(address(tcp)).expect("nobody governs yet");
    let datagrams = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    datagrams.connect(address(udp)).expect("nobody governs yet");
    say("dialled", stream.local_addr().expect("an address"));
    // Held to the end: what it closed by itself would not be there to be found.
    let (stream, datagrams) = (stream.into(), datagrams.into());
    send_on("tcp", &stream, None);
    send_on("udp", &datagrams, None);
    hold();
}

/// Keeps what it has until the test lets go.
fn hold() {
    while !LET_GO.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(5));
    }
}

/// Takes a socket that it is handed, and sends on it.
pub(super) fn take(name: &str, to: Option<&str>) {
    watch_stdin();
    let taken = receive(name).expect("a socket");
    say("taken", "");
    send_on("sent", &taken, to.map(address));
    hold();
}

fn receive(name: &str) -> io::Result<OwnedFd> {
    let giver = UnixStream::connect_addr(&UnixAddr::from_abstract_name(name)?)?;
    let mut byte = [0];
    let mut space = cmsg_space!([i32; 1]);
    let mut parts = [IoSliceMut::new(&mut byte)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(giver.as_raw_fd(), &mut parts, Some(&mut space), flags)?;
    let Some(ControlMessageOwned::ScmRights(rights)) = message.cmsgs()?.next() else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    // SAFETY: a descriptor that has just been received.
    Ok(unsafe { OwnedFd::from_raw_fd(rights[0]) })
}

/// Connects to itself in a network namespace of its own, and sends there.
pub(super) fn inner() {
    watch_stdin();
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).expect("a namespace");
    loopback_up().expect("loopback");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let stream = TcpStream::connect(listener.local_addr().expect("an address"));
    say(
        "dialled",
        outcome(
            stream
                .as_ref()
                .map(drop)
                .map_err(|_| io::Error::last_os_error()),
        ),
    );
    send_on("sent", &stream.expect("a connection").into(), None);
}

/// Holds as many sockets and files as it is told, and waits.
pub(super) fn hoard(count: &str) {
    let count: usize = count.parse().expect("a count");
    let _all: Vec<_> = (0..count / 2)
        .map(|_| {
            (
                UnixStream::pair().expect("a pair"),
                TcpListener::bind("127.0.0.1:0"),
            )
        })
        .collect();
    say("hoarded", "");
    wait();
}

/// Accepts one connection, and holds it.
pub(super) fn accepting(at: &str) {
    let listener = TcpListener::bind(address(at)).expect("a listener");
    say("listening", listener.local_addr().expect("an address"));
    let _accepted = listener.accept().expect("a connection");
    say("accepted", "");
    wait();
}
