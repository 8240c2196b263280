//! Sessions' records, read on as they grow.

use std::{
    fs, io,
    path::Path,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use weir_record::{Entry, Event as Recorded, Position, ReadError, SessionId, SessionReader, store};

use super::{Batch, Event, Feed};
use crate::{
    cursor::Mark,
    ocsf::{self, SessionEvents},
};

/// How soon a live session is looked at again, and how late at most.
const SOONEST: Duration = Duration::from_millis(500);
pub(super) const LATEST: Duration = Duration::from_secs(15);

/// A session that isn't done.
#[derive(Debug)]
pub(super) struct Tracked {
    /// Events of its record that were given out.
    pub(super) given: u64,
    /// How long the record was when it was last read to its end.
    pub(super) length: Option<u64>,
    pub(super) next: Instant,
    pub(super) wait: Duration,
    /// It couldn't be read on at this length.
    pub(super) stuck: Option<u64>,
    /// Where it is read on from, and what is known of it by then.
    pub(super) left: Option<Left>,
}

/// A record that was left to be read on later.
#[derive(Debug)]
pub(super) struct Left {
    pub(super) position: Position,
    pub(super) events: SessionEvents,
    pub(super) place: u64,
}

/// A record that is being read.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) id: SessionId,
    pub(super) reader: SessionReader,
    pub(super) events: SessionEvents,
    /// Events that came out of it so far.
    pub(super) place: u64,
    pub(super) length: u64,
    pub(super) ended: bool,
}

impl Feed {
    /// Opens the oldest record that is due and has grown. Says whether there was one to look at.
    pub(super) fn open_next(&mut self, now: Instant, batch: &mut Batch) -> bool {
        let due = self.tracked.iter().find(|(_, tracked)| tracked.next <= now);
        let Some((id, _)) = due else { return false };
        let id = *id;
        let path = store::path_of(&self.source.records, id);
        match fs::metadata(&path) {
            Ok(meta) => {
                let grown = self
                    .tracked
                    .get(&id)
                    .is_some_and(|tracked| tracked.length != Some(meta.len()));
                if grown {
                    self.open(id, &path, meta.len(), now, batch);
                } else if let Some(tracked) = self.tracked.get_mut(&id) {
                    tracked.rest(now, tracked.wait * 2);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.give_up(
                    id,
                    "the record was removed before all of it was told",
                    batch,
                );
            }
            Err(error) => self.later(id, now, &error),
        }
        true
    }

    fn open(&mut self, id: SessionId, path: &Path, length: u64, now: Instant, batch: &mut Batch) {
        let left = self.tracked.get_mut(&id).and_then(|one| one.left.take());
        let opened = match &left {
            Some(left) => SessionReader::resume(path, &left.position),
            None => SessionReader::survey(path),
        };
        let (events, place) = left.map_or_else(
            || (SessionEvents::new(self.source.host.clone()), 0),
            |left| (left.events, left.place),
        );
        match opened {
            Ok(reader) => {
                let reader = reader.without_results();
                let events = if reader.is_outline() {
                    events.of_outline()
                } else {
                    events
                };
                self.reading = Some(Reading {
                    id,
                    reader,
                    events,
                    place,
                    length,
                    ended: false,
                });
            }
            Err(error) => self.trouble(id, length, now, &error, batch),
        }
    }

    /// Reads on, until the batch is full or the record stops.
    pub(super) fn read(&mut self, now: Instant, batch: &mut Batch) {
        let Some(mut reading) = self.reading.take() else {
            return;
        };
        let id = reading.id;
        while !batch.is_full() {
            match reading.reader.next() {
                Some(Ok(Entry::Event(event))) => {
                    if let Some(event) = self.given(&mut reading, &event) {
                        batch.push(event);
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    return self.trouble(id, reading.length, now, &error, batch);
                }
                None => return self.stopped(reading, now),
            }
        }
        self.reading = Some(reading);
    }

    /// Maps the next event of a record, where it wasn't given out before.
    fn given(&mut self, reading: &mut Reading, event: &Recorded) -> Option<Event> {
        reading.ended |= matches!(event, Recorded::End(_));
        let value = reading.events.event(reading.reader.at(), event);
        reading.place += 1;
        let tracked = self.tracked.get_mut(&reading.id)?;
        if reading.place <= tracked.given {
            return None;
        }
        tracked.given = reading.place;
        let mark = if reading.ended {
            Mark::Done(reading.id)
        } else {
            Mark::Session(reading.id, reading.place)
        };
        value.map(|value| Event::new(&value, mark))
    }

    fn stopped(&mut self, reading: Reading, now: Instant) {
        if reading.ended {
            self.tracked.remove(&reading.id);
            self.done.insert(reading.id);
        } else if let Some(tracked) = self.tracked.get_mut(&reading.id) {
            tracked.length = Some(reading.length);
            tracked.stuck = None;
            tracked.left = reading.reader.position().map(|position| Left {
                position,
                events: reading.events,
                place: reading.place,
            });
            tracked.rest(now, SOONEST);
        }
    }

    /// A record can't be read on. What the system failed may be better next time; damage is told,
    /// once it is seen twice: what looks like it may be a write under way.
    fn trouble(
        &mut self,
        id: SessionId,
        length: u64,
        now: Instant,
        error: &ReadError,
        batch: &mut Batch,
    ) {
        let passing = matches!(error, ReadError::Open { .. } | ReadError::Read { .. });
        let Some(tracked) = self.tracked.get_mut(&id) else {
            return;
        };
        if passing || tracked.stuck != Some(length) {
            tracked.stuck = (!passing).then_some(length);
            self.later(id, now, error);
        } else {
            self.give_up(id, &error.to_string(), batch);
        }
    }

    fn later(&mut self, id: SessionId, now: Instant, error: &dyn std::fmt::Display) {
        tracing::debug!(session = %id, %error, "a record can't be read to be told of; later again");
        if let Some(tracked) = self.tracked.get_mut(&id) {
            tracked.rest(now, tracked.wait * 2);
        }
    }

    fn give_up(&mut self, id: SessionId, why: &str, batch: &mut Batch) {
        self.tracked.remove(&id);
        self.done.insert(id);
        tracing::warn!(session = %id, why, "a session can't be told to the end");
        let value = ocsf::untold(&self.source.host, id, Timestamp::now(), why);
        batch.push(Event::new(&value, Mark::Done(id)));
    }
}

impl Tracked {
    pub(super) fn new(given: u64, now: Instant) -> Self {
        Self {
            given,
            length: None,
            next: now,
            wait: SOONEST,
            stuck: None,
            left: None,
        }
    }

    fn rest(&mut self, now: Instant, wait: Duration) {
        self.wait = wait.clamp(SOONEST, LATEST);
        self.next = now + self.wait;
    }
}
