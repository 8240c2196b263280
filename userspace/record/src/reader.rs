//! A record, read back: entry by entry, each verified before it is given out.
//!
//! A record that simply stops, in the middle of a frame or between two, is what a killed writer
//! leaves: the entries before it are good, and [`SessionReader::tail`] tells. Anything else that
//! does not fit is an error that names the place, and ends the reading.
//!
//! Known limit: a frame whose length was raised looks like one that was cut off, so whatever
//! followed it is reported as a torn tail and not as damage. The signed checkpoints and the head
//! file tell (see [`verify`](crate::verify)); here they are passed over.

use std::{
    fs::File,
    io::{self, BufReader},
    path::Path,
};

use crate::{
    Event, Place, ReadError, Seq,
    frame::{self, Chain, Kind},
    frames::{Frame, Frames, Tail},
    header::VERSION,
    pack::Unpacker,
    seal::{Closed, FileKey, Identities},
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
    contents: Contents,
    progress: Progress,
    /// Nothing more is given out: the record has stopped, or an error was told.
    over: bool,
    /// Behind the last entry that was given out: the byte, and the chain up to there.
    behind: (u64, Chain),
    at: i64,
}

/// How contents come out of bodies.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "one a reader, and nearly always the large one"
)]
enum Contents {
    /// As they are, before version 3.
    Bare,
    /// Packed, and sealed where there is a key.
    Packed(Unpacker, Option<FileKey>),
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
    /// [`ReadError::Version`], and [`ReadError::Encrypted`].
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        Self::open_with(path, None)
    }

    /// As [`open`](Self::open), with what decrypts an encrypted record.
    ///
    /// # Errors
    ///
    /// As `open`; [`ReadError::Encrypted`] where no identity is one that it was encrypted to.
    pub fn open_with(path: &Path, identities: Option<&Identities>) -> Result<Self, ReadError> {
        let file = File::open(path).map_err(|source| ReadError::Open {
            path: path.to_owned(),
            source,
        })?;
        let frames = Frames::begin(BufReader::new(file), path.to_owned())?;
        Ok(Self {
            contents: contents(&frames, identities)?,
            progress: Progress::Start,
            over: matches!(frames.tail(), Tail::Torn { .. }),
            behind: (frames.offset(), frames.last_chain()),
            frames,
            at: 0,
        })
    }

    /// Goes over the frames up to `offset`, since what follows is packed by what they hold. An
    /// error, and with it the record's end, comes out as what is next.
    pub(crate) fn pass(
        &mut self,
        (offset, chain): (u64, Chain),
        progress: Progress,
        at: i64,
    ) -> Result<(), ReadError> {
        while self.frames.offset() < offset {
            let place = self.place();
            match self.frames.next()? {
                None => {
                    self.over = true;
                    break;
                }
                Some(frame) if frame.kind == Kind::Checkpoint => {}
                Some(frame) => {
                    let passed = self.contents.of(frame);
                    passed.ok_or(ReadError::Content { place })?;
                }
            }
        }
        let here = (self.frames.offset(), self.frames.last_chain());
        if !self.over && here != (offset, chain) {
            return Err(ReadError::Chain {
                place: self.place(),
            });
        }
        (self.behind, self.progress, self.at) = ((offset, chain), progress, at);
        Ok(())
    }

    pub(crate) fn behind(&self) -> (u64, Chain) {
        self.behind
    }

    pub(crate) fn progress(&self) -> Progress {
        self.progress
    }

    fn place(&self) -> Place {
        Place {
            path: self.frames.path().to_owned(),
            offset: self.frames.offset(),
        }
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
        let Some(frame) = self.frames.next()? else {
            return Ok(None);
        };
        if frame.kind == Kind::Checkpoint {
            return self.entry();
        }
        let place = || Place {
            path: self.frames.path().to_owned(),
            offset,
        };
        let kind = frame.kind;
        let content = self
            .contents
            .of(frame)
            .ok_or_else(|| ReadError::Content { place: place() })?;
        let (at, entry) = decode(kind, content).map_err(|problem| match problem {
            Undecodable::Short => ReadError::Content { place: place() },
            Undecodable::Json(source) => ReadError::Event {
                place: place(),
                source,
            },
        })?;
        if let (Entry::Event(Event::Start(start)), Some(rest)) = (&entry, self.frames.rest())
            && start.id != rest.id
        {
            return Err(ReadError::Order {
                place: place(),
                problem: "it starts another session than the header says",
            });
        }
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
        self.behind = (self.frames.offset(), self.frames.last_chain());
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

fn contents<R: io::Read>(
    frames: &Frames<R>,
    identities: Option<&Identities>,
) -> Result<Contents, ReadError> {
    let path = || frames.path().to_owned();
    if frames.version() < VERSION {
        return Ok(Contents::Bare);
    }
    let key = match (
        frames.rest().and_then(|rest| rest.envelope.as_ref()),
        identities,
    ) {
        (None, _) => None,
        (Some(_), None) => return Err(ReadError::Encrypted { path: path() }),
        (Some(envelope), Some(identities)) => {
            let key = FileKey::unwrap(envelope, identities);
            Some(key.map_err(|closed| match closed {
                Closed::NoneFits => ReadError::Encrypted { path: path() },
                Closed::Damaged => ReadError::NotARecord { path: path() },
            })?)
        }
    };
    let unpacker = Unpacker::new().map_err(|source| ReadError::Open {
        path: path(),
        source,
    })?;
    Ok(Contents::Packed(unpacker, key))
}

impl Contents {
    /// The content of a frame, or nothing where its body is none.
    fn of(&mut self, frame: Frame) -> Option<Vec<u8>> {
        let Frame {
            kind,
            number,
            mut body,
        } = frame;
        match self {
            Self::Bare => Some(body),
            Self::Packed(unpacker, key) => {
                if let Some(key) = key {
                    key.open(number, kind.number(), &mut body)?;
                }
                unpacker.unpack(&body).ok()
            }
        }
    }
}

enum Undecodable {
    /// Shorter than its kind allows.
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
        Kind::Response | Kind::Request | Kind::Checkpoint => {
            let (seq, _) = rest.split_first_chunk().ok_or(Undecodable::Short)?;
            let seq = Seq::from_le_bytes(*seq);
            body.drain(..frame::AT_LEN + frame::SEQ_LEN);
            let bytes = body;
            let entry = match kind {
                Kind::Request => Entry::Request { seq, at, bytes },
                Kind::Event | Kind::Response | Kind::Checkpoint => {
                    Entry::Response { seq, at, bytes }
                }
            };
            Ok((at, entry))
        }
    }
}

#[cfg(test)]
mod tests;
