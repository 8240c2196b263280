//! The index of records: what `weir sessions` searches.
//!
//! One SQLite file beside the records, made from them alone: sessions, their commands, what these
//! name, and their texts. [`Indexer`] keeps it up in a thread of its own, reading of each record
//! only what has come since it last looked, live ones included. [`Index`] is the same without the
//! thread, on disk or in memory. An index that is damaged, or of another version, is thrown away
//! and made anew.
//!
//! Not its job: being right where a record is not. It verifies the chain of what it reads, and
//! names what it can't read; whether a record was tampered with since is for its verification.
//!
//! Known limits: of one command, the first 64 KiB of its text and parameters are searched, and the
//! first 1,000 names. A record that was changed after its session's end was indexed is noticed by
//! the next rebuilding only. Questions to the DNS are commands, and are found as such. Of an encrypted
//! record its outline is found, as far as its checkpoints have come: by all but texts.

#![forbid(unsafe_code)]

mod error;
mod filter;
mod groups;
mod index;
mod indexer;
mod query;
mod read;
mod schema;
mod text;

pub use error::StoreError;
pub use filter::{Answer, Wanted};
pub use index::{Index, Pass};
pub use indexer::Indexer;
pub use query::{Sessions, Unreadable};

#[cfg(test)]
mod tests;
