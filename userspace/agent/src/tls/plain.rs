//! [`Plain`]: a stream of plaintext, whatever carries it.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What can carry plaintext: a socket, or TLS over one.
pub trait Io: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Io for T {}

/// Plaintext in both directions, and what its handshake proved.
pub struct Plain {
    io: Box<dyn Io>,
    end_point: Option<Vec<u8>>,
}

impl Plain {
    /// A stream that was never encrypted.
    pub fn clear(io: impl Io + 'static) -> Self {
        Self {
            io: Box::new(io),
            end_point: None,
        }
    }

    /// A stream inside TLS. `end_point` is the peer certificate's hash for channel binding
    /// (RFC 5929, `tls-server-end-point`), where the peer showed one.
    pub fn encrypted(io: impl Io + 'static, end_point: Option<Vec<u8>>) -> Self {
        Self {
            io: Box::new(io),
            end_point: Some(end_point.unwrap_or_default()),
        }
    }

    /// Whether the bytes are encrypted on the wire.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.end_point.is_some()
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
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Plain {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
