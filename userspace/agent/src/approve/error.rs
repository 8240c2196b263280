//! Why nobody is asked, and why an answer isn't taken.

use weir_policy::NotGranted;
use weir_record::Settled;

use super::journal::JournalError;

/// Longest command, with its parameters, that is put before people, in bytes: who approves sees all
/// of it.
pub(super) const LONGEST: usize = 64 * 1024;
/// Longest reason, in bytes.
pub(super) const LONGEST_REASON: usize = 500;
/// Why something can't be asked.
#[derive(Debug, thiserror::Error)]
pub enum NotAsked {
    /// Too much waits.
    #[error("{of} has {limit} requests that wait for approval already: have them answered first")]
    TooMany {
        /// Of whom.
        of: String,
        /// The limit.
        limit: usize,
    },
    /// It can't be shown whole.
    #[error("it is too long to be put before people ({length} bytes, at most {LONGEST})")]
    TooLong {
        /// How long it is.
        length: usize,
    },
    /// It can't be remembered.
    #[error("it can't be put on record")]
    Journal(#[from] JournalError),
}

/// Why an answer isn't taken.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// There is no such request, or it isn't theirs to see.
    #[error("no request is called {id}")]
    Unknown {
        /// What was asked for.
        id: String,
    },
    /// It waits no longer.
    #[error("{id} waits no longer: {}", why(*how))]
    Settled {
        /// Which.
        id: String,
        /// What became of it.
        how: Settled,
    },
    /// It isn't theirs to answer.
    #[error(transparent)]
    NotTheirs(#[from] NotGranted),
    /// What they saw is not what waits now.
    #[error("{id} is not what you have seen: it has changed since, look at it again")]
    Changed {
        /// Which.
        id: String,
    },
    /// They have answered.
    #[error("{by} has answered {id} already")]
    Again {
        /// Who.
        by: String,
        /// Which.
        id: String,
    },
    /// What they said can't be said.
    #[error("{0}")]
    Wrong(&'static str),
    /// It can't be remembered, so it isn't taken.
    #[error("the answer can't be put on record: {0}")]
    Journal(#[from] JournalError),
}

fn why(how: Settled) -> &'static str {
    match how {
        Settled::Approved => "it was approved",
        Settled::Denied => "it was denied",
        Settled::TimedOut => "nobody answered in time",
        Settled::GaveUp => "the agent went away",
        Settled::Cancelled => "the agent cancelled it",
        Settled::PolicyChanged => "the policy changed",
        Settled::Shutdown => "weir was stopped",
        Settled::NotAsked => "it could not be asked",
        Settled::Restarted => "weir was restarted while it waited, and it was refused",
        Settled::SessionEnded => "its session has ended",
    }
}
