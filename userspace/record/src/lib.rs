//! The durable account of a session: its format, its writer, its reader and its listing.
//!
//! One append-only file a session. [`SessionWriter`] puts each event in the kernel's hands before
//! it returns, and its [`intent`](SessionWriter::intent) is the only maker of a
//! [`RecordedPermit`]: what can't be recorded can't be forwarded. [`SessionReader`] gives the
//! events back, verifying the hash chain as it goes. `FORMAT.md` beside this crate describes the
//! file byte by byte.
//!
//! Not its job: deciding anything, masking (it is handed only what the agent saw), and keeping
//! the file from someone with the right to write it: the chain has no key, so it shows damage and
//! careless editing, not a forger who computes it anew.
//!
//! Everything here blocks on the file system; an asynchronous caller decides where.

#![forbid(unsafe_code)]

mod approval;
mod borrowed;
mod error;
mod event;
mod file;
mod frame;
mod frames;
mod id;
mod journal;
mod position;
mod proof;
mod reader;
pub mod store;
mod summary;
mod writer;

pub use approval::{Answered, Approval, Settled};
pub use error::{FindError, Place, ReadError, RecordError};
pub use event::{
    Ancestor, End, Event, Intent, MaskedColumns, Outcome, Process, SessionStart, Side,
    StatementSummary, Status, VerdictSummary,
};
pub use frames::Tail;
pub use id::{InvalidSessionId, SessionId};
pub use position::Position;
pub use proof::{RecordedPermit, Seq};
pub use reader::{Entry, SessionReader};
pub use store::{find, list};
pub use summary::Summary;
pub use writer::{CommandText, SessionWriter};

#[cfg(test)]
mod samples;
