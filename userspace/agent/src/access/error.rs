//! Why access is not asked for, not granted, or not kept.

use std::{io, path::PathBuf};

/// Why nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// Not a request that could be granted.
    #[error("{0}")]
    Wanted(String),
    /// No such target.
    #[error("no target is called `{target}`")]
    NoTarget {
        /// What was asked for.
        target: String,
        /// Those that are declared.
        known: Vec<String>,
    },
    /// No template permits it.
    #[error("`{action}` can't be granted: no template of the policies permits it and nothing more")]
    NotGrantable {
        /// What was asked for.
        action: String,
        /// What can be, with its actions.
        grantable: Vec<String>,
    },
    /// As much as can be. A retry helps later.
    #[error("too many {0}")]
    Full(&'static str),
    /// No such request, for this caller.
    #[error("no access request has an id that begins with `{0}`")]
    NoSuchRequest(String),
    /// Several.
    #[error("several access requests have an id that begins with `{0}`")]
    Ambiguous(String),
    /// Somebody else's to answer.
    #[error("this request is for others to answer")]
    NotYours,
    /// Their own.
    #[error("nobody grants access to themselves: who asked, the subject and who it acts for can't")]
    Oneself,
    /// Too late, or too early.
    #[error("this request is {0}")]
    NotNow(&'static str),
    /// The system has no randomness to give.
    #[error("the system gives no random bytes")]
    Random,
    /// What was said can't be kept, so it doesn't hold.
    #[error("can't keep access requests in {}: {source}", path.display())]
    Journal {
        /// The journal.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Somebody or something changed it.
    #[error("{}:{line} is no access request: {problem}", path.display())]
    Broken {
        /// The journal.
        path: PathBuf,
        /// Which line.
        line: usize,
        /// What is wrong.
        problem: String,
    },
}
