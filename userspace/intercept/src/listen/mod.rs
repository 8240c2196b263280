//! The engine's listeners in one network namespace: one port, on both loopback addresses, for
//! connections and for datagrams.

mod bound;
mod inherit;
mod port;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    os::fd::{AsFd as _, AsRawFd, OwnedFd},
};

use tokio::net::{TcpListener, TcpStream};

pub(crate) use bound::Bound;

use crate::{InterceptError, NetnsCookie, datagrams};

/// How many ports are tried until one is free everywhere.
const ATTEMPTS: usize = 64;

/// include/uapi/asm-generic/socket.h
const SO_NETNS_COOKIE: libc::c_int = 71;

#[derive(Debug)]
pub(crate) struct Listeners {
    v4: TcpListener,
    /// `None` on a host without IPv6, where a redirected IPv6 connect fails, as it should.
    v6: Option<TcpListener>,
    datagrams: datagrams::Sockets,
    port: u16,
}

impl Listeners {
    /// Binds a port that is free, outside of those that the kernel gives away by itself. The sockets
    /// belong to the cgroup that the process is in at this moment.
    pub(crate) fn bind() -> Result<Self, InterceptError> {
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for port in port::candidates().take(ATTEMPTS) {
            match Bound::at(port) {
                Ok(bound) => return bound.drive().map_err(failed),
                // Another's, or kept free for the engine that listens, or will again, there.
                Err(error) if is_taken(&error) => last = error,
                Err(error) => return Err(failed(error)),
            }
        }
        Err(failed(last))
    }

    /// Takes over what an earlier engine's [`duplicates`](Self::duplicates) gave. `None`, and why
    /// that is so is told, if it can't be that.
    pub(crate) fn inherit(sockets: Vec<OwnedFd>) -> Option<Self> {
        if sockets.is_empty() {
            return None;
        }
        inherit::sort(sockets)
            .and_then(Bound::drive)
            .inspect_err(|error| tracing::warn!(%error, "the listeners handed over are not used"))
            .ok()
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The network namespace that the listeners are in; `None` where the kernel has no
    /// `SO_NETNS_COOKIE` (before 5.14).
    pub(crate) fn netns(&self) -> Option<NetnsCookie> {
        netns_of(&self.v4)
    }

    /// For datagrams.
    pub(crate) fn datagrams(&self) -> &datagrams::Sockets {
        &self.datagrams
    }

    /// All of them once more, to hand over to another engine: while one is open, its port is held,
    /// and who connects waits to be accepted.
    pub(crate) fn duplicates(&self) -> io::Result<Vec<OwnedFd>> {
        let mut all = vec![self.v4.as_fd().try_clone_to_owned()?];
        if let Some(v6) = &self.v6 {
            all.push(v6.as_fd().try_clone_to_owned()?);
        }
        all.extend(self.datagrams.duplicates()?);
        Ok(all)
    }

    /// The next connection on either address.
    pub(crate) async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let Some(v6) = &self.v6 else {
            return self.v4.accept().await;
        };
        tokio::select! {
            accepted = self.v4.accept() => accepted,
            accepted = v6.accept() => accepted,
        }
    }
}

/// The network namespace of a socket, likewise.
pub(crate) fn netns_of(socket: &impl AsRawFd) -> Option<NetnsCookie> {
    let mut cookie = 0u64;
    let mut length = libc::socklen_t::try_from(size_of_val(&cookie)).unwrap_or_default();
    // SAFETY: the descriptor is open, and the option writes at most `length` bytes to `cookie`.
    let outcome = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            SO_NETNS_COOKIE,
            (&raw mut cookie).cast(),
            &raw mut length,
        )
    };
    (outcome == 0).then(|| NetnsCookie::new(cookie))
}

fn is_taken(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied
    )
}

fn failed(source: io::Error) -> InterceptError {
    InterceptError::Listen {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        source,
    }
}
