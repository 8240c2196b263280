//! Why a command about policies failed.

use std::{io, path::PathBuf};

use weir_policy::Diagnostics;

use crate::signing::NotAKey;

/// Why a command about policies failed.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum PolicyError {
    #[error("{failed} of {tried} cases failed")]
    CasesFailed { failed: usize, tried: usize },
    #[error("{0}")]
    BadCases(Diagnostics),
    #[error("{} holds no cases: they are *.toml files in {}/tests", .0.display(), .0.display())]
    NoCases(PathBuf),
    #[error("`{0}` names no command: write SESSION#NUMBER, as `weir sessions show` has them")]
    NotACommand(String),
    #[error("session {session} has no command #{number}")]
    NoSuchCommand { session: String, number: String },
    #[error("no policy was asked about this: {0}")]
    NoQuestion(String),
    #[error("{} is no Ed25519 key in PEM: `weir policy keygen` makes one", .path.display())]
    Key {
        path: PathBuf,
        #[source]
        source: NotAKey,
    },
    #[error("can't make a key: {0}")]
    Generate(rcgen::Error),
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("the manifest has the number {0}, and no greater one is left")]
    Spent(u64),
}
