//! What the command inherits as standard input, output and error.
//!
//! Hooks follow a socket's cgroup, and that of a socket opened outside is the outside's: one that
//! is handed in would be a way around weir. So would a directory be, or a file opened by name only:
//! by way of `/proc/self/fd` both lead to the host's Unix sockets, which the command's own mounts
//! hide.

use std::{
    fs::File,
    io,
    os::{
        fd::{AsFd, AsRawFd as _},
        unix::fs::FileTypeExt as _,
    },
};

use nix::{
    errno::Errno,
    sys::socket::{AddressFamily, SockaddrLike as _, SockaddrStorage, getsockname},
};

use super::error::RunError;

/// Refuses streams that are sockets of anything but the host itself, or lead to such.
pub(super) fn check() -> Result<(), RunError> {
    local("standard input", io::stdin())?;
    local("standard output", io::stdout())?;
    local("standard error", io::stderr())
}

fn local(stream: &'static str, fd: impl AsFd) -> Result<(), RunError> {
    match getsockname::<SockaddrStorage>(fd.as_fd().as_raw_fd()) {
        Err(Errno::ENOTSOCK) => file(stream, fd),
        // Closed, or opened by name only: that one can be duplicated.
        Err(Errno::EBADF) if fd.as_fd().try_clone_to_owned().is_err() => Ok(()),
        Ok(address) if address.family() == Some(AddressFamily::Unix) => Ok(()),
        // Also what can't be told.
        _ => Err(RunError::OpenSocket { stream }),
    }
}

fn file(stream: &'static str, fd: impl AsFd) -> Result<(), RunError> {
    let kind = fd
        .as_fd()
        .try_clone_to_owned()
        .and_then(|fd| File::from(fd).metadata())
        .map(|metadata| metadata.file_type());
    match kind {
        Ok(kind) if !kind.is_dir() && !kind.is_socket() => Ok(()),
        _ => Err(RunError::OpenDirectory { stream }),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        net::{TcpListener, UdpSocket},
        os::unix::net::{UnixListener, UnixStream},
        path::Path,
    };

    use nix::{
        fcntl::{OFlag, open},
        sys::stat::Mode,
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

    #[test]
    fn what_leads_to_the_host_s_sockets_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let _listener = UnixListener::bind(&path).unwrap();
        assert!(local("x", File::open(dir.path()).unwrap()).is_err());
        for path in [dir.path(), &*path, Path::new("/dev/null")] {
            let by_name = open(path, OFlag::O_PATH, Mode::empty()).unwrap();
            assert!(local("x", by_name).is_err(), "{}", path.display());
        }
    }
}
