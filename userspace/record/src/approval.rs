//! What a record says of a command that waited for humans.

use serde::{Deserialize, Serialize};

/// A step on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Approval {
    /// People were asked.
    Asked {
        /// The request's id.
        request: String,
        /// Whom, for a person: `2 of dba-oncall, and lead`.
        of: String,
        /// For how many seconds it may wait.
        wait_seconds: u64,
        /// How many rows the target's planner thought that it touches.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rows_estimated: Option<u64>,
    },
    /// Somebody answered.
    Answered {
        /// Who: their id.
        by: String,
        /// What people call them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// What they said.
        #[serde(flatten)]
        answer: Answered,
        /// Their reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// It waits no longer.
    Settled {
        /// What became of it.
        how: Settled,
    },
}

/// What somebody said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answered {
    /// Yes, to this command.
    Once,
    /// Yes, to what the same policies ask about in this session.
    Session,
    /// Yes, to statements of this shape.
    Shape {
        /// For how long.
        minutes: u64,
    },
    /// No.
    No,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settled {
    /// Enough people said yes.
    Approved,
    /// Somebody said no.
    Denied,
    /// Nobody answered in time.
    TimedOut,
    /// The agent went away.
    GaveUp,
    /// The agent cancelled it.
    Cancelled,
    /// Another policy came into force, which doesn't ask.
    PolicyChanged,
    /// Weir was told to stop.
    Shutdown,
    /// It could not be asked: too many wait, or it is too long to be shown.
    NotAsked,
    /// Weir was restarted while it waited.
    Restarted,
    /// The session ended otherwise.
    SessionEnded,
}

impl Settled {
    /// The name that listings use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::TimedOut => "timed_out",
            Self::GaveUp => "gave_up",
            Self::Cancelled => "cancelled",
            Self::PolicyChanged => "policy_changed",
            Self::Shutdown => "shutdown",
            Self::NotAsked => "not_asked",
            Self::Restarted => "restarted",
            Self::SessionEnded => "session_ended",
        }
    }
}
