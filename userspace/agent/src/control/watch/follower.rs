//! One record, followed as it grows; of an encrypted one its outline, which comes with its checkpoints.

use std::{fs, path::PathBuf};

use jiff::{SignedDuration, Timestamp};
use weir_record::{Entry, Event, Position, ReadError, SessionReader, SessionStart};

use super::{Told, Went, What};

/// Most entries, and most bytes of them, of one look.
const MOST_ENTRIES: usize = 1_000;
const MOST_BYTES: usize = 4 << 20;

/// Reads a record on, look by look.
#[derive(Debug)]
pub struct Follower {
    path: PathBuf,
    position: Option<Position>,
    start: Option<SessionStart>,
    /// What the agent saw and sent, too.
    results: bool,
    /// Of what is there already, only the start.
    skips: bool,
}

/// What a look found.
#[derive(Debug, Default)]
pub struct Followed {
    /// What is new.
    pub told: Vec<Told>,
    /// There is more already.
    pub more: bool,
    /// The session is over.
    pub over: bool,
}

impl Follower {
    /// Follows a record from its start, with the bytes that went to and fro if `results`.
    #[must_use]
    pub fn new(path: PathBuf, results: bool) -> Self {
        Self {
            path,
            position: None,
            start: None,
            results,
            skips: false,
        }
    }

    /// Passes over what is there already, but for the start.
    #[must_use]
    pub fn from_now(self) -> Self {
        Self {
            skips: true,
            ..self
        }
    }

    /// The session's start, once it was read.
    #[must_use]
    pub fn start(&self) -> Option<&SessionStart> {
        self.start.as_ref()
    }

    /// What has come since the last look. Blocks on the file.
    ///
    /// # Errors
    /// When the record can't be read.
    pub fn look(&mut self) -> Result<Followed, ReadError> {
        let mut followed = Followed::default();
        if let Some(position) = &self.position
            && fs::metadata(&self.path).is_ok_and(|meta| meta.len() == position.offset())
        {
            followed.over = position.is_end();
            return Ok(followed);
        }
        let mut reader = match &self.position {
            Some(position) => SessionReader::resume(&self.path, position)?,
            None => SessionReader::survey(&self.path)?,
        };
        let mut bytes = 0;
        while let Some(entry) = reader.next() {
            let entry = entry?;
            bytes += match &entry {
                Entry::Event(_) => 0,
                Entry::Response { bytes, .. } | Entry::Request { bytes, .. } => bytes.len(),
            };
            followed.told.extend(self.tell(entry, reader.at()));
            if followed.told.len() == MOST_ENTRIES || bytes > MOST_BYTES {
                followed.more = true;
                break;
            }
        }
        self.position = reader.position();
        self.skips &= followed.more;
        followed.over = self.position.as_ref().is_some_and(Position::is_end);
        Ok(followed)
    }

    fn tell(&mut self, entry: Entry, at: i64) -> Option<Told> {
        if let Entry::Event(Event::Start(start)) = &entry {
            self.start = Some(start.clone());
        } else if self.skips {
            return None;
        }
        let start = self.start.as_ref()?;
        let what = match entry {
            Entry::Event(event) => What::Event(event),
            Entry::Response { .. } | Entry::Request { .. } if !self.results => return None,
            Entry::Response { seq, bytes, .. } => What::Bytes(Went::response(seq, &bytes)),
            Entry::Request { seq, bytes, .. } => What::Bytes(Went::request(seq, &bytes)),
        };
        Some(Told {
            session: start.id,
            time: moment(start.started, at),
            what,
        })
    }
}

fn moment(started: Timestamp, at: i64) -> Timestamp {
    let moment = started.checked_add(SignedDuration::from_micros(at));
    moment.unwrap_or(started)
}
