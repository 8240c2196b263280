//! The durable account of a session: its format, its writer, its reader, its listing, and how it is
//! verified.
//!
//! One append-only file a session. [`SessionWriter`] puts each event in the kernel's hands before
//! it returns, and its [`intent`](SessionWriter::intent) is the only maker of a
//! [`RecordedPermit`]: what can't be recorded can't be forwarded, and what is forwarded waits for
//! the permit's [`Commit`]. [`SessionReader`] gives the events back, verifying the hash chain as it
//! goes. A host's sessions share a [`Recorder`]: it signs, keeps the head file, syncs, keeps a
//! reserve and removes what is old enough. [`verify`] says whether all that is as it was written.
//! `FORMAT.md` beside this crate describes the files byte by byte.
//!
//! Not its job: deciding anything, masking (it is handed only what the agent saw), and keeping
//! the files from someone with the right to write them. Who has the host's private key, too, can
//! forge them.
//!
//! Reading and writing block on the file system; waiting for the disk does not, where there is a
//! recorder.

#![deny(unsafe_code)]

mod approval;
mod batch;
mod borrowed;
mod brief;
mod checkpoint;
mod error;
mod event;
mod file;
mod frame;
mod frames;
mod header;
mod heads;
mod id;
mod journal;
mod ledger;
mod observe;
mod outline;
mod pack;
mod position;
mod proof;
mod reader;
mod recorder;
mod recover;
mod repeat;
mod replace;
pub mod retain;
mod room;
mod seal;
mod sign;
#[expect(unsafe_code, reason = "memory that is a file's has no safe view")]
mod spool;
pub mod store;
mod summary;
mod syncer;
mod told;
pub mod verify;
mod writer;

pub use approval::{Answered, Approval, Settled};
pub use borrowed::ReadAs;
pub use error::{FindError, Place, ReadError, RecordError};
pub use event::{
    Ancestor, Circumstances, Detected, End, Event, Intent, LookedUp, MaskedColumns, Outcome,
    Process, SessionStart, Side, StatementSummary, Status, VerdictSummary,
};
pub use frames::Tail;
pub use heads::{HeadsError, Reason};
pub use id::{InvalidSessionId, SessionId};
pub use ledger::Commit;
pub use observe::{Judged, Judgement, Observer, SessionObserver};
pub use position::Position;
pub use proof::{RecordedPermit, Seq};
pub use reader::{Again, Entry, Kept, SessionReader};
pub use recorder::{Durability, Options, Recorder, RecorderError};
pub use replace::replace;
pub use seal::{Identities, InvalidKey, Recipient};
pub use sign::{InvalidPublicKey, KeyError, KeyId, PublicKey, SigningKey, TrustedKeys};
pub use store::{find, list};
pub use summary::Summary;
pub use writer::{CommandText, SessionWriter};

#[cfg(test)]
mod samples;
