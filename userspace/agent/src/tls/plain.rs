//! [`Plain`]: a stream of plaintext, whatever carries it.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::BytesMut;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use weir_uring::Stream;

/// What can carry plaintext: a socket, or TLS over one.
pub trait Io: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Io for T {}

/// Plaintext in both directions, and what its handshake proved.
pub struct Plain {
    carrier: Carrier,
    end_point: Option<Vec<u8>>,
}

enum Carrier {
    Socket(Stream),
    Other(Box<dyn Io>),
}

/// Calls the same of whatever carries it.
macro_rules! carried {
    ($plain:expr, $method:ident, $($argument:expr),*) => {
        match &mut $plain.carrier {
            Carrier::Socket(socket) => Pin::new(socket).$method($($argument),*),
            Carrier::Other(other) => Pin::new(other).$method($($argument),*),
        }
    };
}

impl Plain {
    /// A stream that was never encrypted.
    pub fn clear(io: impl Io + 'static) -> Self {
        Self {
            carrier: Carrier::Other(Box::new(io)),
            end_point: None,
        }
    }

    /// A connection that was never encrypted.
    pub fn socket(socket: TcpStream) -> Self {
        Self {
            carrier: Carrier::Socket(Stream::of(socket)),
            end_point: None,
        }
    }

    /// A stream inside TLS. `end_point` is the peer certificate's hash for channel binding
    /// (RFC 5929, `tls-server-end-point`), where the peer showed one.
    pub fn encrypted(io: impl Io + 'static, end_point: Option<Vec<u8>>) -> Self {
        Self {
            carrier: Carrier::Other(Box::new(io)),
            end_point: Some(end_point.unwrap_or_default()),
        }
    }

    /// Whether the bytes are encrypted on the wire.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.end_point.is_some()
    }

    /// From here on it stays on the thread that this is called on, and may be moved by what that has
    /// for it.
    ///
    /// # Errors
    /// Where that can't take it.
    pub fn settle(self) -> io::Result<Self> {
        let carrier = match self.carrier {
            Carrier::Socket(socket) => Carrier::Socket(socket.onto_ring()?),
            other => other,
        };
        Ok(Self { carrier, ..self })
    }

    /// Takes what has come, behind what is in `to`: how much, nothing at the end. Nothing where it must
    /// be read instead.
    pub fn poll_take(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut BytesMut,
    ) -> Option<Poll<io::Result<usize>>> {
        match &mut self.carrier {
            Carrier::Socket(socket) => socket.poll_take(cx, to),
            Carrier::Other(_) => None,
        }
    }

    /// Whether what is written goes by itself. Else it must be flushed.
    #[must_use]
    pub fn goes_unflushed(&self) -> bool {
        matches!(self.carrier, Carrier::Socket(_))
    }

    /// The peer certificate's hash for channel binding, when there is one.
    #[must_use]
    pub fn end_point(&self) -> Option<&[u8]> {
        self.end_point.as_deref().filter(|hash| !hash.is_empty())
    }
}

impl AsyncRead for Plain {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        carried!(self, poll_read, cx, buf)
    }
}

impl AsyncWrite for Plain {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        carried!(self, poll_write, cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        carried!(self, poll_flush, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        carried!(self, poll_shutdown, cx)
    }
}
