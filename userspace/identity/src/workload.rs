//! Who a workload is, as long as it is: obtained, verified, and kept fresh.
//!
//! A [`Keeper`] obtains a token, holds it to its provider, and tells an [`Account`] of it whenever
//! that changes. A new token is asked for well before the old one ends; where none is to be had,
//! the old one is good until it ends, and not a moment longer. A provider that is to be asked whether
//! a token still holds, and can't be, is trusted to mean yes for a while that is declared.
//!
//! Not its job: which sessions hang on it (the agent).

mod file;
mod introspection;
mod keeper;
mod source;

use std::sync::Arc;

use jiff::Timestamp;
use weir_policy::Subject;

pub use self::{
    introspection::Introspection,
    keeper::Keeper,
    source::{Source, SourceError},
};

/// Who a workload is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Verified, until then.
    Verified {
        /// Who.
        subject: Arc<Subject>,
        /// Until when.
        expires: Timestamp,
    },
    /// It can't be told. The text says why, and the way out.
    Unverified(String),
}

/// What is known of a workload's identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Who it is now.
    pub standing: Standing,
    /// What went wrong last, since the token that holds was obtained.
    pub failure: Option<Failure>,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// When.
    pub at: Timestamp,
    /// What.
    pub message: String,
}

impl Account {
    /// Before anything is known.
    #[must_use]
    pub fn unknown() -> Self {
        Self::unverified("its identity has not been verified yet; try again in a moment")
    }

    /// Of nobody, and why.
    #[must_use]
    pub fn unverified(why: &str) -> Self {
        Self {
            standing: Standing::Unverified(why.to_owned()),
            failure: None,
        }
    }
}
