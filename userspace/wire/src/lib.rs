//! Bytes to messages and back: sans-IO codecs, one folder a protocol.
//!
//! Job: cut whole messages off a buffer, say what they hold, and make messages. Not its job:
//! sockets, clocks, randomness, the order in which messages may come, and what they mean to
//! policy. A message that was read keeps the bytes it came in, so forwarding it is free and
//! exact.
//!
//! What a peer sends is never trusted: every length, count and terminator is checked against the
//! bytes that are really there before anything is allocated for it.

#![forbid(unsafe_code)]

mod error;
pub mod postgres;

pub use error::{MessageName, WireError};
