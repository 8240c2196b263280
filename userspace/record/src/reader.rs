//! A record, read back: entry by entry, each verified before it is given out.
//!
//! A record that simply stops, in the middle of a frame or between two, is what a killed writer
//! leaves: the entries before it are good, and [`SessionReader::tail`] tells. Anything else that
//! does not fit is an error that names the place, and ends the reading.
//!
//! Known limit: a frame whose length was raised looks like one that was cut off, so whatever
//! followed it is reported as a torn tail and not as damage. The signed checkpoints and the head
//! file tell (see [`verify`](crate::verify)); here they are passed over.

mod contents;
mod entry;

use std::{collections::VecDeque, fs::File, io::BufReader, mem, path::Path};

use crate::{
    Event, Place, Position, ReadError,
    batch::{Batch, EntryKind, Undecodable},
    frame::{self, Kind},
    frames::{Frames, Mark, Tail},
    outline,
    pack::Unpacker,
    seal::Identities,
};

use contents::Contents;
pub use entry::{Again, Entry, Kept};

/// Reads one session's record. An iterator that ends with the record, or after an error.
#[derive(Debug)]
pub struct SessionReader {
    frames: Frames<BufReader<File>>,
    contents: Contents,
    progress: Progress,
    /// Results are given out, too.
    results: bool,
    /// Nothing more is given out: the record has stopped, or an error was told.
    over: bool,
    /// Behind the last frame that was given out whole.
    behind: Mark,
    outline: Outlined,
    /// What is left of the frame that was read last.
    batch: Option<Batch>,
    /// So many entries of the next frame were given out before the place at which this reader began.
    skip: usize,
    at: i64,
}

/// The events of one outline, which come out one by one.
#[derive(Debug, Default)]
struct Outlined {
    left: VecDeque<(i64, Event)>,
    given: usize,
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
        let frames = frames(path)?;
        let contents = Contents::new(&frames, identities)?;
        Ok(Self::of(frames, contents))
    }

    /// As [`open`](Self::open), and of an encrypted record its outline: the same events, without
    /// what the agent said, saw or was told.
    ///
    /// # Errors
    ///
    /// As `open`, but for [`ReadError::Encrypted`].
    pub fn survey(path: &Path) -> Result<Self, ReadError> {
        let frames = frames(path)?;
        let is_closed = frames.rest().is_some_and(|rest| rest.envelope.is_some());
        let contents = if is_closed {
            Contents::Closed
        } else {
            Contents::new(&frames, None)?
        };
        Ok(Self::of(frames, contents))
    }

    fn of(frames: Frames<BufReader<File>>, contents: Contents) -> Self {
        let here = frames.mark();
        Self {
            contents,
            progress: Progress::Start,
            results: true,
            over: matches!(frames.tail(), Tail::Torn { .. }),
            behind: here,
            frames,
            outline: Outlined::default(),
            batch: None,
            skip: 0,
            at: 0,
        }
    }

    /// Passes over what the agent was sent and sent itself. Where that stands in frames of its own, they
    /// are verified and not unpacked.
    #[must_use]
    pub fn without_results(mut self) -> Self {
        self.results = false;
        self
    }

    /// Whether these are the events of an outline alone, since the record is encrypted.
    #[must_use]
    pub fn is_outline(&self) -> bool {
        matches!(self.contents, Contents::Closed)
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

    /// The place behind the last entry that was given out; nothing before the first.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        let ended = match self.progress {
            Progress::Start => return None,
            Progress::Anything => false,
            Progress::AfterEnd => true,
        };
        let within = match &self.batch {
            Some(batch) if !batch.is_empty() => batch.taken(),
            _ if !self.outline.left.is_empty() => self.outline.given,
            _ => 0,
        };
        Some(Position {
            behind: self.behind,
            outline: self.is_outline(),
            within,
            at: self.at,
            ended,
        })
    }

    /// Reads on from a place. In a record of version 3 what is before it is gone over once more, since
    /// what follows is packed by it.
    ///
    /// # Errors
    ///
    /// As [`survey`](Self::survey), and [`ReadError::Chain`] where the record is another one than
    /// that which the place is from.
    pub fn resume(path: &Path, position: &Position) -> Result<Self, ReadError> {
        let mut reader = if position.outline {
            Self::survey(path)?
        } else {
            Self::open(path)?
        };
        reader.pass(position)?;
        Ok(reader)
    }

    /// Goes over the frames up to a place. Where the record ends before it, nothing is given out.
    fn pass(&mut self, position: &Position) -> Result<(), ReadError> {
        if !self.over && !matches!(self.contents, Contents::Packed(..)) {
            self.over = !self.frames.jump(position.behind)?;
        }
        while !self.over && self.frames.offset() < position.behind.offset {
            let place = self.place();
            match self.frames.next()? {
                None => self.over = true,
                Some(frame) if matches!(frame.kind, Kind::Checkpoint | Kind::Outline) => {}
                Some(frame) => {
                    let passed = self.contents.of(frame);
                    passed.ok_or(ReadError::Content { place })?;
                }
            }
        }
        let is_there = self.frames.mark() == position.behind;
        if !self.over && (!is_there || self.is_outline() != position.outline) {
            return Err(ReadError::Chain {
                place: self.place(),
            });
        }
        self.progress = if position.ended {
            Progress::AfterEnd
        } else {
            Progress::Anything
        };
        (self.behind, self.at) = (position.behind, position.at);
        self.skip = position.within;
        Ok(())
    }

    /// As [`next`](Iterator::next), without making a whole intent of each that repeats another: for who
    /// goes through many.
    pub fn next_kept(&mut self) -> Option<Result<Kept, ReadError>> {
        if self.over {
            return None;
        }
        let next = self.kept().transpose();
        self.over = !matches!(next, Some(Ok(_)));
        next
    }

    fn place(&self) -> Place {
        Place {
            path: self.frames.path().to_owned(),
            offset: self.frames.offset(),
        }
    }

    fn kept(&mut self) -> Result<Option<Kept>, ReadError> {
        loop {
            // Of the frame that is being given out, or of the next.
            let place = Place {
                path: self.frames.path().to_owned(),
                offset: self.behind.offset,
            };
            if let Some((at, event)) = self.outline.left.pop_front() {
                self.outline.given += 1;
                let kept = self.in_order(Kept::Entry(Entry::Event(event)), place)?;
                if self.outline.left.is_empty() {
                    self.behind = self.frames.mark();
                }
                self.at = at;
                return Ok(Some(kept));
            }
            if let Some(batch) = self.batch.as_mut().filter(|batch| !batch.is_empty()) {
                // Where none may come it is told.
                let results = self.results || self.progress != Progress::Anything;
                let next = batch.next(results);
                let (at, kept) = next.map_err(|bad| blame(bad, place.clone()))?;
                if batch.is_empty() {
                    self.behind = self.frames.mark();
                }
                self.at = at;
                match kept {
                    Some(kept) => return Ok(Some(self.in_order(kept, place)?)),
                    None => continue,
                }
            }
            let Some(frame) = self.frames.next()? else {
                return Ok(None);
            };
            match (frame.kind, &self.contents) {
                (Kind::Outline, Contents::Closed) => {
                    let events = unpacked(&frame.body).map_err(|bad| blame(bad, place))?;
                    let skip = mem::take(&mut self.skip);
                    self.outline.given = skip;
                    self.outline.left = events.into_iter().skip(skip).collect();
                    if !self.outline.left.is_empty() {
                        continue;
                    }
                }
                (Kind::Checkpoint | Kind::Outline, _) | (_, Contents::Closed) => {}
                // Those of version 3 are needed for what follows, and where none may come it is told.
                (Kind::Response | Kind::Request, Contents::Batches(..))
                    if !self.results && self.progress == Progress::Anything => {}
                (kind, _) => {
                    let content = self.contents.of(frame);
                    let content =
                        content.ok_or_else(|| blame(Undecodable::Short, place.clone()))?;
                    let mut batch = match kind {
                        Kind::Batch => Batch::new(content),
                        Kind::Event => Batch::of_one(EntryKind::Event, content),
                        Kind::Request => Batch::of_one(EntryKind::Request, content),
                        _ => Batch::of_one(EntryKind::Response, content),
                    };
                    batch
                        .skip(mem::take(&mut self.skip))
                        .map_err(|bad| blame(bad, place))?;
                    let more = !batch.is_empty();
                    self.batch = Some(batch);
                    if more {
                        continue;
                    }
                }
            }
            // Nothing more of it is given out.
            self.behind = self.frames.mark();
        }
    }

    /// The entry, if it can come now.
    fn in_order(&mut self, kept: Kept, place: Place) -> Result<Kept, ReadError> {
        let event = match &kept {
            Kept::Entry(Entry::Event(event)) => Some(event),
            _ => None,
        };
        if let (Some(Event::Start(start)), Some(rest)) = (event, self.frames.rest())
            && start.id != rest.id
        {
            return Err(ReadError::Order {
                place,
                problem: "it starts another session than the header says",
            });
        }
        let is_start = matches!(event, Some(Event::Start(_)));
        let problem = match self.progress {
            Progress::Start if !is_start => Some("the record does not begin with its start"),
            Progress::Anything if is_start => Some("the session starts a second time"),
            Progress::AfterEnd => Some("something follows the session's end"),
            _ => None,
        };
        if let Some(problem) = problem {
            return Err(ReadError::Order { place, problem });
        }
        self.progress = match event {
            Some(Event::End(_)) => Progress::AfterEnd,
            _ => Progress::Anything,
        };
        Ok(kept)
    }
}

impl Iterator for SessionReader {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.next_kept()?.map(Entry::from))
    }
}

fn frames(path: &Path) -> Result<Frames<BufReader<File>>, ReadError> {
    let file = File::open(path).map_err(|source| ReadError::Open {
        path: path.to_owned(),
        source,
    })?;
    Frames::begin(BufReader::new(file), path.to_owned())
}

fn blame(bad: Undecodable, place: Place) -> ReadError {
    match bad {
        Undecodable::Short => ReadError::Content { place },
        Undecodable::Json(source) => ReadError::Event { place, source },
    }
}

/// The events of an outline.
fn unpacked(body: &[u8]) -> Result<Vec<(i64, Event)>, Undecodable> {
    let content = Unpacker::alone()
        .ok()
        .and_then(|mut one| one.unpack(body).ok());
    let content = content.ok_or(Undecodable::Short)?;
    let (_, json) = content
        .split_at_checked(frame::AT_LEN)
        .ok_or(Undecodable::Short)?;
    outline::parse(json).map_err(Undecodable::Json)
}

#[cfg(test)]
mod tests;
