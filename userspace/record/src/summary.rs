//! A session in a few numbers.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{
    End, Entry, Event, Intent, ReadError, SessionReader, SessionStart, Tail, VerdictSummary,
};

/// A session in a few numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Who connected to what.
    pub start: SessionStart,
    /// The database that the agent opened, once it has.
    pub database: Option<String>,
    /// Commands, whatever the verdict.
    pub commands: u64,
    /// Those that policy refused.
    pub refused: u64,
    /// Those that a human was asked about.
    pub asked: u64,
    /// Those that would have been refused or asked about, and went on because the workload is
    /// observed.
    #[serde(default)]
    pub observed: u64,
    /// Rows that the agent got or changed.
    pub rows: u64,
    /// Values that were masked.
    pub masked: u64,
    /// When the last entry was recorded, in microseconds since the start.
    pub last: i64,
    /// How the session ended; nothing while it lasts, or when its writer was stopped.
    pub end: Option<End>,
    /// How the record stops.
    pub tail: Tail,
    /// The record is encrypted, and this is of its outline: texts and results are for its recipients.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub encrypted: bool,
}

impl Summary {
    /// Reads and verifies a whole record, or the outline of an encrypted one.
    ///
    /// # Errors
    ///
    /// Any [`ReadError`] of its reader, and [`ReadError::Empty`].
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let mut reader = SessionReader::survey(path)?.without_results();
        // The reader sees to it that a start comes first.
        let Some(Entry::Event(Event::Start(start))) = reader.next().transpose()? else {
            return Err(ReadError::Empty {
                path: path.to_owned(),
            });
        };
        let mut summary = Self::new(start);
        for entry in reader.by_ref() {
            if let Entry::Event(event) = entry? {
                summary.add(event);
            }
        }
        summary.last = reader.at();
        summary.tail = reader.tail();
        summary.encrypted = reader.is_outline();
        Ok(summary)
    }

    /// Of a session that has just started.
    #[must_use]
    pub fn new(start: SessionStart) -> Self {
        Self {
            start,
            database: None,
            commands: 0,
            refused: 0,
            asked: 0,
            observed: 0,
            rows: 0,
            masked: 0,
            last: 0,
            end: None,
            tail: Tail::Whole,
            encrypted: false,
        }
    }

    /// Takes one more event into account. When it was recorded, and how the record stops, is for
    /// its reader to say.
    pub fn add(&mut self, event: Event) {
        match event {
            Event::Start(_) | Event::Process(_) | Event::Approval { .. } | Event::Note { .. } => {}
            Event::Opened { database, .. } => self.database = Some(database),
            Event::Intent(Intent { verdict, .. }) => self.judged(&verdict),
            Event::Outcome { outcome, .. } => {
                self.rows = self.rows.saturating_add(outcome.rows);
                self.masked = self.masked.saturating_add(outcome.masked);
            }
            Event::End(end) => self.end = Some(end),
        }
    }

    /// Takes into account that a command was judged, as its intent tells.
    pub fn judged(&mut self, verdict: &VerdictSummary) {
        self.commands += 1;
        match verdict {
            VerdictSummary::Allow { would_be: None, .. } => {}
            VerdictSummary::Allow {
                would_be: Some(_), ..
            } => self.observed += 1,
            VerdictSummary::Deny { .. } => self.refused += 1,
            VerdictSummary::Ask { .. } => self.asked += 1,
        }
    }
}
