//! What the command inherits as standard input, output and error.
//!
//! Hooks follow a socket's cgroup, and that of a socket opened outside is the outside's: one that
//! is handed in would be a way around weir.

use std::{
    io,
    os::fd::{AsFd, AsRawFd as _},
};

use nix::{
    errno::Errno,
    sys::socket::{AddressFamily, SockaddrLike as _, SockaddrStorage, getsockname},
};

use super::error::RunError;

/// Refuses streams that are sockets of anything but the host itself.
pub(super) fn check() -> Result<(), RunError> {
    local("standard input", io::stdin())?;
    local("standard output", io::stdout())?;
    local("standard error", io::stderr())
}

fn local(stream: &'static str, fd: impl AsFd) -> Result<(), RunError> {
    match getsockname::<SockaddrStorage>(fd.as_fd().as_raw_fd()) {
        // Closed, or no socket.
        Err(Errno::EBADF | Errno::ENOTSOCK) => Ok(()),
        Ok(address) if address.family() == Some(AddressFamily::Unix) => Ok(()),
        // Also what can't be told.
        _ => Err(RunError::OpenSocket { stream }),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        net::{TcpListener, UdpSocket},
        os::unix::net::UnixStream,
    };

    use super::*;

    #[test]
    fn network_sockets_are_refused_and_the_rest_is_not() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(local("x", &listener).is_err());
        assert!(local("x", UdpSocket::bind("[::1]:0").unwrap()).is_err());
        assert!(local("x", File::open("/dev/null").unwrap()).is_ok());
        assert!(local("x", UnixStream::pair().unwrap().0).is_ok());
        let (pipe, _other) = io::pipe().unwrap();
        assert!(local("x", pipe).is_ok());
    }
}
