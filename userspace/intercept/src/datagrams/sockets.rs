//! The engine's datagram sockets in one network namespace.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket as StdUdpSocket},
    os::fd::{AsFd as _, OwnedFd},
    sync::Arc,
};

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

/// The longest question that is taken. RFC 1035, section 4.2.1 allows 512 bytes, RFC 6891 more; no
/// client asks at such length.
pub(crate) const MAX_QUESTION: usize = 4096;

/// How many bytes of questions may wait to be read. What finds no room is lost, and asked again after
/// seconds.
const WAITING_BYTES: usize = 4 << 20;

/// Both loopback addresses at one port.
#[derive(Clone, Debug)]
pub(crate) struct Sockets {
    v4: Arc<UdpSocket>,
    /// `None` where there is no IPv6.
    v6: Option<Arc<UdpSocket>>,
}

/// A datagram as it was read: from whom is not known yet.
#[derive(Debug)]
pub(crate) struct Arrived {
    /// What it carries; one byte more than [`MAX_QUESTION`] if it is too long.
    pub(super) payload: Vec<u8>,
    pub(super) from: SocketAddr,
    pub(super) socket: Arc<UdpSocket>,
}

impl Sockets {
    /// From sockets made by [`bind_v4`] and [`bind_v6`], here or in another namespace. Needs a tokio
    /// runtime.
    pub(crate) fn new(v4: StdUdpSocket, v6: Option<StdUdpSocket>) -> io::Result<Self> {
        let driven = |socket| UdpSocket::from_std(socket).map(Arc::new);
        Ok(Self {
            v4: driven(v4)?,
            v6: v6.map(driven).transpose()?,
        })
    }

    /// Duplicates, to hand over to another engine: IPv4's, then IPv6's.
    pub(crate) fn duplicates(&self) -> io::Result<Vec<OwnedFd>> {
        [Some(&self.v4), self.v6.as_ref()]
            .into_iter()
            .flatten()
            .map(|socket| socket.as_fd().try_clone_to_owned())
            .collect()
    }

    /// The next datagram at either address. Cancelling it loses nothing.
    pub(crate) async fn next(&self) -> io::Result<Arrived> {
        let Some(v6) = &self.v6 else {
            return read(&self.v4).await;
        };
        tokio::select! {
            arrived = read(&self.v4) => arrived,
            arrived = read(v6) => arrived,
        }
    }
}

async fn read(socket: &Arc<UdpSocket>) -> io::Result<Arrived> {
    loop {
        socket.readable().await?;
        // No await from here on: a datagram once read is handed on.
        let mut payload = vec![0; MAX_QUESTION + 1];
        match socket.try_recv_from(&mut payload) {
            Ok((length, from)) => {
                payload.truncate(length);
                payload.shrink_to_fit();
                return Ok(Arrived {
                    payload,
                    from,
                    socket: Arc::clone(socket),
                });
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

/// Binds 127.0.0.1 at this port, in the network namespace and cgroup that the thread is in.
pub(crate) fn bind_v4(port: u16) -> io::Result<StdUdpSocket> {
    bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

/// Binds `::1` at this port, likewise.
pub(crate) fn bind_v6(port: u16) -> io::Result<StdUdpSocket> {
    bind(SocketAddr::from((Ipv6Addr::LOCALHOST, port)))
}

/// A socket that no one else can share the port of: no `SO_REUSEADDR`, no `SO_REUSEPORT`.
fn bind(address: SocketAddr) -> io::Result<StdUdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    if let Err(error) = setsockopt(&socket, sockopt::RcvBufForce, &WAITING_BYTES) {
        tracing::debug!(%error, "few questions can wait to be read");
    }
    // Where loopback is still down, its addresses are not there yet.
    setsockopt(&socket, sockopt::IpFreebind, &true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}
