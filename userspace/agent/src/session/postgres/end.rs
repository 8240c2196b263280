//! One end of a session: its connection, and what was read from it and is not taken yet.
//!
//! A session that is idle holds no buffer for what may come: what comes is read by way of the stack, and
//! only where that is full is there room for more.

use std::{
    io,
    mem::MaybeUninit,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use crate::tls::Plain;

/// How much is read by way of the stack.
const LITTLE: usize = 4 << 10;
/// And how much behind that, where that much has come.
const LEAST: usize = 16 << 10;
const MOST: usize = 128 << 10;

/// One end.
pub(super) struct End {
    io: Plain,
    /// What was read.
    pub(super) received: BytesMut,
    /// How much is asked for where much comes.
    asks: usize,
    unflushed: bool,
    /// Nothing more comes.
    pub(super) closed: bool,
}

impl End {
    pub(super) fn new(io: Plain, received: &[u8]) -> Self {
        Self {
            io,
            // In memory of its own: what came before it is done with.
            received: received.into(),
            asks: LEAST,
            unflushed: false,
            closed: false,
        }
    }

    pub(super) fn into_io(self) -> Plain {
        self.io
    }

    /// Reads what has come. Ready where that is something, or the end.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.io.poll_take(cx, &mut self.received) {
            None => self.poll_read(cx),
            Some(Poll::Pending) => self.nothing_came(),
            Some(Poll::Ready(Ok(1..))) => Poll::Ready(()),
            Some(Poll::Ready(_)) => {
                self.closed = true;
                Poll::Ready(())
            }
        }
    }

    fn nothing_came(&mut self) -> Poll<()> {
        if self.received.is_empty() {
            // It may be a small rest of what a long message took.
            self.received = BytesMut::new();
        }
        Poll::Pending
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut little = [MaybeUninit::uninit(); LITTLE];
        let mut little = ReadBuf::uninit(&mut little);
        match Pin::new(&mut self.io).poll_read(cx, &mut little) {
            Poll::Pending => return self.nothing_came(),
            // Why it ended is in nobody's interest but the other end's, which hears that it did.
            Poll::Ready(Err(_)) => self.closed = true,
            Poll::Ready(Ok(())) if little.filled().is_empty() => self.closed = true,
            Poll::Ready(Ok(())) => self.received.extend_from_slice(little.filled()),
        }
        if little.remaining() == 0 {
            self.poll_more(cx);
        }
        Poll::Ready(())
    }

    /// Reads more of what seems to be much. An end or an error shows with the next read.
    fn poll_more(&mut self, cx: &mut Context<'_>) {
        self.received.reserve(self.asks);
        let read = pin!(self.io.read_buf(&mut self.received)).poll(cx);
        let read = match read {
            Poll::Ready(Ok(read)) => read,
            Poll::Ready(Err(_)) | Poll::Pending => 0,
        };
        self.asks = if read >= self.asks {
            (self.asks * 4).min(MOST)
        } else {
            self.asks.min(read.max(LEAST))
        };
    }

    /// Whether something was written that its connection still holds.
    pub(super) fn is_unflushed(&self) -> bool {
        self.unflushed
    }

    /// Writes some of `bytes`, and flushes where there are none: how many were written. What was
    /// written is told at once, so that nothing is written twice.
    pub(super) fn poll_drain(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            ready!(Pin::new(&mut self.io).poll_flush(cx))?;
            self.unflushed = false;
            return Poll::Ready(Ok(0));
        }
        let count = ready!(Pin::new(&mut self.io).poll_write(cx, bytes))?;
        if count == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.unflushed = !self.io.goes_unflushed();
        Poll::Ready(Ok(count))
    }

    /// Writes the session's last bytes, all of them.
    pub(super) async fn write_last(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.io.write_all(bytes).await?;
        self.io.flush().await
    }

    /// Tells the other side that nothing more comes.
    pub(super) async fn shutdown(&mut self) -> io::Result<()> {
        self.io.shutdown().await
    }
}
