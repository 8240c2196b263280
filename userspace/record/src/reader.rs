//! A record, read back: entry by entry, each verified before it is given out.
//!
//! A record that simply stops, in the middle of a frame or between two, is what a killed writer
//! leaves: the entries before it are good, and [`SessionReader::tail`] tells. Anything else that
//! does not fit is an error that names the place, and ends the reading.
//!
//! Known limit: a frame whose length was raised looks like one that was cut off, so whatever
//! followed it is reported as a torn tail and not as damage. Signed checkpoints will tell.

use std::{fs::File, io::BufReader, path::Path};

use crate::{
    Event, Place, ReadError, Seq,
    frame::{self, Chain, Kind},
    frames::{Frames, Tail},
};

/// One entry of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "held one at a time; a box would be one for each"
)]
pub enum Entry {
    /// Something happened.
    Event(Event),
    /// The agent was sent something. A long response comes as several of these.
    Response {
        /// In answer to which command.
        seq: Seq,
        /// Microseconds since the session's start.
        at: i64,
        /// What, as the agent saw it.
        bytes: Vec<u8>,
    },
    /// The agent sent something beside the command's text. Much of it comes as several of these.
    Request {
        /// Under which command.
        seq: Seq,
        /// Microseconds since the session's start.
        at: i64,
        /// What, as the agent sent it.
        bytes: Vec<u8>,
    },
}

/// Reads one session's record. An iterator that ends with the record, or after an error.
#[derive(Debug)]
pub struct SessionReader {
    frames: Frames<BufReader<File>>,
    progress: Progress,
    /// Nothing more is given out: the record has stopped, or an error was told.
    over: bool,
    /// Behind the last entry that was given out: the byte, and the chain up to there.
    behind: (u64, Chain),
    at: i64,
}

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Start,
    Anything,
    AfterEnd,
}

impl SessionReader {
    /// Opens a record and checks its header. A file that stops within the header is one with no
    /// entries and a torn tail.
    ///
    /// # Errors
    ///
    /// [`ReadError::Open`], [`ReadError::Read`], [`ReadError::NotARecord`],
    /// [`ReadError::Version`].
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let file = File::open(path).map_err(|source| ReadError::Open {
            path: path.to_owned(),
            source,
        })?;
        let frames = Frames::begin(BufReader::new(file), path.to_owned())?;
        let over = matches!(frames.tail(), Tail::Torn { .. });
        Ok(Self {
            over,
            ..Self::of(frames, Progress::Start, 0)
        })
    }

    pub(crate) fn of(frames: Frames<BufReader<File>>, progress: Progress, at: i64) -> Self {
        Self {
            behind: (frames.offset(), frames.chain()),
            frames,
            progress,
            over: false,
            at,
        }
    }

    pub(crate) fn behind(&self) -> (u64, Chain) {
        self.behind
    }

    pub(crate) fn progress(&self) -> Progress {
        self.progress
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.frames.path()
    }

    /// How the record stops. Known once the iteration has ended.
    #[must_use]
    pub fn tail(&self) -> Tail {
        self.frames.tail()
    }

    /// When the last entry was recorded, in microseconds since the session's start.
    #[must_use]
    pub fn at(&self) -> i64 {
        self.at
    }

    fn entry(&mut self) -> Result<Option<Entry>, ReadError> {
        let offset = self.frames.offset();
        let Some((kind, body)) = self.frames.next()? else {
            return Ok(None);
        };
        let place = || Place {
            path: self.frames.path().to_owned(),
            offset,
        };
        let (at, entry) = decode(kind, body).map_err(|problem| match problem {
            Undecodable::Short => ReadError::Chain { place: place() },
            Undecodable::Json(source) => ReadError::Event {
                place: place(),
                source,
            },
        })?;
        let is_start = matches!(entry, Entry::Event(Event::Start(_)));
        let problem = match self.progress {
            Progress::Start if !is_start => Some("the record does not begin with its start"),
            Progress::Anything if is_start => Some("the session starts a second time"),
            Progress::AfterEnd => Some("something follows the session's end"),
            _ => None,
        };
        if let Some(problem) = problem {
            return Err(ReadError::Order {
                place: place(),
                problem,
            });
        }
        self.progress = match entry {
            Entry::Event(Event::End(_)) => Progress::AfterEnd,
            _ => Progress::Anything,
        };
        self.at = at;
        self.behind = (self.frames.offset(), self.frames.chain());
        Ok(Some(entry))
    }
}

impl Iterator for SessionReader {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let next = self.entry().transpose();
        self.over = !matches!(next, Some(Ok(_)));
        next
    }
}

enum Undecodable {
    /// Shorter than its kind allows, which the parser of heads has ruled out.
    Short,
    Json(serde_json::Error),
}

fn decode(kind: Kind, mut body: Vec<u8>) -> Result<(i64, Entry), Undecodable> {
    let (at, rest) = body.split_first_chunk().ok_or(Undecodable::Short)?;
    let at = i64::from_le_bytes(*at);
    match kind {
        Kind::Event => {
            let event = serde_json::from_slice(rest).map_err(Undecodable::Json)?;
            Ok((at, Entry::Event(event)))
        }
        Kind::Response | Kind::Request => {
            let (seq, _) = rest.split_first_chunk().ok_or(Undecodable::Short)?;
            let seq = Seq::from_le_bytes(*seq);
            body.drain(..frame::AT_LEN + frame::SEQ_LEN);
            let bytes = body;
            let entry = match kind {
                Kind::Request => Entry::Request { seq, at, bytes },
                Kind::Event | Kind::Response => Entry::Response { seq, at, bytes },
            };
            Ok((at, entry))
        }
    }
}

#[cfg(test)]
mod tests;
