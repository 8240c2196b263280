//! Frames: packed, sealed, chained and written, and vouched for in time.

use std::{
    io::{self, ErrorKind, IoSlice, Write},
    mem,
    path::PathBuf,
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::{Journal, KEPT, Witness};
use crate::{
    RecordError,
    borrowed::EventRef,
    checkpoint::{Checkpoint, Claim, Told as Vouched},
    frame::{HASH_LEN, Head, Kind, MAX_EVENT},
    outline::Outline,
    pack::pack,
};

/// After so many frames the host vouches for the record.
const CHECKPOINT_FRAMES: u64 = 256;
/// And so long after it last did, with the next frame.
const CHECKPOINT_TIME: Duration = Duration::from_secs(30);

impl<W: Write> Journal<W> {
    /// Has the host vouch for the whole record, where it has a host: nothing follows.
    pub(crate) fn seal(&mut self, at: i64) -> Result<(), RecordError> {
        self.vouch(at, true)
    }

    /// Has the host vouch for everything up to here.
    fn vouch(&mut self, at: i64, last: bool) -> Result<(), RecordError> {
        self.tell_outline(at)?;
        let Some(Witness { key, heads }) = self.opening.witness.clone() else {
            return Ok(());
        };
        let claim = Claim {
            id: self.opening.rest.id,
            frames: self.frames,
            chain: self.chain.as_bytes(),
            time: Timestamp::now().as_microsecond(),
            told: Vouched {
                heads: heads.map(|heads| heads.latest()).unwrap_or_default(),
                last,
            },
        };
        let checkpoint = Checkpoint::sign(claim, at, &key).to_bytes();
        self.vouched = (self.frames + 1, Instant::now());
        self.frame(Kind::Checkpoint, &checkpoint)
    }

    /// Notes what is to stay readable of an event, and tells it where it can't wait.
    pub(super) fn outline(&mut self, at: i64, event: &EventRef<'_>) -> Result<(), RecordError> {
        let Some(outline) = &mut self.outline else {
            return Ok(());
        };
        outline.add(at, event)?;
        // A session is known by its start; the rest comes with its checkpoints.
        if outline.is_long() || matches!(event, EventRef::Start(_)) {
            return self.tell_outline(at);
        }
        Ok(())
    }

    fn tell_outline(&mut self, at: i64) -> Result<(), RecordError> {
        let Some(json) = self.outline.as_mut().and_then(Outline::take) else {
            return Ok(());
        };
        let mut body = Vec::new();
        let packed = pack(&[&at.to_le_bytes()[..], &json].concat(), &mut body);
        self.guarded(|_| packed, blame)?;
        self.frame(Kind::Outline, &body)
    }

    pub(super) fn vouch_in_time(&mut self, at: i64) -> Result<(), RecordError> {
        let (frames, when) = self.vouched;
        if self.frames - frames >= CHECKPOINT_FRAMES || when.elapsed() >= CHECKPOINT_TIME {
            return self.vouch(at, false);
        }
        Ok(())
    }

    /// Writes entries as a frame.
    pub(super) fn packed(&mut self, kind: Kind, entries: &[u8]) -> Result<(), RecordError> {
        let mut body = mem::take(&mut self.body);
        body.clear();
        let number = self.frames;
        let result = self
            .pack(kind, number, entries, &mut body)
            .and_then(|()| self.frame(kind, &body));
        body.clear();
        body.shrink_to(if kind == Kind::Batch { 0 } else { KEPT });
        self.body = body;
        result
    }

    /// A number that was sealed for nothing would spoil what follows: so this poisons, too.
    fn pack(
        &mut self,
        kind: Kind,
        number: u64,
        entries: &[u8],
        body: &mut Vec<u8>,
    ) -> Result<(), RecordError> {
        if mem::replace(&mut self.poisoned, true) {
            return Err(RecordError::Poisoned {
                path: self.path.clone(),
            });
        }
        let packed = pack(entries, body);
        let sealed = packed.and_then(|()| match &self.opening.file_key {
            Some(key) => key.seal(number, kind.number(), body),
            None => Ok(()),
        });
        sealed.map_err(|source| blame(self.path.clone(), source))?;
        self.poisoned = false;
        Ok(())
    }

    fn frame(&mut self, kind: Kind, body: &[u8]) -> Result<(), RecordError> {
        // Contents are bounded, and grow by little when they are packed.
        let length =
            u32::try_from(body.len()).map_err(|_| RecordError::TooLarge { limit: MAX_EVENT })?;
        let head = Head::new(kind, length);
        let chain = self.chain.next(head, [body]);
        let head = head.to_bytes();
        let mut parts = [&head[..], body, chain.stored(HASH_LEN)].map(IoSlice::new);
        let written = parts.iter().map(|part| part.len() as u64).sum::<u64>();
        self.guarded(|sink| write_all(sink, &mut parts), blame)?;
        self.chain = chain;
        self.frames += 1;
        self.length += written;
        Ok(())
    }
}

pub(super) fn blame(path: PathBuf, source: io::Error) -> RecordError {
    match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            RecordError::Full { path, source }
        }
        _ => RecordError::Write { path, source },
    }
}

/// Writes all parts, with one call unless the sink takes less than it is given.
pub(crate) fn write_all(sink: &mut impl Write, mut parts: &mut [IoSlice<'_>]) -> io::Result<()> {
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
