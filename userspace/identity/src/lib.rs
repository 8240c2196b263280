//! Who workloads and people are, as identity providers say it and weir has verified it.
//!
//! Not its job: what anyone may do (`weir-policy`), and which connection is whose (the agent's
//! `identity` room).

#![forbid(unsafe_code)]

mod groups;
pub mod oidc;
mod people;
mod person;
pub mod saml;
mod sign_in;
pub mod spiffe;
pub mod workload;

pub use groups::{Groups, Pointer};
pub use people::{People, SignInError, Signed};
pub use person::Person;
pub use sign_in::{Evidence, Offer, Provider, SignInRefused, SignIns, Way};
