//! Unix sockets of processes outside: whoever is at the other end may dial for the agent.

use std::{
    io,
    os::{fd::AsRawFd as _, unix::net::UnixDatagram},
    path::Path,
};

use socket2::{SockAddr, Socket};

use crate::{
    aim::Aim,
    trick,
    vector::{Attempt, Vector},
};

pub(super) const VECTOR: Vector = Vector {
    name: "AF_UNIX",
    attempts: &[
        Attempt::new("by path", |aim| dial(Path::new(&aim.unix()), aim)),
        Attempt::new("by a relative path", |aim| {
            std::env::set_current_dir(&aim.scratch)?;
            dial(Path::new(&format!("witness-{}", aim.token)), aim)
        }),
        Attempt::new("by a symbolic link", |aim| {
            let link = format!("{}/link-{}", aim.scratch, aim.token);
            std::os::unix::fs::symlink(aim.unix(), &link).or_else(|error| {
                // Made by the try before this one.
                if error.kind() == io::ErrorKind::AlreadyExists {
                    Ok(())
                } else {
                    Err(error)
                }
            })?;
            dial(Path::new(&link), aim)
        }),
        Attempt::new("by a path through /proc/self/fd", |aim| {
            let directory = std::fs::File::open(&aim.scratch)?;
            let path = format!(
                "/proc/self/fd/{}/witness-{}",
                directory.as_raw_fd(),
                aim.token
            );
            dial(Path::new(&path), aim)
        }),
        Attempt::new("by an abstract name", |aim| {
            let name = format!("\0{}", aim.unix());
            dial(Path::new(&name), aim)
        }),
        Attempt::new("a datagram by path", |aim| {
            let socket = UnixDatagram::unbound()?;
            socket
                .send_to(aim.payload(), format!("{}.datagram", aim.unix()))
                .map(drop)
        }),
        Attempt::new("a connected datagram by path", |aim| {
            let socket = UnixDatagram::unbound()?;
            socket.connect(format!("{}.datagram", aim.unix()))?;
            socket.send(aim.payload()).map(drop)
        }),
    ],
};

fn dial(path: &Path, aim: &Aim) -> io::Result<()> {
    let socket: Socket = trick::socket(libc::AF_UNIX, libc::SOCK_STREAM, 0)?;
    socket.connect(&SockAddr::unix(path)?)?;
    socket.send(aim.payload()).map(drop)
}
