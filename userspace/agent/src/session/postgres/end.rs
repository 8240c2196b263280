//! One end of a session: its connection, and what was read from it and is not taken yet.
//!
//! A session that is idle holds no buffer for what may come: little is read by way of the stack, and
//! only where much comes is there room for it before it does.

use std::{
    io,
    mem::MaybeUninit,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use crate::tls::Plain;

/// How much is read at once while little comes.
const LITTLE: usize = 4 << 10;
/// And while much does, at most.
const MOST: usize = 128 << 10;

/// One end.
pub(super) struct End {
    io: Plain,
    /// What was read.
    pub(super) received: BytesMut,
    /// How much the next read asks for.
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
            asks: LITTLE,
            unflushed: false,
            closed: false,
        }
    }

    pub(super) fn into_io(self) -> Plain {
        self.io
    }

    /// Reads what has come. Ready where that is something, or the end.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let asked = self.asks;
        let read = if asked > LITTLE {
            self.received.reserve(asked);
            ready!(pin!(self.io.read_buf(&mut self.received)).poll(cx))
        } else {
            let mut little = [MaybeUninit::uninit(); LITTLE];
            let mut little = ReadBuf::uninit(&mut little);
            let read = ready!(Pin::new(&mut self.io).poll_read(cx, &mut little));
            self.received.extend_from_slice(little.filled());
            read.map(|()| little.filled().len())
        };
        match read {
            Ok(read @ 1..) if read >= asked => self.asks = (asked * 4).min(MOST),
            Ok(read @ 1..) if read < asked / 8 => self.asks = (asked / 2).max(LITTLE),
            Ok(1..) => {}
            // Why it ended is in nobody's interest but the other end's, which hears that it did.
            Ok(0) | Err(_) => self.closed = true,
        }
        Poll::Ready(())
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
        self.unflushed = true;
        Poll::Ready(Ok(count))
    }

    /// Writes the session's last bytes, all of them.
    pub(super) async fn write_last(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.io.write_all(bytes).await
    }

    /// Tells the other side that nothing more comes.
    pub(super) async fn shutdown(&mut self) -> io::Result<()> {
        self.io.shutdown().await
    }
}
