//! One direction of an opaque connection: a buffer between a reader and a writer.
//!
//! It reads only when all that it read before is written, so a reader that stalls stalls its
//! writer, and memory stays at one buffer.

use std::{future::pending, io, ops::Range};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The size of the buffer.
const CHUNK: usize = 64 * 1024;

/// One direction, and how far it is.
pub(super) struct Flow {
    buffer: Box<[u8]>,
    /// What is read and not yet written.
    waiting: Range<usize>,
    end: Progress,
    /// How many bytes were written.
    passed: u64,
}

/// How far the end of a direction has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// There may be more to read.
    Open,
    /// The source has ended.
    Read,
    /// The sink was told.
    Told,
}

/// What a step did.
#[derive(Debug)]
pub(super) enum Step<'a> {
    /// It read these bytes, which are written by the steps that follow.
    Read(&'a [u8]),
    /// Something else.
    Other,
}

/// Which end of a direction failed.
#[derive(Debug)]
pub(super) enum Broken {
    /// Reading did.
    Source,
    /// Writing did.
    Sink,
}

impl Flow {
    pub(super) fn new() -> Self {
        Self {
            buffer: vec![0; CHUNK].into(),
            waiting: 0..0,
            end: Progress::Open,
            passed: 0,
        }
    }

    /// How many bytes went through.
    pub(super) fn passed(&self) -> u64 {
        self.passed
    }

    /// Whether its end has come and the sink knows.
    pub(super) fn is_over(&self) -> bool {
        self.end == Progress::Told
    }

    /// Goes on by one read or write. Waits for ever once it is over. Safe to cancel: each step
    /// waits once.
    pub(super) async fn step(
        &mut self,
        source: &mut (impl AsyncRead + Unpin),
        sink: &mut (impl AsyncWrite + Unpin),
    ) -> Result<Step<'_>, Broken> {
        let waiting = self.buffer.get(self.waiting.clone()).unwrap_or_default();
        if !waiting.is_empty() {
            let count = sink
                .write(waiting)
                .await
                .map_err(|error| sink_broke(&error))?;
            if count == 0 {
                return Err(sink_broke(&io::ErrorKind::WriteZero.into()));
            }
            self.waiting.start += count;
            self.passed += u64::try_from(count).unwrap_or(0);
            return Ok(Step::Other);
        }
        match self.end {
            Progress::Open => {
                let count = source
                    .read(&mut self.buffer)
                    .await
                    .map_err(|error| source_broke(&error))?;
                if count == 0 {
                    self.end = Progress::Read;
                    return Ok(Step::Other);
                }
                self.waiting = 0..count;
                Ok(Step::Read(self.buffer.get(..count).unwrap_or_default()))
            }
            Progress::Read => {
                sink.shutdown().await.map_err(|error| sink_broke(&error))?;
                self.end = Progress::Told;
                Ok(Step::Other)
            }
            Progress::Told => pending().await,
        }
    }
}

fn source_broke(error: &io::Error) -> Broken {
    tracing::debug!(%error, "reading");
    Broken::Source
}

fn sink_broke(error: &io::Error) -> Broken {
    tracing::debug!(%error, "writing");
    Broken::Sink
}

#[cfg(test)]
mod tests;
