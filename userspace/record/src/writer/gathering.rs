//! What is gathered of a session, for its own thread and for the one that syncs.

use std::{
    io,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use crate::{
    RecordError,
    journal::Journal,
    ledger::{Gathered, Spool},
};

/// What the session's own thread and the one that syncs share. Neither holds it for long.
#[derive(Debug)]
pub(super) struct Gathering {
    pub(super) journal: Mutex<Journal<Spool>>,
    pub(super) began: Instant,
}

impl Gathering {
    /// Microseconds since the start.
    pub(super) fn now(&self) -> i64 {
        self.at(Instant::now())
    }

    pub(super) fn at(&self, now: Instant) -> i64 {
        let since = now.saturating_duration_since(self.began);
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Journal<Spool>> {
        // A panic within the journal has poisoned that, too.
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn flush(&self) -> Result<(), RecordError> {
        let mut journal = self.lock();
        journal.flush(self.now())
    }
}

impl Gathered for Gathering {
    fn write(&self) -> io::Result<()> {
        self.flush().map_err(|error| match error {
            RecordError::Full { source, .. } | RecordError::Write { source, .. } => source,
            other => io::Error::other(other.to_string()),
        })
    }
}
