//! PostgreSQL's frontend/backend protocol, versions 3.0 to 3.2.
//!
//! Source: PostgreSQL's documentation, "Frontend/Backend Protocol", chapter 55 in release 15 and
//! 54 in release 18; section numbers in this crate are release 15's, so 55.7 is "Message
//! Formats". Version 3.2 (release 18) differs in cancel keys, which have 4 to 256 bytes where 3.0
//! has 4; both are read alike, since only the caller knows which version was agreed on.
//!
//! The way in: [`decode_startup`] until the first [`Startup`], then [`decode_frame`] and
//! [`frontend::decode`] or [`backend::decode`]. A message keeps its [`Frame`]: `frame()` and
//! `into_frame()` give back the very bytes that were read. Messages are made with `new`, and
//! can't be changed once made, so what was judged is what is forwarded.
//!
//! `Debug` never shows SQL, values, passwords, keys or error texts: those are the workload's data.
//!
//! Known limits: no protocol 2.0; the contents of GSS, SSPI and replication streams are opaque;
//! a frame shares the buffer it was read into, so a small frame kept for long keeps that buffer.

pub mod backend;
mod copy;
mod decoded;
mod format;
mod frame;
mod framed;
pub mod frontend;
#[cfg(test)]
mod golden;
mod limits;
mod reader;
mod redact;
mod startup;
mod version;
mod writer;

pub use copy::{CopyData, CopyDone};
pub use decoded::Decoded;
pub use format::{Format, Formats};
pub use frame::{Frame, decode_frame, run_of};
pub use limits::Limits;
pub use startup::{CancelRequest, EncryptionAnswer, Startup, StartupFrame, decode_startup};
pub use version::ProtocolVersion;

#[cfg(test)]
mod tests;
