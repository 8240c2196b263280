//! What a verification found, and of what.

use jiff::Timestamp;
use serde::Serialize;

use super::Problem;
use crate::SessionId;

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Of the head file.
    pub head: HeadReport,
    /// Of each session, oldest first.
    pub sessions: Vec<SessionReport>,
}

/// What was found of the head file.
#[derive(Clone, Debug, Default, Serialize)]
pub struct HeadReport {
    /// How many entries it has.
    pub entries: u64,
    /// The hash of its last entry, in hexadecimal.
    pub chain: String,
    /// How many bytes of an entry are at its end: its writer was stopped, or is writing it now.
    pub torn: u64,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

/// What was found of a session.
#[derive(Clone, Debug, Serialize)]
pub struct SessionReport {
    /// Which.
    pub id: SessionId,
    /// What the head file says of it.
    pub state: State,
    /// How many frames its record has.
    pub frames: u64,
    /// How many of them a signature covers, from the first on.
    pub signed: u64,
    /// How many bytes.
    pub bytes: u64,
    /// How many bytes of a frame are at its end: its writer was stopped, or is writing it now.
    pub torn: u64,
    /// Whether its contents are encrypted.
    pub encrypted: bool,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

/// What the head file says of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It was ended.
    Ended,
    /// Its writer was stopped.
    Stopped,
    /// It began, and nothing says that it is over.
    Open,
    /// Retention removed it.
    Removed,
    /// Nothing: it was recorded before there was a head file, or there is none.
    Unlisted,
}

/// Which sessions to verify.
#[derive(Clone, Debug)]
pub enum Which {
    /// These.
    Only(Vec<SessionId>),
    /// All that began in a time.
    Began {
        /// Not before.
        since: Option<Timestamp>,
        /// Not after.
        until: Option<Timestamp>,
    },
}

impl Which {
    pub(super) fn wants(&self, id: SessionId) -> bool {
        match self {
            Self::Only(ids) => ids.contains(&id),
            Self::Began { since, until } => {
                let began = id.began();
                since.is_none_or(|since| began >= since) && until.is_none_or(|until| began <= until)
            }
        }
    }
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let sound = |session: &SessionReport| session.problems.is_empty();
        self.head.problems.is_empty() && self.sessions.iter().all(sound)
    }
}
