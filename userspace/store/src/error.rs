//! Why the index can't be used.

use std::{io, path::PathBuf};

use rusqlite::ErrorCode;
use weir_record::ReadError;

/// Why the index can't be used. It is never the truth: whatever it is, the records stay, and the
/// index can be made anew.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite's own.
    #[error("the index: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// What it holds makes no sense.
    #[error("the index holds what weir did not write: {0}")]
    Nonsense(#[from] serde_json::Error),
    /// Its file is damaged.
    #[error("the index is damaged: {0}")]
    Damaged(String),
    /// The records can't be read.
    #[error(transparent)]
    Records(#[from] ReadError),
    /// The index's file can't be made or removed.
    #[error("the index {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The indexing thread has ended.
    #[error("the indexer has stopped")]
    Stopped,
}

impl StoreError {
    /// Whether the index is to be thrown away: nothing that is waited for would mend it.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::Nonsense(_) | Self::Damaged(_) => true,
            Self::Sqlite(rusqlite::Error::SqliteFailure(error, _)) => matches!(
                error.code,
                ErrorCode::DatabaseCorrupt
                    | ErrorCode::NotADatabase
                    | ErrorCode::ConstraintViolation
                    | ErrorCode::SchemaChanged
                    | ErrorCode::TypeMismatch
                    | ErrorCode::Unknown
            ),
            // A column of another type or name than this version writes.
            Self::Sqlite(error) => !matches!(error, rusqlite::Error::InvalidPath(_)),
            Self::Records(_) | Self::File { .. } | Self::Stopped => false,
        }
    }
}
