//! One record into the index, from where it was last left.
//!
//! What was read and how far goes into the index in one transaction, so that whoever stops it, at
//! whatever point, leaves nothing half and nothing twice.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};
use weir_record::{
    End, Entry, Event, Kept, Position, ReadError, SessionId, SessionReader, Summary,
};

use crate::{StoreError, groups::Groups};

/// Most entries, and most bytes of them, that one transaction takes in: others wait for it.
const MOST_ENTRIES: usize = 5_000;
const MOST_BYTES: usize = 16 << 20;

/// Takes in what is new in a record. True when its session has ended: nothing more will come.
pub(crate) fn session(db: &mut Connection, id: SessionId, path: &Path) -> Result<bool, StoreError> {
    let place = path.to_string_lossy();
    loop {
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let step = Session::open(&tx, id, path).and_then(|opened| match opened {
            Opened::Session(session) => session.read(&tx),
            Opened::Problem(problem) => Ok(Step::Stopped(Some(problem))),
        })?;
        match &step {
            Step::Stopped(Some(problem)) => tell(&tx, &place, problem)?,
            Step::More | Step::Stopped(None) | Step::Ended => {
                tx.prepare_cached("DELETE FROM problems WHERE path = ?")?
                    .execute([&place])?;
            }
        }
        tx.commit()?;
        match step {
            Step::More => {}
            Step::Stopped(_) => return Ok(false),
            Step::Ended => return Ok(true),
        }
    }
}

/// How far a transaction came.
enum Step {
    /// There may be more.
    More,
    /// At the last whole entry, or before one that can't be read.
    Stopped(Option<String>),
    /// At the session's end.
    Ended,
}

enum Opened {
    Session(Box<Session>),
    Problem(String),
}

/// A session on its way into the index.
struct Session {
    number: i64,
    summary: Summary,
    reader: SessionReader,
    groups: Groups,
}

impl Session {
    /// Where it was left, or at its start.
    fn open(tx: &Transaction<'_>, id: SessionId, path: &Path) -> Result<Opened, StoreError> {
        let known: Option<(i64, String, String)> = tx
            .prepare_cached("SELECT number, summary, position FROM sessions WHERE id = ?")?
            .query_row([id.to_string()], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()?;
        if let Some((number, summary, place)) = known {
            let summary = serde_json::from_str(&summary)?;
            return Ok(match SessionReader::resume(path, &position(&place)?) {
                Ok(reader) => Opened::Session(Box::new(Self {
                    number,
                    summary,
                    reader: reader.without_results(),
                    groups: Groups::default(),
                })),
                Err(error) => Opened::Problem(error.to_string()),
            });
        }
        let begun = SessionReader::survey(path).and_then(|reader| {
            let mut reader = reader.without_results();
            let first = reader.next().transpose()?;
            Ok((reader, first))
        });
        let (reader, start) = match begun {
            Ok((reader, Some(Entry::Event(Event::Start(start))))) => (reader, start),
            // The reader sees to it that a start comes first.
            Ok(_) => {
                let path = path.to_owned();
                return Ok(Opened::Problem(ReadError::Empty { path }.to_string()));
            }
            Err(error) => return Ok(Opened::Problem(error.to_string())),
        };
        // A record says itself which session it is of; a copy under another's name is not that
        // other.
        if start.id != id {
            let problem = format!("{}: it is the record of {}", path.display(), start.id);
            return Ok(Opened::Problem(problem));
        }
        let started = start.started.as_microsecond();
        tx.prepare_cached(
            "INSERT INTO sessions (id, started, last, workload, subject, target, refused, summary, position)
             VALUES (?1, ?2, ?2, ?3, ?4, ?5, FALSE, '', '')",
        )?
        .execute(params![
            id.to_string(),
            started,
            start.workload,
            start.subject,
            start.target,
        ])?;
        Ok(Opened::Session(Box::new(Self {
            number: tx.last_insert_rowid(),
            summary: Summary::new(start),
            reader,
            groups: Groups::default(),
        })))
    }

    /// Takes in as much as one transaction should.
    fn read(mut self, tx: &Transaction<'_>) -> Result<Step, StoreError> {
        let mut left = (MOST_ENTRIES, MOST_BYTES);
        let step = loop {
            match self.reader.next_kept() {
                Some(Ok(Kept::Again(again))) => {
                    let moment = self.moment(again.at);
                    let length = self.groups.again(tx, self.number, &again, moment)?;
                    left.1 = left.1.saturating_sub(length);
                    self.summary.judged(&again.of.verdict);
                }
                Some(Ok(Kept::Entry(Entry::Event(event)))) => {
                    if let Event::Intent(intent) = &event {
                        let moment = self.moment(intent.at);
                        let length = self.groups.add(tx, self.number, intent, moment)?;
                        left.1 = left.1.saturating_sub(length);
                    }
                    self.summary.add(event);
                }
                Some(Ok(Kept::Entry(Entry::Response { .. } | Entry::Request { .. }))) => {}
                Some(Err(error)) => break Step::Stopped(Some(error.to_string())),
                None if self.summary.end.is_some() => break Step::Ended,
                None => break Step::Stopped(None),
            }
            left.0 -= 1;
            if left.0 == 0 || left.1 == 0 {
                break Step::More;
            }
        };
        self.keep(tx)?;
        Ok(step)
    }

    fn keep(mut self, tx: &Transaction<'_>) -> Result<(), StoreError> {
        self.summary.last = self.reader.at();
        self.summary.tail = self.reader.tail();
        self.summary.encrypted = self.reader.is_outline();
        let refused = matches!(self.summary.end, Some(End::Refused { .. }));
        tx.prepare_cached(
            "UPDATE sessions SET last = ?2, refused = ?3, summary = ?4, position = ?5
             WHERE number = ?1",
        )?
        .execute(params![
            self.number,
            self.moment(self.summary.last),
            refused,
            serde_json::to_string(&self.summary)?,
            serde_json::to_string(&self.reader.position())?,
        ])?;
        self.groups.keep(tx, self.number)
    }

    /// A moment of the session, in microseconds since 1970.
    fn moment(&self, at: i64) -> i64 {
        let started = self.summary.start.started;
        let moment = started.checked_add(SignedDuration::from_micros(at));
        moment.unwrap_or(Timestamp::MAX).as_microsecond()
    }
}

pub(crate) fn position(text: &str) -> Result<Position, serde_json::Error> {
    serde_json::from_str(text)
}

/// Keeps that a record can't be read.
pub(crate) fn tell(db: &Connection, path: &str, problem: &str) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO problems (path, problem) VALUES (?1, ?2)
         ON CONFLICT DO UPDATE SET problem = excluded.problem",
    )?
    .execute([path, problem])?;
    Ok(())
}

/// Lets go of a session whose record is gone.
pub(crate) fn forget(db: &mut Connection, id: SessionId) -> Result<(), StoreError> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for sql in [
        "DELETE FROM texts WHERE rowid IN (SELECT c.number FROM commands AS c
            JOIN sessions AS s ON s.number = c.session WHERE s.id = ?)",
        "DELETE FROM objects WHERE command IN (SELECT c.number FROM commands AS c
            JOIN sessions AS s ON s.number = c.session WHERE s.id = ?)",
        "DELETE FROM commands WHERE session = (SELECT number FROM sessions WHERE id = ?)",
        "DELETE FROM sessions WHERE id = ?",
    ] {
        tx.prepare_cached(sql)?.execute([id.to_string()])?;
    }
    Ok(tx.commit()?)
}
