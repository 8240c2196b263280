//! What a record is read back as.

use std::sync::Arc;

use crate::{Event, Intent, Seq};

/// One entry of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "held one at a time; a box would be one for each"
)]
pub enum Entry {
    /// Something happened.
    Event(Event),
    /// The agent was sent something. A long response comes as several of these.
    Response {
        /// In answer to which command.
        seq: Seq,
        /// Microseconds since the session's start.
        at: i64,
        /// What, as the agent saw it.
        bytes: Vec<u8>,
    },
    /// The agent sent something beside the command's text. Much of it comes as several of these.
    Request {
        /// Under which command.
        seq: Seq,
        /// Microseconds since the session's start.
        at: i64,
        /// What, as the agent sent it.
        bytes: Vec<u8>,
    },
}

/// An entry as the record keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "held one at a time; a box would be one for each"
)]
pub enum Kept {
    /// One that says all of itself.
    Entry(Entry),
    /// A command that was read and judged like an earlier one.
    Again(Again),
}

/// What a command that was read and judged like an earlier one has of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Again {
    /// The earlier one; the same value for all that repeat it one after the other.
    pub of: Arc<Intent>,
    /// Its text, where that is another.
    pub text: Option<String>,
    /// Its number within the session.
    pub seq: Seq,
    /// Microseconds since the session's start.
    pub at: i64,
    /// The values that the agent sent beside the text.
    pub parameters: Vec<Option<String>>,
}

impl From<Kept> for Entry {
    fn from(kept: Kept) -> Self {
        match kept {
            Kept::Entry(entry) => entry,
            Kept::Again(Again {
                of,
                text,
                seq,
                at,
                parameters,
            }) => Self::Event(Event::Intent(Intent {
                seq,
                at,
                parameters,
                text: text.unwrap_or_else(|| of.text.clone()),
                ..Intent::clone(&of)
            })),
        }
    }
}
