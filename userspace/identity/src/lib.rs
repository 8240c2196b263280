//! Who workloads and people are, as identity providers say it and weir has verified it.
//!
//! Not its job: what anyone may do (`weir-policy`), and which connection is whose (the agent's
//! `identity` room).

#![forbid(unsafe_code)]

mod people;
mod person;

pub use people::{People, SignInError, Signed};
pub use person::Person;
