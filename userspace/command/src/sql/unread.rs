//! Why a text was not read.
//!
//! Its job: carry the reason and a phrase for people from where the doubt arose to the
//! [`Opaque`] that policy sees. Not its job: to quote the text. A phrase names a construct and a
//! byte offset, never a literal, because literals may be secrets.

use crate::model::{Opaque, OpaqueReason, Statement};

/// Why a text was not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unread {
    /// The bytes are no text of a server whose encoding is UTF-8.
    #[error("the text {0}")]
    Encoding(&'static str),
    /// The server would most likely reject it too.
    #[error("{what} at byte {at}")]
    Syntax {
        /// What was met or missing.
        what: &'static str,
        /// Where, counted from 0.
        at: usize,
    },
    /// The parser behind the expressions and queries rejects it.
    #[error("not understood near byte {at}")]
    Rejected {
        /// Where, counted from 0.
        at: usize,
    },
    /// A name that the tree has no place for.
    #[error("a name at byte {at} whose meaning is not known")]
    Unaccounted {
        /// Where, counted from 0.
        at: usize,
    },
    /// Over a limit.
    #[error("{0}")]
    TooLarge(&'static str),
    /// Understood as a construct whose meaning weir does not follow.
    #[error("{0}")]
    Unsupported(&'static str),
    /// Later text would be read differently.
    #[error("{0}")]
    ChangesLexing(&'static str),
}

impl Unread {
    /// True where the server, too, would refuse the whole text before running any of it, or where
    /// it is not known which statements the text holds.
    pub(super) fn is_of_the_whole_text(&self) -> bool {
        match self {
            Self::Encoding(_) | Self::Syntax { .. } | Self::Rejected { .. } | Self::TooLarge(_) => {
                true
            }
            Self::Unaccounted { .. } | Self::Unsupported(_) | Self::ChangesLexing(_) => false,
        }
    }
}

impl From<Unread> for Statement {
    fn from(unread: Unread) -> Self {
        let reason = match unread {
            Unread::Encoding(_) => OpaqueReason::Encoding,
            Unread::Syntax { .. } | Unread::Rejected { .. } => OpaqueReason::Syntax,
            Unread::TooLarge(_) => OpaqueReason::TooLarge,
            Unread::Unaccounted { .. } | Unread::Unsupported(_) => OpaqueReason::Unsupported,
            Unread::ChangesLexing(_) => OpaqueReason::ChangesLexing,
        };
        Self::Opaque(Opaque {
            reason,
            detail: unread.to_string(),
        })
    }
}
