//! Frames into a sink: one buffer, one chain, one write a frame, and no way on after a failure.
//!
//! Not its job: what a session may say in which order, and files (the sink is anything that
//! writes; the session's writer hands in a file).

use std::{
    io::{self, ErrorKind, IoSlice, Write},
    mem,
    path::{Path, PathBuf},
};

use crate::{
    RecordError, Seq,
    borrowed::EventRef,
    frame::{self, Chain, Head, Kind, MAX_EVENT, MAX_RESPONSE},
};

/// What the buffer keeps between events, so that one long command does not hold its memory for
/// the whole session.
const KEPT: usize = 64 << 10;

#[derive(Debug)]
pub(crate) struct Journal<W> {
    sink: W,
    path: PathBuf,
    chain: Chain,
    json: Vec<u8>,
    poisoned: bool,
}

impl<W> Journal<W> {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `work` on the sink. The journal counts as poisoned until `work` has succeeded, so
    /// that neither an error nor a panic leaves it open behind half a frame.
    pub(crate) fn guarded<T>(
        &mut self,
        work: impl FnOnce(&mut W) -> io::Result<T>,
        blame: impl FnOnce(PathBuf, io::Error) -> RecordError,
    ) -> Result<T, RecordError> {
        if mem::replace(&mut self.poisoned, true) {
            return Err(RecordError::Poisoned {
                path: self.path.clone(),
            });
        }
        let done = work(&mut self.sink).map_err(|source| blame(self.path.clone(), source))?;
        self.poisoned = false;
        Ok(done)
    }
}

impl<W: Write> Journal<W> {
    /// Begins a record: writes the header.
    pub(crate) fn begin(sink: W, path: PathBuf) -> Result<Self, RecordError> {
        let header = frame::header();
        let chain = Chain::start(&header);
        let mut journal = Self {
            sink,
            path,
            chain,
            json: Vec::new(),
            poisoned: false,
        };
        journal.guarded(|sink| write_all(sink, &mut [IoSlice::new(&header)]), blame)?;
        Ok(journal)
    }

    /// Appends an event, or nothing when it can't be encoded.
    pub(crate) fn event(&mut self, at: i64, event: &EventRef<'_>) -> Result<(), RecordError> {
        let mut json = mem::take(&mut self.json);
        json.clear();
        let result = encode(event, &mut json)
            .and_then(|()| self.frame(Kind::Event, [&at.to_le_bytes(), &[], &json]));
        json.clear();
        json.shrink_to(KEPT);
        self.json = json;
        result
    }

    /// Appends what the agent saw or sent, over as many frames as it takes.
    pub(crate) fn bytes(
        &mut self,
        kind: Kind,
        at: i64,
        seq: Seq,
        bytes: &[u8],
    ) -> Result<(), RecordError> {
        let (at, seq) = (at.to_le_bytes(), seq.to_le_bytes());
        let mut rest = bytes;
        loop {
            let (now, later) = rest.split_at_checked(MAX_RESPONSE).unwrap_or((rest, &[]));
            self.frame(kind, [&at, &seq, now])?;
            if later.is_empty() {
                return Ok(());
            }
            rest = later;
        }
    }

    fn frame(&mut self, kind: Kind, body: [&[u8]; 3]) -> Result<(), RecordError> {
        let length = body.iter().map(|part| part.len()).sum::<usize>();
        // Both callers bound their bodies by MAX_BODY, which is far below.
        let length =
            u32::try_from(length).map_err(|_| RecordError::TooLarge { limit: MAX_EVENT })?;
        let head = Head { kind, length };
        let chain = self.chain.next(head, body);
        let head = head.to_bytes();
        let [a, b, c] = body;
        let mut parts = [&head[..], a, b, c, chain.as_bytes()].map(IoSlice::new);
        self.guarded(|sink| write_all(sink, &mut parts), blame)?;
        self.chain = chain;
        Ok(())
    }
}

fn encode(event: &EventRef<'_>, json: &mut Vec<u8>) -> Result<(), RecordError> {
    serde_json::to_writer(Bounded(json), event).map_err(|source| {
        if source.is_io() {
            RecordError::TooLarge { limit: MAX_EVENT }
        } else {
            RecordError::Encode { source }
        }
    })
}

fn blame(path: PathBuf, source: io::Error) -> RecordError {
    match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            RecordError::Full { path, source }
        }
        _ => RecordError::Write { path, source },
    }
}

/// Writes all parts, with one call unless the sink takes less than it is given.
fn write_all(sink: &mut impl Write, mut parts: &mut [IoSlice<'_>]) -> io::Result<()> {
    // Drops leading empty parts: a write of nothing would look like a full sink.
    IoSlice::advance_slices(&mut parts, 0);
    while !parts.is_empty() {
        match sink.write_vectored(parts) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut parts, written),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A buffer that stops an event from growing beyond a frame, whatever its JSON escapes to.
struct Bounded<'a>(&'a mut Vec<u8>);

impl Write for Bounded<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > MAX_EVENT.saturating_sub(self.0.len()) {
            return Err(ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
