//! Sockets taken from a process of the same user by `pidfd_getfd`, which need not be given.

use std::{
    io,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd},
};

use socket2::Socket;

use crate::{
    trick::{self, pass},
    vector::{Attempt, Ends, Vector},
};

pub(super) const VECTOR: Vector = Vector {
    name: "pidfd_getfd",
    attempts: &[
        Attempt::new("TCP, unconnected", |aim| {
            trick::dial(&take()?, aim.far4, aim)
        })
        .helped_by(|aim| keep(&trick::tcp(aim.far4)?)),
        Attempt::new("UDP, unconnected", |aim| {
            trick::send_to(&take()?, aim.payload(), aim.far4, 0)
        })
        .helped_by(|aim| keep(&trick::udp(aim.far4)?)),
        Attempt::new("TCP, connected", |aim| trick::speak(&take()?, aim))
            .helped_by(|aim| {
                let socket = trick::tcp(aim.far4)?;
                socket.connect(&aim.far4.into())?;
                keep(&socket)
            })
            .ends(Ends::Open(
                "as one that was handed in; closed at once by the seccomp filter of weir run, which \
                 refuses pidfd_getfd",
            )),
    ],
};

/// Says where the socket is, and knows nothing of who takes it.
fn keep(socket: &Socket) -> io::Result<()> {
    pass::tell(format!("{} {}", std::process::id(), socket.as_raw_fd()))?;
    pass::stay()
}

fn take() -> io::Result<Socket> {
    let told = pass::hear()?;
    let (pid, fd) = told.split_once(' ').expect("two numbers");
    let pid: i32 = pid.parse().expect("a number");
    let fd: RawFd = fd.parse().expect("a number");
    // SAFETY: two numbers.
    let pidfd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let pidfd = descriptor(pidfd)?;
    // SAFETY: an open descriptor and two numbers.
    let taken = unsafe { libc::syscall(libc::SYS_pidfd_getfd, pidfd.as_raw_fd(), fd, 0) };
    Ok(Socket::from(descriptor(taken)?))
}

fn descriptor(returned: i64) -> io::Result<OwnedFd> {
    let fd = RawFd::try_from(returned).expect("small");
    trick::done(fd)?;
    // SAFETY: the kernel has just made it for this process, and nothing else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
