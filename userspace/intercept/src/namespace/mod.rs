//! The network namespaces that an engine listens in: its own, and those of workloads that have one of
//! theirs, as containers do.
//!
//! A workload's namespace is the workload's ground. Where the host made it (a root's container, `ip
//! netns`), sockets to targets are made there too, so that a target sees the workload's own address
//! and the workload's own routes and filters hold. Where the workload may have made it itself (it
//! belongs to another user namespace than the engine's, as a rootless container's does), whoever
//! rules over its routes could send the engine to a server of his own and have it hand over a
//! credential: sockets to targets are then made in the engine's namespace.
//!
//! Known limits: needs Linux 5.14, which tells a namespace's cookie. Who rules over a namespace
//! (CAP_NET_ADMIN, in one that was made by himself or was given it) that has a device to the outside
//! can send packets by other ways than sockets; what takes them off the other end of such a device
//! is governed only where it is in the workload itself.

pub(crate) mod enter;
pub(crate) mod make;
pub(crate) mod others;
mod owner;

use std::{fmt, fs::File, io, net::SocketAddr, sync::Arc};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    net::{TcpSocket, TcpStream, UdpSocket},
    task::spawn_blocking,
};

use crate::NetnsCookie;

/// A network namespace that is served. While one of these is held, the namespace does not end.
#[derive(Clone)]
pub struct Namespace {
    cookie: NetnsCookie,
    place: Place,
}

#[derive(Clone)]
enum Place {
    /// The engine's own.
    Own,
    /// Another, in which sockets to targets are made.
    Inside(Arc<File>),
    /// Another, whose owner is not the host.
    Theirs,
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace")
            .field("cookie", &self.cookie)
            .field("own", &self.is_own())
            .finish_non_exhaustive()
    }
}

impl PartialEq for Namespace {
    fn eq(&self, other: &Self) -> bool {
        self.cookie == other.cookie
    }
}

impl Eq for Namespace {}

impl Namespace {
    /// The engine's own.
    pub(crate) fn own(cookie: NetnsCookie) -> Self {
        let place = Place::Own;
        Self { cookie, place }
    }

    /// Another one; `trusted` if the host owns it.
    fn other(cookie: NetnsCookie, file: File, trusted: bool) -> Self {
        let place = if trusted {
            Place::Inside(Arc::new(file))
        } else {
            Place::Theirs
        };
        Self { cookie, place }
    }

    /// Whether this is the one that the engine itself is in.
    pub fn is_own(&self) -> bool {
        matches!(self.place, Place::Own)
    }

    /// Whether [`connect`](Self::connect) makes its sockets in it: not where its owner is not the
    /// host.
    pub fn is_dialled_from(&self) -> bool {
        !matches!(self.place, Place::Theirs)
    }

    /// What the kernel calls it.
    pub fn cookie(&self) -> NetnsCookie {
        self.cookie
    }

    /// Connects to a target, from within it unless [its owner is not the host](Self::is_dialled_from).
    pub async fn connect(&self, to: SocketAddr) -> io::Result<TcpStream> {
        let Place::Inside(file) = &self.place else {
            return TcpStream::connect(to).await;
        };
        let file = Arc::clone(file);
        let made = spawn_blocking(move || enter::within(&*file, || stream(to)));
        let socket = made.await.map_err(io::Error::other)??;
        TcpSocket::from_std_stream(socket.into()).connect(to).await
    }

    /// A socket for datagrams that is connected to a target, made where [`connect`](Self::connect)
    /// makes its own.
    pub async fn connect_datagram(&self, to: SocketAddr) -> io::Result<UdpSocket> {
        let Place::Inside(file) = &self.place else {
            return UdpSocket::from_std(datagrams(to)?.into());
        };
        let file = Arc::clone(file);
        let made = spawn_blocking(move || enter::within(&*file, || datagrams(to)));
        UdpSocket::from_std(made.await.map_err(io::Error::other)??.into())
    }
}

/// Connecting one does not wait.
fn datagrams(to: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(to), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    socket.connect(&to.into())?;
    Ok(socket)
}

fn stream(to: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}
