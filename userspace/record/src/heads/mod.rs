//! The host's head file: what sessions there were, and what each came to.
//!
//! Its entries are chained and signed one by one, so that a session that is missing shows as well
//! as one that was changed. It is only ever appended to. Several processes may write to it: each
//! entry is appended under a lock of the file, behind what the others have put there.

mod reader;
mod writer;

use std::{fmt, io, path::PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub(crate) use self::{
    reader::{ReadHeads, read},
    writer::Heads,
};
use crate::{SessionId, header::Anchor, journal::Sum, sign};

/// Its name in a directory of records.
pub(crate) const FILE: &str = "heads";
const HEADER: &[u8; 16] = b"weir\x89hds\x01\0\0\0\0\0\0\0";
/// The most that an entry may hold; the longest are a tenth of it.
const MAX_ENTRY: usize = 4 << 10;
/// What tells these signatures from others of the same key.
const PURPOSE: &[u8] = b"weir head entry 1\0";
const HASH_LEN: usize = 16;

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "head", rename_all = "snake_case")]
pub(crate) enum Entry {
    /// From here on this key signs.
    Key { at: Timestamp, public: String },
    /// A session began.
    Start { at: Timestamp, session: SessionId },
    /// A session is over, and came to this.
    End {
        at: Timestamp,
        session: SessionId,
        how: How,
        #[serde(flatten)]
        total: Total,
    },
    /// Retention removed a session, which had come to this.
    Removed {
        at: Timestamp,
        session: SessionId,
        reason: Reason,
        #[serde(flatten)]
        total: Total,
    },
    /// A writer was stopped in the middle of an entry; so many bytes of it were taken away.
    Torn { at: Timestamp, bytes: u64 },
}

impl Entry {
    /// Whether it says that this session is over.
    pub(crate) fn ends(&self, id: SessionId) -> bool {
        match self {
            Self::End { session, .. } | Self::Removed { session, .. } => *session == id,
            Self::Key { .. } | Self::Start { .. } | Self::Torn { .. } => false,
        }
    }
}

/// How a session came to be over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum How {
    /// It was ended.
    Ended,
    /// Its writer was stopped, or could not write on.
    Stopped,
}

/// Why a session was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It was kept as long as records are.
    Age,
    /// All together held more than they may.
    Size,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Age => "age",
            Self::Size => "size",
        })
    }
}

/// What a record came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Total {
    pub(crate) frames: u64,
    pub(crate) bytes: u64,
    #[serde(serialize_with = "to_hex", deserialize_with = "from_hex")]
    pub(crate) chain: [u8; 32],
}

impl From<Sum> for Total {
    fn from(sum: Sum) -> Self {
        let Sum {
            chain,
            frames,
            bytes,
        } = sum;
        Self {
            frames,
            bytes,
            chain,
        }
    }
}

fn to_hex<S: Serializer>(bytes: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&sign::Hex(bytes))
}

fn from_hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
    let text = String::deserialize(deserializer)?;
    sign::hex(text.as_bytes()).ok_or_else(|| de::Error::custom("not 64 hexadecimal digits"))
}

/// Why the head file can't be written to.
#[derive(Debug, thiserror::Error)]
pub enum HeadsError {
    /// The file can't be used.
    #[error("can't use the head file {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is damaged or was changed. Going on behind that would cover it up.
    #[error("the head file {} is damaged or was changed at byte {byte}: see `weir sessions verify`, and move the file away to begin another", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// Where the entry begins.
        byte: u64,
    },
}

fn message(before: &Anchor, json: &[u8]) -> Vec<u8> {
    let mut message = PURPOSE.to_vec();
    message.extend_from_slice(&before.entries.to_le_bytes());
    message.extend_from_slice(&before.chain);
    message.extend_from_slice(json);
    message
}

fn next(before: &[u8; 32], length: &[u8; 4], body: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(before);
    hasher.update(length);
    hasher.update(body);
    *hasher.finalize().as_bytes()
}

/// Where entries begin, and what comes before the first.
fn beginning() -> (u64, Anchor) {
    let anchor = Anchor {
        entries: 0,
        chain: *blake3::hash(HEADER).as_bytes(),
    };
    (HEADER.len() as u64, anchor)
}
