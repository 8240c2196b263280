//! A place in a record from which it can be read on.
//!
//! Who reads a record that still grows keeps the place behind the last entry that it has seen, in
//! memory or beside what it made of them, and later [reads](crate::SessionReader::resume) what has come
//! since. The place has the last hash before it, which tells whether the record is still the one that
//! was read. Reading on costs what was recorded since, however long the record is.

use serde::{Deserialize, Serialize};

use crate::frames::Mark;

/// A place in a record, behind a whole entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Behind the last frame of which everything was seen.
    pub(crate) behind: Mark,
    /// Only outlines are read.
    pub(crate) outline: bool,
    /// So many entries of the next frame, or events of the next outline, were seen.
    pub(crate) within: usize,
    /// When the last entry was recorded, in microseconds since the session's start.
    pub(crate) at: i64,
    /// The last entry was the session's end.
    pub(crate) ended: bool,
}

impl Position {
    /// How much of the file lies before it, in bytes.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.behind.offset
    }

    /// Whether the session's end lies before it, so that nothing may follow.
    #[must_use]
    pub fn is_end(&self) -> bool {
        self.ended
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;
    use crate::{End, Entry, Event, ReadError, SessionReader, SessionWriter, Tail, samples};

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
    fn reading_on_goes_over_nothing_that_was_read() {
        let dir = samples::dir();
        let recorder = samples::recorder(dir.path());
        let mut writer = recorder.create(&samples::start()).unwrap();
        let path = writer.path().to_owned();
        for note in 0..600 {
            writer.note(&format!("note {note}")).unwrap();
        }
        writer.flush().unwrap();
        let mut reader = SessionReader::open(&path).unwrap();
        assert_eq!(reader.by_ref().count(), 601);
        let place = reader.position().unwrap();
        writer.note("later").unwrap();
        writer.flush().unwrap();
        // Nobody can have read what is not there any more, but for the last hash.
        let mut bytes = fs::read(&path).unwrap();
        let (before, since) = (72, usize::try_from(place.behind.offset).unwrap() - 16);
        bytes[before..since].fill(0);
        fs::write(&path, bytes).unwrap();
        let (later, place) = rest(&path, &place);
        assert!(
            matches!(later.as_slice(), [Entry::Event(Event::Note { message })] if message == "later")
        );
        assert!(!place.unwrap().is_end());
    }

    #[test]
    fn a_record_is_read_on_from_everywhere() {
        let dir = samples::dir();
        let recorder = samples::recorder(dir.path());
        let mut writer = recorder.create(&samples::start()).unwrap();
        let path = writer.path().to_owned();
        for note in 0..600 {
            writer.note(&format!("note {note}")).unwrap();
        }
        writer.end(&End::Closed).unwrap();
        let mut reader = SessionReader::open(&path).unwrap();
        let mut left = 602;
        while let Some(entry) = reader.next() {
            entry.unwrap();
            left -= 1;
            if left % 7 == 0 || left < 3 {
                let place = reader.position().unwrap();
                let resumed = SessionReader::resume(&path, &place).unwrap();
                assert_eq!(resumed.map(Result::unwrap).count(), left);
            }
        }
        assert_eq!(left, 0);
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
        ended.behind.offset = fs::metadata(&path).unwrap().len() + 10;
        assert_eq!(SessionReader::resume(&path, &ended).unwrap().count(), 0);
    }
}
