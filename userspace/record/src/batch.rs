//! Several entries in one body: what a session said in a short while, packed together.
//!
//! Job: the bytes of an entry, into a batch and out of it. Not its job: where batches are kept, or
//! packed. `FORMAT.md` describes them.
//!
//! A command that is read and judged like an earlier one of the same batch is told in a few bytes that say
//! which, and in its text where that is another. A batch stands for itself: nothing in it hangs on another.

use std::sync::Arc;

use crate::{
    Event, Intent, Seq, brief,
    frame::{AT_LEN, Kind, SEQ_LEN},
    reader::{Again, Entry, Kept},
};

/// How many bytes an entry has before its content.
pub(crate) const ENTRY_HEAD: usize = 5;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryKind {
    /// The time, then an [`Event`] as JSON.
    Event,
    /// The time, the command's number, then what the agent saw.
    Response,
    /// The time, the command's number, then what the agent sent beside the command's text.
    Request,
    /// The time, the command's number, which entry's intent it repeats, then its own parameters as
    /// JSON, or nothing where it has none.
    Again,
    /// The same, but with a text of its own, which comes with its length before the parameters.
    Alike,
    /// The time, the command's number, then its outcome in [brief](crate::brief).
    Outcome,
}

impl EntryKind {
    fn number(self) -> u8 {
        match self {
            Self::Event => 1,
            Self::Response => 2,
            Self::Request => 3,
            Self::Again => 4,
            Self::Outcome => 5,
            Self::Alike => 6,
        }
    }

    /// The kind of frame that holds nothing but one such entry, if there is one: whoever wants no
    /// results need not unpack it.
    pub(crate) fn alone(self) -> Option<Kind> {
        match self {
            Self::Response => Some(Kind::Response),
            Self::Request => Some(Kind::Request),
            Self::Event | Self::Again | Self::Alike | Self::Outcome => None,
        }
    }

    fn of(number: u8) -> Option<Self> {
        let all = [
            Self::Event,
            Self::Response,
            Self::Request,
            Self::Again,
            Self::Outcome,
            Self::Alike,
        ];
        all.into_iter().find(|kind| kind.number() == number)
    }
}

/// The head of an entry, or nothing where its content is too long for any.
pub(crate) fn head(kind: EntryKind, content: [&[u8]; 3]) -> Option<[u8; ENTRY_HEAD]> {
    let length = content.iter().map(|part| part.len()).sum::<usize>();
    let [a, b, c, d] = u32::try_from(length).ok()?.to_le_bytes();
    Some([kind.number(), a, b, c, d])
}

/// What is wrong in a batch.
#[derive(Debug)]
pub(crate) enum Undecodable {
    /// It is shorter than it says, or says what can't be.
    Short,
    /// An event that is none.
    Json(serde_json::Error),
}

/// Takes a batch apart.
#[derive(Debug)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    at: usize,
    /// All of it is one content of this kind.
    alone: Option<EntryKind>,
    /// How many entries were given out.
    taken: u32,
    /// The intents among them, by their number in the batch.
    intents: Vec<(u32, Arc<Intent>)>,
}

impl Batch {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            at: 0,
            alone: None,
            taken: 0,
            intents: Vec::new(),
        }
    }

    /// A content without others.
    pub(crate) fn of_one(kind: EntryKind, content: Vec<u8>) -> Self {
        Self {
            alone: Some(kind),
            ..Self::new(content)
        }
    }

    /// How many entries were given out.
    pub(crate) fn taken(&self) -> usize {
        usize::try_from(self.taken).unwrap_or(usize::MAX)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// Passes over so many entries.
    pub(crate) fn skip(&mut self, count: usize) -> Result<(), Undecodable> {
        for _ in 0..count {
            self.next(false)?;
        }
        Ok(())
    }

    /// The next entry with its time; of a result nothing but that, where none are wanted.
    pub(crate) fn next(&mut self, results: bool) -> Result<(i64, Option<Kept>), Undecodable> {
        if let Some(kind) = self.alone {
            self.at = self.bytes.len();
            self.taken += 1;
            let (at, entry) = decode(kind, &self.bytes)?;
            return Ok((at, Some(Kept::Entry(entry))));
        }
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let (head, rest) = rest
            .split_first_chunk::<ENTRY_HEAD>()
            .ok_or(Undecodable::Short)?;
        let [kind, a, b, c, d] = *head;
        let kind = EntryKind::of(kind).ok_or(Undecodable::Short)?;
        let length = usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        let content = rest.get(..length).ok_or(Undecodable::Short)?;
        let kept = match kind {
            EntryKind::Response | EntryKind::Request if !results => passed(content)?,
            EntryKind::Again | EntryKind::Alike => {
                let (at, again) = again(kind, content, &self.intents)?;
                (at, Some(Kept::Again(again)))
            }
            _ => {
                let (at, entry) = decode(kind, content)?;
                if let Entry::Event(Event::Intent(intent)) = &entry {
                    self.intents.push((self.taken, Arc::new(intent.clone())));
                }
                (at, Some(Kept::Entry(entry)))
            }
        };
        self.at += ENTRY_HEAD + length;
        self.taken += 1;
        Ok(kept)
    }
}

/// A result that nobody wants.
fn passed(content: &[u8]) -> Result<(i64, Option<Kept>), Undecodable> {
    let (at, rest) = content
        .split_first_chunk::<AT_LEN>()
        .ok_or(Undecodable::Short)?;
    if rest.len() < SEQ_LEN {
        return Err(Undecodable::Short);
    }
    Ok((i64::from_le_bytes(*at), None))
}

/// An entry that says all of itself.
pub(crate) fn decode(kind: EntryKind, content: &[u8]) -> Result<(i64, Entry), Undecodable> {
    let (at, rest) = content
        .split_first_chunk::<AT_LEN>()
        .ok_or(Undecodable::Short)?;
    let at = i64::from_le_bytes(*at);
    if kind == EntryKind::Event {
        let event = serde_json::from_slice(rest).map_err(Undecodable::Json)?;
        return Ok((at, Entry::Event(event)));
    }
    let (seq, bytes) = rest
        .split_first_chunk::<SEQ_LEN>()
        .ok_or(Undecodable::Short)?;
    let seq = Seq::from_le_bytes(*seq);
    if kind == EntryKind::Outcome {
        let outcome = brief::read(bytes).ok_or(Undecodable::Short)?;
        return Ok((at, Entry::Event(Event::Outcome { seq, outcome })));
    }
    let bytes = bytes.to_vec();
    let entry = if kind == EntryKind::Request {
        Entry::Request { seq, at, bytes }
    } else {
        Entry::Response { seq, at, bytes }
    };
    Ok((at, entry))
}

fn again(
    kind: EntryKind,
    content: &[u8],
    intents: &[(u32, Arc<Intent>)],
) -> Result<(i64, Again), Undecodable> {
    let (at, rest) = content
        .split_first_chunk::<AT_LEN>()
        .ok_or(Undecodable::Short)?;
    let (seq, rest) = rest
        .split_first_chunk::<SEQ_LEN>()
        .ok_or(Undecodable::Short)?;
    let (of, rest) = rest.split_first_chunk().ok_or(Undecodable::Short)?;
    let of = u32::from_le_bytes(*of);
    let (text, parameters) = match kind {
        EntryKind::Alike => {
            let (text, rest) = own_text(rest).ok_or(Undecodable::Short)?;
            (Some(text), rest)
        }
        _ => (None, rest),
    };
    let (_, intent) = intents
        .iter()
        .rev()
        .find(|(number, _)| *number == of)
        .ok_or(Undecodable::Short)?;
    let parameters = if parameters.is_empty() {
        Vec::new()
    } else {
        serde_json::from_slice(parameters).map_err(Undecodable::Json)?
    };
    let at = i64::from_le_bytes(*at);
    let again = Again {
        of: Arc::clone(intent),
        text,
        seq: Seq::from_le_bytes(*seq),
        at,
        parameters,
    };
    Ok((at, again))
}

/// A text behind its length, and what comes behind it.
fn own_text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (text, rest) = rest.split_at_checked(length)?;
    Some((std::str::from_utf8(text).ok()?.to_owned(), rest))
}
