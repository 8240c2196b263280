//! How far a sink has come: what its receiver has for good, kept in a file.
//!
//! A sink's queue is what is on disk already, the records and the audit log, and this is its place in
//! it. Each line of the file is a mark behind its own checksum, appended once the receiver has what the
//! mark says. A line that is torn or damaged is passed over: what it told is then sent once more, and
//! nothing is lost. For the same reason a mark isn't waited for to reach the disk.

use std::{
    collections::{BTreeMap, HashSet},
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use weir_record::{SessionId, replace};

/// So many lines more than are needed, and the file is written anew.
const SLACK: usize = 10_000;
/// Hexadecimal digits of a line's checksum: the beginning of its BLAKE3 hash.
const CHECK: usize = 16;

/// Something that the receiver has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mark {
    /// The audit log, so many bytes of it.
    Audit(u64),
    /// A session, so many events of its record.
    Session(SessionId, u64),
    /// All of a session.
    Done(SessionId),
}

/// The place of one sink.
#[derive(Debug)]
pub(crate) struct Cursor {
    path: PathBuf,
    file: File,
    lines: usize,
    audit: u64,
    open: BTreeMap<SessionId, u64>,
    done: HashSet<SessionId>,
}

impl Cursor {
    /// The cursor of a file, which is made if it isn't there. What it says of sessions that are not
    /// in `present` is forgotten.
    pub(crate) fn open(path: &Path, present: &HashSet<SessionId>) -> io::Result<Self> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut cursor = Self {
            path: path.to_owned(),
            file: append(path)?,
            lines: 0,
            audit: 0,
            open: BTreeMap::new(),
            done: HashSet::new(),
        };
        for mark in text.split(|byte| *byte == b'\n').filter_map(parse) {
            cursor.take(mark);
        }
        cursor.open.retain(|id, _| present.contains(id));
        cursor.done.retain(|id| present.contains(id));
        cursor.rewrite()?;
        Ok(cursor)
    }

    /// How much of the audit log the receiver has, in bytes.
    pub(crate) fn audit(&self) -> u64 {
        self.audit
    }

    /// The sessions of which the receiver has some events, and how many.
    pub(crate) fn open_sessions(&self) -> &BTreeMap<SessionId, u64> {
        &self.open
    }

    /// The sessions that the receiver has wholly.
    pub(crate) fn done(&self) -> &HashSet<SessionId> {
        &self.done
    }

    /// The receiver has what these say. They hold from here on also where they can't be written.
    pub(crate) fn acknowledge(&mut self, marks: &[Mark]) -> io::Result<()> {
        let mut lines = Vec::new();
        for mark in marks {
            self.take(*mark);
            lines.extend_from_slice(&line(mark)?);
        }
        self.file.write_all(&lines)?;
        self.lines += marks.len();
        if self.lines > self.needed() + SLACK {
            self.rewrite()?;
        }
        Ok(())
    }

    fn take(&mut self, mark: Mark) {
        match mark {
            Mark::Audit(bytes) => self.audit = bytes,
            Mark::Session(id, events) => {
                self.open.insert(id, events);
            }
            Mark::Done(id) => {
                self.open.remove(&id);
                self.done.insert(id);
            }
        }
    }

    fn needed(&self) -> usize {
        1 + self.open.len() + self.done.len()
    }

    /// Writes only what is needed, into a file that then takes the place of this one.
    fn rewrite(&mut self) -> io::Result<()> {
        let open = self
            .open
            .iter()
            .map(|(id, events)| Mark::Session(*id, *events));
        let done = self.done.iter().copied().map(Mark::Done);
        let mut lines = Vec::new();
        for mark in [Mark::Audit(self.audit)]
            .into_iter()
            .chain(open)
            .chain(done)
        {
            lines.extend_from_slice(&line(&mark)?);
        }
        self.file = replace(&self.path, |file| file.write_all(&lines))?;
        self.lines = self.needed();
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

fn line(mark: &Mark) -> io::Result<Vec<u8>> {
    let json = serde_json::to_string(mark)?;
    let hash = blake3::hash(json.as_bytes()).to_hex();
    let check = hash.get(..CHECK).unwrap_or_default();
    Ok(format!("{check} {json}\n").into_bytes())
}

fn parse(line: &[u8]) -> Option<Mark> {
    let (check, json) = line.split_at_checked(CHECK)?;
    let json = json.strip_prefix(b" ")?;
    let hash = blake3::hash(json).to_hex();
    (hash.as_bytes().get(..CHECK) == Some(check))
        .then(|| serde_json::from_slice(json).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn id(second: i64) -> SessionId {
        SessionId::new(Timestamp::from_second(1_795_000_000 + second).unwrap(), 7)
    }

    fn all() -> HashSet<SessionId> {
        (0..10).map(id).collect()
    }

    #[test]
    fn what_was_acknowledged_is_known_to_the_next_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("siem.cursor");
        let mut cursor = Cursor::open(&path, &all()).unwrap();
        let marks = [
            Mark::Audit(100),
            Mark::Session(id(1), 3),
            Mark::Session(id(2), 4),
            Mark::Done(id(1)),
            Mark::Session(id(2), 5),
        ];
        cursor.acknowledge(&marks).unwrap();
        let again = Cursor::open(&path, &all()).unwrap();
        assert_eq!(again.audit(), 100);
        assert_eq!(again.open_sessions(), &[(id(2), 5)].into());
        assert_eq!(again.done(), &[id(1)].into());
        // Records that are gone are not remembered for ever.
        let again = Cursor::open(&path, &[id(2)].into()).unwrap();
        assert!(again.done().is_empty());
    }

    #[test]
    fn wherever_it_is_torn_or_damaged_it_never_says_more_than_was_acknowledged() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("siem.cursor");
        let mut cursor = Cursor::open(&path, &all()).unwrap();
        for events in 1..=5 {
            let marks = [Mark::Session(id(1), events), Mark::Audit(events * 10)];
            cursor.acknowledge(&marks).unwrap();
        }
        let whole = fs::read(&path).unwrap();
        for at in (0..whole.len()).step_by(11) {
            let torn = &whole[..at];
            let mut flipped = whole.clone();
            flipped[at] ^= 0x04;
            for bytes in [torn, &flipped] {
                fs::write(&path, bytes).unwrap();
                let read = Cursor::open(&path, &all()).unwrap();
                assert!(
                    read.audit() <= 50 && read.audit().is_multiple_of(10),
                    "{}",
                    read.audit()
                );
                let events = read.open_sessions().get(&id(1)).copied().unwrap_or(0);
                assert!(events <= 5);
                assert!(read.done().is_empty());
            }
        }
    }

    #[test]
    fn it_does_not_grow_with_every_acknowledgement() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("siem.cursor");
        let mut cursor = Cursor::open(&path, &all()).unwrap();
        let marks = vec![Mark::Audit(7); SLACK / 2];
        for _ in 0..5 {
            cursor.acknowledge(&marks).unwrap();
        }
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= SLACK + 2, "{lines}");
        assert_eq!(Cursor::open(&path, &all()).unwrap().audit(), 7);
    }
}
