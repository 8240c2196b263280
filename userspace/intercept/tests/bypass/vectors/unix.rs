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
    vector::{Act, Attempt, Vector},
};

pub(super) const VECTOR: Vector = Vector {
    name: "AF_UNIX",
    attempts: &[
        judged("by path", |aim| dial(Path::new(&aim.unix()), aim)),
        judged("by a relative path", |aim| {
            std::env::set_current_dir(&aim.scratch)?;
            dial(Path::new(&format!("witness-{}", aim.token)), aim)
        }),
        judged("by a symbolic link", |aim| {
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
        judged("by a path through /proc/self/fd", |aim| {
            let directory = std::fs::File::open(&aim.scratch)?;
            let path = format!(
                "/proc/self/fd/{}/witness-{}",
                directory.as_raw_fd(),
                aim.token
            );
            dial(Path::new(&path), aim)
        }),
        judged("by an abstract name", |aim| {
            let name = format!("\0{}", aim.unix());
            dial(Path::new(&name), aim)
        }),
        judged("a datagram by path", |aim| {
            let socket = UnixDatagram::unbound()?;
            socket
                .send_to(aim.payload(), format!("{}.datagram", aim.unix()))
                .map(drop)
        }),
        judged("a connected datagram by path", |aim| {
            let socket = UnixDatagram::unbound()?;
            socket.connect(format!("{}.datagram", aim.unix()))?;
            socket.send(aim.payload()).map(drop)
        }),
    ],
};

const fn judged(name: &'static str, act: Act) -> Attempt {
    Attempt::new(name, act).needs("Unix sockets")
}

fn dial(path: &Path, aim: &Aim) -> io::Result<()> {
    let socket: Socket = trick::socket(libc::AF_UNIX, libc::SOCK_STREAM, 0)?;
    socket.connect(&SockAddr::unix(path)?)?;
    socket.send(aim.payload()).map(drop)
}
