//! Sockets bound to the engine's port, before anything drives them.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket},
};

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

use super::{Listeners, netns_of};
use crate::{NetnsCookie, datagrams};

/// Connections that may wait to be accepted; the kernel caps it at `net.core.somaxconn`. A full
/// queue costs an agent a second of waiting, so it is long.
const BACKLOG: i32 = 4096;

/// One port on 127.0.0.1 and, where there is IPv6, on `::1`.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(super) port: u16,
    pub(super) streams_v4: TcpListener,
    pub(super) streams_v6: Option<TcpListener>,
    pub(super) datagrams_v4: UdpSocket,
    pub(super) datagrams_v6: Option<UdpSocket>,
}

impl Bound {
    /// Binds this port, in the network namespace and cgroup that the thread is in.
    pub(crate) fn at(port: u16) -> io::Result<Self> {
        Ok(Self {
            port,
            streams_v4: listen(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?,
            streams_v6: unless_no_ipv6(listen(SocketAddr::from((Ipv6Addr::LOCALHOST, port))))?,
            datagrams_v4: datagrams::bind_v4(port)?,
            datagrams_v6: unless_no_ipv6(datagrams::bind_v6(port))?,
        })
    }

    /// As [`Listeners::netns`].
    pub(crate) fn netns(&self) -> Option<NetnsCookie> {
        netns_of(&self.streams_v4)
    }

    /// Hands them to the tokio runtime that this is called in.
    pub(crate) fn drive(self) -> io::Result<Listeners> {
        Ok(Listeners {
            v4: tokio::net::TcpListener::from_std(self.streams_v4)?,
            v6: self
                .streams_v6
                .map(tokio::net::TcpListener::from_std)
                .transpose()?,
            datagrams: datagrams::Sockets::new(self.datagrams_v4, self.datagrams_v6)?,
            port: self.port,
        })
    }
}

/// A socket that no one else can share the port of: no `SO_REUSEPORT`, and a port that somebody
/// listens at is not given twice, `SO_REUSEADDR` or not. That is for a restart: connections of the
/// earlier engine that are not yet quite over must not keep the port.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    // Where loopback is still down, its addresses are not there yet.
    setsockopt(&socket, sockopt::IpFreebind, &true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Without IPv6 there is nothing to be redirected by it.
fn unless_no_ipv6<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Ok(socket) => Ok(Some(socket)),
        Err(error) if is_no_ipv6(&error) => {
            tracing::debug!(%error, "there is no IPv6 here: its connects will fail");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn is_no_ipv6(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL | libc::EPROTONOSUPPORT)
    )
}
