//! Bodies of answers that are never held whole: a file, read off the runtime's threads, or whatever
//! comes piece by piece.

use std::{
    fs::File,
    io::{self, Read},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::sync::mpsc;

const CHUNK: usize = 64 * 1024;
/// Chunks that may wait for a slow caller.
const AHEAD: usize = 4;

/// What comes piece by piece.
pub(super) struct Chunks {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
}

impl Chunks {
    /// What somebody sends, until they let go of the channel.
    pub(super) fn of(chunks: mpsc::Receiver<io::Result<Bytes>>) -> Self {
        Self { chunks }
    }

    /// The bytes of a file up to the length that it had when the answer began: the record of a live
    /// session grows, and a reader is given what was there when it asked. Begins to read; must be
    /// called on the runtime.
    pub(super) fn of_file(file: File, length: u64) -> Self {
        let (sender, chunks) = mpsc::channel(AHEAD);
        tokio::task::spawn_blocking(move || pump(file.take(length), &sender));
        Self { chunks }
    }
}

fn pump(mut file: impl Read, sender: &mpsc::Sender<io::Result<Bytes>>) {
    loop {
        let mut chunk = Vec::with_capacity(CHUNK);
        let read = (&mut file).take(CHUNK as u64).read_to_end(&mut chunk);
        let sent = match read {
            Ok(0) => return,
            Ok(_) => sender.blocking_send(Ok(chunk.into())),
            Err(error) => {
                // Either the caller hears that its copy is short, or it is gone.
                drop(sender.blocking_send(Err(error)));
                return;
            }
        };
        if sent.is_err() {
            return;
        }
    }
}

impl Body for Chunks {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let chunk = ready!(self.chunks.poll_recv(context));
        Poll::Ready(chunk.map(|chunk| chunk.map(Frame::data)))
    }
}
