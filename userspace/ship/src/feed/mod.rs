//! What a sink is to be given next, out of what is on disk: the audit log and the sessions' records.
//!
//! Nothing is written for it: the records are the truth already, and a sink that was cut off for days
//! finds there all that it missed. The feed is ahead of the [`Cursor`] by what is under way; whoever
//! starts again, starts from the cursor. A session's events come in their order; a live one is read on
//! from where it was left, the less often the longer it is silent.
//!
//! Known limits: a record that is damaged or removed before it was read can't be told; that it is so is
//! told in its place. Of an encrypted one its outline is told, as its checkpoints come.

mod reading;

use std::{
    collections::{BTreeMap, HashSet},
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};

use serde_json::Value;
use weir_record::SessionId;

use self::reading::{Reading, Tracked};
use crate::{
    cursor::{Cursor, Mark},
    ocsf::{self, Host},
};

/// The most events, and bytes of them, in one batch.
const MOST_EVENTS: usize = 256;
const MOST_BYTES: usize = 512 << 10;
/// No line of the audit log is as long.
const LONGEST_LINE: u64 = 1 << 20;
/// How often the directory is listed though it seems not to have changed.
const LIST: Duration = Duration::from_secs(30);
/// A change within this time of the last listing may not show in the directory's time.
const COARSE: Duration = Duration::from_secs(2);

/// Where events come from.
#[derive(Clone, Debug)]
pub struct Source {
    /// The host that they are of.
    pub host: Host,
    /// The directory of the records.
    pub records: PathBuf,
    /// The audit log.
    pub audit: PathBuf,
}

impl Source {
    /// The sessions that have a record.
    pub(crate) fn sessions(&self) -> io::Result<HashSet<SessionId>> {
        let mut ids = HashSet::new();
        for entry in fs::read_dir(&self.records)? {
            let path = entry?.path();
            let id = path.file_stem().and_then(|stem| stem.to_str());
            if path
                .extension()
                .is_some_and(|extension| extension == "weir")
                && let Some(Ok(id)) = id.map(str::parse)
            {
                ids.insert(id);
            }
        }
        Ok(ids)
    }
}

/// An event on its way.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// The OCSF object, on one line.
    pub(crate) json: String,
    /// Its `metadata.uid`.
    pub(crate) uid: String,
    /// Its `time`, in milliseconds.
    pub(crate) time: i64,
    /// Its `severity_id`.
    pub(crate) severity: u64,
    /// What the receiver has once it has this.
    pub(crate) mark: Mark,
}

impl Event {
    fn new(value: &Value, mark: Mark) -> Self {
        let uid = value.pointer("/metadata/uid").and_then(Value::as_str);
        Self {
            uid: uid.unwrap_or_default().to_owned(),
            time: value.get("time").and_then(Value::as_i64).unwrap_or(0),
            severity: value
                .get("severity_id")
                .and_then(Value::as_u64)
                .unwrap_or(1),
            json: value.to_string(),
            mark,
        }
    }
}

/// The feed of one sink.
#[derive(Debug)]
pub(crate) struct Feed {
    source: Source,
    audit: u64,
    tracked: BTreeMap<SessionId, Tracked>,
    done: HashSet<SessionId>,
    listed: Option<Listed>,
    reading: Option<Reading>,
}

#[derive(Debug)]
struct Listed {
    at: Instant,
    wall: SystemTime,
    changed: Option<SystemTime>,
}

/// What can go into a batch yet.
struct Batch {
    events: Vec<Event>,
    bytes: usize,
}

impl Batch {
    fn is_full(&self) -> bool {
        self.events.len() >= MOST_EVENTS || self.bytes >= MOST_BYTES
    }

    fn push(&mut self, event: Event) {
        self.bytes += event.json.len();
        self.events.push(event);
    }
}

impl Feed {
    pub(crate) fn new(source: Source, cursor: &Cursor, now: Instant) -> Self {
        let tracked = cursor
            .open_sessions()
            .iter()
            .map(|(id, given)| (*id, Tracked::new(*given, now)))
            .collect();
        Self {
            source,
            audit: cursor.audit(),
            tracked,
            done: cursor.done().clone(),
            listed: None,
            reading: None,
        }
    }

    /// Sessions that have something to tell, as far as is known.
    pub(crate) fn waiting(&self, now: Instant) -> usize {
        let due = self.tracked.values().filter(|one| one.next <= now).count();
        due + usize::from(self.reading.is_some())
    }

    /// The next events; none where there are none now. Blocks on the file system.
    pub(crate) fn batch(&mut self, now: Instant) -> io::Result<Vec<Event>> {
        let mut batch = Batch {
            events: Vec::new(),
            bytes: 0,
        };
        self.audit(&mut batch)?;
        self.list(now)?;
        while !batch.is_full() {
            if self.reading.is_none() && !self.open_next(now, &mut batch) {
                break;
            }
            self.read(now, &mut batch);
        }
        Ok(batch.events)
    }

    fn audit(&mut self, batch: &mut Batch) -> io::Result<()> {
        let mut file = match File::open(&self.source.audit) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        if file.metadata()?.len() < self.audit {
            // Another log of the same name.
            self.audit = 0;
        }
        file.seek(SeekFrom::Start(self.audit))?;
        let mut lines = BufReader::new(file);
        while !batch.is_full() {
            let mut line = Vec::new();
            let read = lines
                .by_ref()
                .take(LONGEST_LINE)
                .read_until(b'\n', &mut line)?;
            let whole = line.ends_with(b"\n") || read as u64 == LONGEST_LINE;
            if !whole {
                // It is being written.
                break;
            }
            let offset = self.audit;
            self.audit += read as u64;
            let line = line.trim_ascii_end();
            if !line.is_empty() {
                let value = ocsf::audit(&self.source.host, offset, line);
                batch.push(Event::new(&value, Mark::Audit(self.audit)));
            }
        }
        Ok(())
    }

    /// Takes up sessions that are new.
    fn list(&mut self, now: Instant) -> io::Result<()> {
        let changed = match fs::metadata(&self.source.records) {
            Ok(meta) => meta.modified().ok(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        if self
            .listed
            .as_ref()
            .is_some_and(|listed| listed.holds(changed, now))
        {
            return Ok(());
        }
        let wall = SystemTime::now();
        for id in self.source.sessions()? {
            if !self.done.contains(&id) {
                self.tracked
                    .entry(id)
                    .or_insert_with(|| Tracked::new(0, now));
            }
        }
        self.listed = Some(Listed {
            at: now,
            wall,
            changed,
        });
        Ok(())
    }
}

impl Listed {
    /// Whether what was listed is all there is.
    fn holds(&self, changed: Option<SystemTime>, now: Instant) -> bool {
        let settled = changed.is_some_and(|changed| {
            let since = self.wall.duration_since(changed);
            since.is_ok_and(|since| since > COARSE)
        });
        settled && self.changed == changed && now.duration_since(self.at) < LIST
    }
}

#[cfg(test)]
mod tests;
