//! One connection that came in over the weir.

use std::net::SocketAddr;

use tokio::net::TcpStream;

use crate::{Facts, Namespace, OrigDst, SocketCookie, attribute::Caller};

/// An accepted connection with what the kernel noted about it. Only [`Interceptor::accept`] makes
/// one, so holding it means the destination and the caller are the kernel's word.
///
/// [`Interceptor::accept`]: crate::Interceptor::accept
#[derive(Debug)]
pub struct Intercepted {
    /// The client's end, as the engine reads and writes it.
    pub io: TcpStream,
    /// The client's end by its address, which is known also of one that is gone already.
    pub peer: SocketAddr,
    /// Where the client wanted to go.
    pub orig_dst: OrigDst,
    /// The client's socket.
    pub cookie: SocketCookie,
    /// Who called.
    pub facts: Facts,
    /// The calling process as the kernel noted it; `None` where the kernel can't
    /// ([`Attribution`](crate::attribute::Attribution)), or had no room left.
    pub caller: Option<Caller>,
    /// Where the client's socket is, and where one to its destination belongs.
    pub namespace: Namespace,
}
