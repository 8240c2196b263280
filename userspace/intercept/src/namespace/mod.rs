//! The network namespaces that an engine listens in.

pub(crate) mod enter;

use std::{io, net::SocketAddr};

use tokio::net::TcpStream;

use crate::NetnsCookie;

/// A network namespace that is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    cookie: NetnsCookie,
}

impl Namespace {
    /// The engine's own.
    pub(crate) fn own(cookie: NetnsCookie) -> Self {
        Self { cookie }
    }

    /// Whether this is the one that the engine itself is in.
    pub fn is_own(&self) -> bool {
        true
    }

    /// What the kernel calls it.
    pub fn cookie(&self) -> NetnsCookie {
        self.cookie
    }

    /// Connects from within it.
    pub async fn connect(&self, to: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(to).await
    }
}
