//! A place in a record from which it can be read on, and the reader that does.
//!
//! Who reads a record that still grows keeps the place behind the last entry that it has seen, in
//! memory or beside what it made of them, and later reads what has come since. Everything before
//! the place has its last hash, which tells whether the record is still the one that was read.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{ReadError, SessionReader, frame::Chain, reader::Progress};

/// A place in a record, behind a whole entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The byte at which the next frame begins.
    offset: u64,
    /// The chain up to there.
    chain: [u8; blake3::OUT_LEN],
    /// When the last entry was recorded, in microseconds since the session's start.
    at: i64,
    /// The last entry was the session's end.
    ended: bool,
}

impl Position {
    /// How much of the file lies before it, in bytes.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether the session's end lies before it, so that nothing may follow.
    #[must_use]
    pub fn is_end(&self) -> bool {
        self.ended
    }
}

impl SessionReader {
    /// The place behind the last entry that was given out; nothing before the first.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        let ended = match self.progress() {
            Progress::Start => return None,
            Progress::Anything => false,
            Progress::AfterEnd => true,
        };
        let (offset, chain) = self.behind();
        Some(Position {
            offset,
            chain: *chain.as_bytes(),
            at: self.at(),
            ended,
        })
    }

    /// Reads on from a place. What is before it is gone over once more, since what follows is
    /// compressed by it, but not taken apart.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and [`ReadError::Chain`] where the record is another one than that
    /// which the place is from.
    pub fn resume(path: &Path, position: &Position) -> Result<Self, ReadError> {
        let mut reader = Self::open(path)?;
        let progress = if position.ended {
            Progress::AfterEnd
        } else {
            Progress::Anything
        };
        let behind = (position.offset, Chain::from_bytes(position.chain));
        reader.pass(behind, progress, position.at)?;
        Ok(reader)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{End, Entry, Event, SessionWriter, Tail, samples};

    fn rest(path: &Path, position: &Position) -> (Vec<Entry>, Option<Position>) {
        let mut reader = SessionReader::resume(path, position).unwrap();
        let entries = reader.by_ref().map(Result::unwrap).collect();
        let position = reader.position();
        (entries, position)
    }

    #[test]
    fn a_record_is_read_on_from_wherever_its_reader_had_come() {
        let dir = samples::dir();
        let mut writer = SessionWriter::create(dir.path(), &samples::start()).unwrap();
        let path = writer.path().to_owned();
        let mut reader = SessionReader::open(&path).unwrap();
        assert_eq!(reader.position(), None, "nothing was read yet");
        assert_eq!(reader.by_ref().count(), 1);
        // The place outlasts the process.
        let text = serde_json::to_string(&reader.position()).unwrap();
        let place: Position = serde_json::from_str(&text).unwrap();
        assert_eq!(place.offset(), fs::metadata(&path).unwrap().len());

        let (none, same) = rest(&path, &place);
        assert_eq!((none.len(), same.as_ref()), (0, Some(&place)));
        writer.note("one").unwrap();
        writer.note("two").unwrap();
        let (notes, place) = rest(&path, &place);
        let place = place.unwrap();
        assert!(
            matches!(notes.as_slice(), [Entry::Event(Event::Note { message: one }), _] if one == "one")
        );
        assert!(!place.is_end());
        writer.end(&End::Closed).unwrap();
        let (end, place) = rest(&path, &place);
        assert_eq!(end, [Entry::Event(Event::End(End::Closed))]);
        assert!(place.unwrap().is_end());
    }

    #[test]
    fn half_an_entry_leaves_the_place_before_it() {
        let dir = samples::dir();
        let mut writer = SessionWriter::create(dir.path(), &samples::start()).unwrap();
        let path = writer.path().to_owned();
        let mut reader = SessionReader::open(&path).unwrap();
        assert!(reader.by_ref().all(|entry| entry.is_ok()));
        let place = reader.position().unwrap();
        writer.note("one").unwrap();
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        let mut reader = SessionReader::resume(&path, &place).unwrap();
        assert_eq!(reader.by_ref().count(), 0);
        assert!(matches!(reader.tail(), Tail::Torn { .. }));
        assert_eq!(reader.position(), Some(place.clone()));
        fs::write(&path, &whole).unwrap();
        assert_eq!(rest(&path, &place).0.len(), 1);
    }

    #[test]
    fn another_record_in_its_place_is_told() {
        let dir = samples::dir();
        let mut writer = SessionWriter::create(dir.path(), &samples::start()).unwrap();
        writer.note("one").unwrap();
        let path = writer.path().to_owned();
        let mut reader = SessionReader::open(&path).unwrap();
        reader.next().unwrap().unwrap();
        let place = reader.position().unwrap();
        drop(writer);
        fs::remove_file(&path).unwrap();
        let mut start = samples::start();
        start.subject = "unix:mallo".to_owned();
        let mut writer = SessionWriter::create(dir.path(), &start).unwrap();
        writer.note("two").unwrap();
        let resumed = SessionReader::resume(&path, &place);
        assert!(
            matches!(resumed, Err(ReadError::Chain { .. })),
            "{resumed:?}"
        );
        // What is behind the end can't be continued either.
        let (mut ended, path) = (place, path);
        writer.end(&End::Closed).unwrap();
        ended.offset = fs::metadata(&path).unwrap().len() + 10;
        assert_eq!(SessionReader::resume(&path, &ended).unwrap().count(), 0);
    }
}
