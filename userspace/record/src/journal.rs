//! Entries into a sink: gathered where there is a spool, packed, chained, one write a frame, and no
//! way on after a failure.
//!
//! With a spool an entry is recorded once it is there, and [`flush`](Journal::flush) makes a frame
//! of all that are; without one each entry is a frame of its own. What is encrypted is never
//! spooled: it would lie there in clear.
//!
//! Not its job: what a session may say in which order, when to flush, and files (the sink is anything
//! that writes; the session's writer hands in a file).

mod framing;

use std::{
    io::{self, ErrorKind, IoSlice, Write},
    mem,
    path::PathBuf,
    sync::Arc,
    time::Instant,
};

use serde::Serialize;

use crate::{
    Outcome, RecordError, Seq,
    batch::{self, EntryKind},
    borrowed::{EventRef, IntentRef},
    brief,
    frame::{Chain, Kind, MAX_EVENT, MAX_RESPONSE},
    header::{self, Rest},
    heads::Heads,
    outline::Outline,
    repeat::{Like, Told},
    seal::FileKey,
    sign::SigningKey,
    spool::{Slot, Spools},
};

use framing::blame;
pub(crate) use framing::write_all;

/// What the buffer keeps between events, so that one long command does not hold its memory for
/// the whole session.
const KEPT: usize = 64 << 10;

/// What a record begins with, and the keys that its frames need.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) rest: Rest,
    /// Opens the envelope in `rest`, where there is one.
    pub(crate) file_key: Option<FileKey>,
    /// Vouches for it at its checkpoints; without it there are none.
    pub(crate) witness: Option<Witness>,
    /// Where entries are gathered.
    pub(crate) spools: Option<Arc<Spools>>,
}

/// Who vouches for a record, and for what beside it.
#[derive(Clone, Debug)]
pub(crate) struct Witness {
    pub(crate) key: Arc<SigningKey>,
    pub(crate) heads: Option<Arc<Heads>>,
}

#[derive(Debug)]
pub(crate) struct Journal<W> {
    sink: W,
    path: PathBuf,
    opening: Opening,
    chain: Chain,
    /// How many there are.
    frames: u64,
    /// How many bytes there are.
    length: u64,
    /// How many bytes of entries were ever recorded.
    recorded: u64,
    /// How many frames the last checkpoint vouches for, and when that was.
    vouched: (u64, Instant),
    /// What stays readable of an encrypted record; none of another, all of which is.
    outline: Option<Outline>,
    /// What is not in a frame yet.
    slot: Option<Slot>,
    /// The intents in it.
    told: Told,
    json: Vec<u8>,
    body: Vec<u8>,
    poisoned: bool,
}

impl<W> Journal<W> {
    /// What it comes to: the last hash, and how many frames and bytes lead up to it.
    pub(crate) fn sum(&self) -> Sum {
        Sum {
            chain: *self.chain.as_bytes(),
            frames: self.frames,
            bytes: self.length,
        }
    }

    /// How many bytes of entries were ever recorded, gathered or written.
    pub(crate) fn recorded(&self) -> u64 {
        self.recorded
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
    pub(crate) fn begin(sink: W, path: PathBuf, opening: Opening) -> Result<Self, RecordError> {
        let broken = |source| RecordError::Write {
            path: path.clone(),
            source,
        };
        let header = header::encode(&opening.rest)
            .ok_or_else(|| broken(io::Error::other("too many recipients")))?;
        let mut journal = Self {
            chain: Chain::start(&header),
            outline: opening.file_key.is_some().then(Outline::default),
            sink,
            path,
            opening,
            frames: 0,
            length: header.len() as u64,
            recorded: 0,
            vouched: (0, Instant::now()),
            slot: None,
            told: Told::default(),
            json: Vec::new(),
            body: Vec::new(),
            poisoned: false,
        };
        journal.guarded(|sink| write_all(sink, &mut [IoSlice::new(&header)]), blame)?;
        Ok(journal)
    }

    /// Appends an event, or nothing when it can't be encoded.
    pub(crate) fn event(&mut self, at: i64, event: &EventRef<'_>) -> Result<(), RecordError> {
        self.with_json(|journal, json| {
            encode(event, json)?;
            journal.entry(EntryKind::Event, at, [&[], json])?;
            journal.outline(at, event)
        })
    }

    /// Appends a command's intent; in a few bytes where it is like one before it.
    pub(crate) fn intent(&mut self, intent: &IntentRef<'_>) -> Result<(), RecordError> {
        // Nothing is remembered of what isn't gathered any more.
        if let Some(like) = self.told.find(intent)
            && self.again(like, intent)?
        {
            return Ok(());
        }
        self.event(intent.at, &EventRef::Intent(intent.clone()))?;
        if let Some(slot) = &self.slot
            && let Some(number) = slot.entries().checked_sub(1)
        {
            self.told.remember(number, intent);
        }
        Ok(())
    }

    /// Appends a command's outcome; in a few bytes where it is gathered and says no more than most.
    pub(crate) fn outcome(
        &mut self,
        at: i64,
        seq: Seq,
        outcome: &Outcome,
    ) -> Result<(), RecordError> {
        let gathered = self.with_json(|journal, bytes| {
            bytes.extend_from_slice(&at.to_le_bytes());
            bytes.extend_from_slice(&seq.to_le_bytes());
            Ok(brief::append(outcome, bytes)
                && journal.spooled(EntryKind::Outcome, [bytes, &[], &[]])?)
        })?;
        if gathered {
            return Ok(());
        }
        self.event(at, &EventRef::Outcome { seq, outcome })
    }

    /// Gathers that an entry's intent comes again. False where there is no place for it.
    fn again(&mut self, like: Like, intent: &IntentRef<'_>) -> Result<bool, RecordError> {
        self.with_json(|journal, json| {
            json.extend_from_slice(&intent.at.to_le_bytes());
            json.extend_from_slice(&intent.seq.to_le_bytes());
            json.extend_from_slice(&like.number.to_le_bytes());
            let mut kind = EntryKind::Again;
            if !like.same_text {
                kind = EntryKind::Alike;
                let length = u32::try_from(intent.text.len()).unwrap_or(u32::MAX);
                json.extend_from_slice(&length.to_le_bytes());
                json.extend_from_slice(intent.text.as_bytes());
            }
            if !intent.parameters.is_empty() {
                encode(&intent.parameters, json)?;
            }
            journal.spooled(kind, [json, &[], &[]])
        })
    }

    /// Lends the buffer for what is encoded, which keeps some of its memory and nothing else.
    fn with_json<T>(
        &mut self,
        work: impl FnOnce(&mut Self, &mut Vec<u8>) -> Result<T, RecordError>,
    ) -> Result<T, RecordError> {
        let mut json = mem::take(&mut self.json);
        let result = work(self, &mut json);
        json.clear();
        json.shrink_to(KEPT);
        self.json = json;
        result
    }

    /// Appends what the agent saw or sent, over as many entries as it takes.
    pub(crate) fn bytes(
        &mut self,
        kind: EntryKind,
        at: i64,
        seq: Seq,
        bytes: &[u8],
    ) -> Result<(), RecordError> {
        let seq = seq.to_le_bytes();
        let mut rest = bytes;
        loop {
            let (now, later) = rest.split_at_checked(MAX_RESPONSE).unwrap_or((rest, &[]));
            self.entry(kind, at, [&seq, now])?;
            if later.is_empty() {
                return Ok(());
            }
            rest = later;
        }
    }

    /// Makes a frame of what was gathered.
    pub(crate) fn flush(&mut self, at: i64) -> Result<(), RecordError> {
        self.whole()?;
        let Some(slot) = self.slot.take() else {
            return Ok(());
        };
        self.told.clear();
        // A session that says nothing more holds nothing for it.
        self.json = Vec::new();
        // Where this fails, the slot keeps what is in it.
        if slot.entries() > 0 {
            self.packed(Kind::Batch, slot.bytes())?;
        }
        slot.clear();
        self.vouch_in_time(at)
    }

    /// Appends an entry: to what is gathered, or as a frame of its own where it doesn't fit.
    fn entry(&mut self, kind: EntryKind, at: i64, rest: [&[u8]; 2]) -> Result<(), RecordError> {
        let time = at.to_le_bytes();
        let [a, b] = rest;
        let content = [&time, a, b];
        if self.spooled(kind, content)? {
            return Ok(());
        }
        // What was gathered comes first.
        self.flush(at)?;
        if self.spooled(kind, content)? {
            return Ok(());
        }
        let head = batch::head(kind, content).ok_or(RecordError::TooLarge { limit: MAX_EVENT })?;
        // What is sealed doesn't say what it is.
        let sealed = self.opening.file_key.is_some();
        let (kind, entry) = match kind.alone().filter(|_| !sealed) {
            Some(kind) => (kind, [&time[..], a, b].concat()),
            None => (Kind::Batch, [&head, &time[..], a, b].concat()),
        };
        self.packed(kind, &entry)?;
        self.recorded += entry.len() as u64;
        self.vouch_in_time(at)
    }

    /// Gathers an entry. False where there is no place for it.
    fn spooled(&mut self, kind: EntryKind, content: [&[u8]; 3]) -> Result<bool, RecordError> {
        self.whole()?;
        let length = content.iter().map(|part| part.len()).sum::<usize>();
        if self.slot.is_none()
            && self.frames > 0
            && self.opening.file_key.is_none()
            && Slot::could_hold(length)
        {
            let sum = self.sum();
            let id = self.opening.rest.id;
            let spools = self.opening.spools.as_ref();
            self.slot = spools.and_then(|spools| spools.take(id, &sum));
        }
        let spooled = self
            .slot
            .as_mut()
            .is_some_and(|slot| slot.push(kind, content));
        if spooled {
            self.recorded += length as u64;
        }
        Ok(spooled)
    }

    fn whole(&self) -> Result<(), RecordError> {
        if self.poisoned {
            return Err(RecordError::Poisoned {
                path: self.path.clone(),
            });
        }
        Ok(())
    }
}

/// What a record comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sum {
    /// The chain's last hash.
    pub(crate) chain: [u8; 32],
    /// How many frames.
    pub(crate) frames: u64,
    /// How many bytes.
    pub(crate) bytes: u64,
}

impl Sum {
    /// Of a record that was not begun.
    pub(crate) const NOTHING: Self = Self {
        chain: [0; 32],
        frames: 0,
        bytes: 0,
    };
}

fn encode(value: &impl Serialize, json: &mut Vec<u8>) -> Result<(), RecordError> {
    serde_json::to_writer(Bounded(json), value).map_err(|source| {
        if source.is_io() {
            RecordError::TooLarge { limit: MAX_EVENT }
        } else {
            RecordError::Encode { source }
        }
    })
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
