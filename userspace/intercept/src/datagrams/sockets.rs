//! The engine's datagram sockets in one network namespace.

use std::{
    fmt,
    io::{self, IoSliceMut},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket as StdUdpSocket},
    os::fd::{AsFd as _, AsRawFd as _, OwnedFd},
    sync::{Arc, Mutex, PoisonError},
};

use nix::sys::{
    socket::{MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt},
    time::TimeSpec,
};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{io::Interest, net::UdpSocket};

use super::arrival::Arrival;

/// The longest question that is taken. RFC 1035, section 4.2.1 allows 512 bytes, RFC 6891 more; no
/// client asks at such length.
pub(crate) const MAX_QUESTION: usize = 4096;

/// Longer than any datagram (RFC 768: sixteen bits of length).
const MAX_DATAGRAM: usize = 1 << 16;

/// How many bytes of datagrams may wait to be read. What finds no room is lost; a question is asked
/// again after seconds.
const WAITING_BYTES: usize = 4 << 20;

/// Both loopback addresses at one port.
#[derive(Debug)]
pub(crate) struct Sockets {
    v4: Reader,
    /// `None` where there is no IPv6.
    v6: Option<Reader>,
}

/// A socket, and the room that its datagrams are read into.
struct Reader {
    socket: Arc<UdpSocket>,
    /// Held while one is read, never across an await.
    room: Mutex<Box<[u8]>>,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket.fmt(f)
    }
}

/// A datagram as it was read: from whom is not known yet.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(super) payload: Vec<u8>,
    pub(super) from: SocketAddr,
    /// `None` where the kernel did not say.
    pub(super) at: Option<Arrival>,
    pub(super) socket: Arc<UdpSocket>,
}

impl Sockets {
    /// From sockets made by [`bind_v4`] and [`bind_v6`], here or in another namespace. Needs a tokio
    /// runtime.
    pub(crate) fn new(v4: StdUdpSocket, v6: Option<StdUdpSocket>) -> io::Result<Self> {
        Ok(Self {
            v4: Reader::new(v4)?,
            v6: v6.map(Reader::new).transpose()?,
        })
    }

    /// Duplicates, to hand over to another engine: IPv4's, then IPv6's.
    pub(crate) fn duplicates(&self) -> io::Result<Vec<OwnedFd>> {
        [Some(&self.v4), self.v6.as_ref()]
            .into_iter()
            .flatten()
            .map(|reader| reader.socket.as_fd().try_clone_to_owned())
            .collect()
    }

    /// The next datagram at either address. Cancelling it loses nothing.
    pub(crate) async fn next(&self) -> io::Result<Arrived> {
        let Some(v6) = &self.v6 else {
            return self.v4.read().await;
        };
        tokio::select! {
            arrived = self.v4.read() => arrived,
            arrived = v6.read() => arrived,
        }
    }
}

impl Reader {
    fn new(socket: StdUdpSocket) -> io::Result<Self> {
        // Here and not where it is bound: one that was handed over may lack it.
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        Ok(Self {
            socket: UdpSocket::from_std(socket).map(Arc::new)?,
            room: Mutex::new(vec![0; MAX_DATAGRAM].into_boxed_slice()),
        })
    }

    async fn read(&self) -> io::Result<Arrived> {
        loop {
            self.socket.readable().await?;
            // No await from here on: a datagram once read is handed on.
            match self.socket.try_io(Interest::READABLE, || self.take()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                taken => return taken,
            }
        }
    }

    /// The next datagram, if there is one.
    fn take(&self) -> io::Result<Arrived> {
        // Whoever panicked with it left bytes that are written over.
        let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        let mut stamps = nix::cmsg_space!(TimeSpec);
        let (length, from, at) = {
            let mut parts = [IoSliceMut::new(&mut room)];
            let message = recvmsg::<SockaddrStorage>(
                self.socket.as_raw_fd(),
                &mut parts,
                Some(&mut stamps),
                MsgFlags::empty(),
            )?;
            let at = message.cmsgs().ok().and_then(Arrival::told);
            (
                message.bytes,
                message.address.as_ref().and_then(internet),
                at,
            )
        };
        Ok(Arrived {
            payload: room.get(..length).unwrap_or_default().to_vec(),
            from: from.ok_or(io::ErrorKind::InvalidData)?,
            at,
            socket: Arc::clone(&self.socket),
        })
    }
}

fn internet(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address
        .as_sockaddr_in()
        .map(|v4| SocketAddr::V4((*v4).into()));
    v4.or_else(|| {
        address
            .as_sockaddr_in6()
            .map(|v6| SocketAddr::V6((*v6).into()))
    })
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
