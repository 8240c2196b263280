//! What can go wrong with a record. A writer's errors mean: do not forward.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use crate::{Seq, SessionId};

/// Why something could not be recorded. The host's fault unless a variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The directory can't be made or looked at.
    #[error("can't use the record directory {}: {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The directory lets others in; a record holds what only the agent may see.
    #[error("the record directory {} is open to others (mode {mode:04o}): chmod 700 it", path.display())]
    Exposed {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file can't be made. One of that name exists: another session has the same id, and a
    /// retry with a new one helps.
    #[error("can't create the record {}: {source}", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The disk, a quota or the file size limit is full. A retry, in a new session, helps once
    /// there is room. The writer is poisoned, unless it is only the reserve that is left.
    #[error("no room left for the record {}: {source}", path.display())]
    Full {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The write failed otherwise. The writer is poisoned.
    #[error("can't write the record {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The disk did not take what the kernel held for it. The writer is poisoned: what an earlier
    /// write put there may be lost, and asking again would not tell.
    #[error("can't sync the record {}: {source}", path.display())]
    Sync {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The event does not fit a frame. Nothing was written and the writer goes on; the sender's
    /// fault, and only a smaller command helps.
    #[error("too large to record: an event holds at most {limit} bytes")]
    TooLarge {
        /// The most that an event's JSON may have.
        limit: usize,
    },
    /// The event has no JSON. Nothing was written and the writer goes on.
    #[error("can't encode an event: {source}")]
    Encode {
        /// The encoder's reason.
        source: serde_json::Error,
    },
    /// The number is not of a command of this session. Nothing was written and the writer goes
    /// on; weir's own fault.
    #[error("the session has no command {seq}")]
    UnknownCommand {
        /// The number.
        seq: Seq,
    },
    /// An earlier write failed, so the record's end is unknown and nothing more is put there.
    #[error("the record {} is closed: an earlier write to it failed", path.display())]
    Poisoned {
        /// The file.
        path: PathBuf,
    },
}

impl RecordError {
    /// There is no room but the reserve. The writer is not poisoned: what is left to say fits.
    pub(crate) fn reserved(path: &Path) -> Self {
        let source = "what is left is reserved for the ends of sessions";
        Self::Full {
            path: path.to_owned(),
            source: io::Error::new(io::ErrorKind::StorageFull, source),
        }
    }
}

/// A place in a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// How many bytes into it.
    pub offset: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.path.display(), self.offset)
    }
}

/// Why a record, or the rest of it, can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file or directory can't be opened.
    #[error("can't open {}: {source}", path.display())]
    Open {
        /// Which.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The system failed a read.
    #[error("can't read {place}: {source}")]
    Read {
        /// Where.
        place: Place,
        /// The system's reason.
        source: io::Error,
    },
    /// The file does not begin as a record does.
    #[error("{} is not a weir record", path.display())]
    NotARecord {
        /// The file.
        path: PathBuf,
    },
    /// The record is of a format that this weir does not know.
    #[error("{} is of record format {version}, which this weir does not read", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The format's number.
        version: u16,
    },
    /// A frame claims a length that none can have.
    #[error("{place} is damaged: a frame can't be {length} bytes long")]
    Length {
        /// Where the frame begins.
        place: Place,
        /// What it claims.
        length: u32,
    },
    /// A frame is of a kind that the format does not have.
    #[error("{place} is damaged: unknown frame kind {kind}")]
    Kind {
        /// Where the frame begins.
        place: Place,
        /// The kind's number.
        kind: u8,
    },
    /// A frame's hash is not what its contents and the frames before it give.
    #[error("{place} is damaged or was changed: the hash chain breaks")]
    Chain {
        /// Where the frame begins.
        place: Place,
    },
    /// The record is encrypted, and nothing at hand decrypts it.
    #[error("{} is encrypted: name an identity of one of its recipients with --identity", path.display())]
    Encrypted {
        /// The file.
        path: PathBuf,
    },
    /// A frame is where it was written, but what it holds can't be decrypted or decompressed.
    #[error("{place} is damaged or was changed: its content can't be unpacked")]
    Content {
        /// Where the frame begins.
        place: Place,
    },
    /// A frame is as it was written, but holds no event that this weir knows.
    #[error("{place} holds an event that this weir does not know: {source}")]
    Event {
        /// Where the frame begins.
        place: Place,
        /// The decoder's reason.
        source: serde_json::Error,
    },
    /// A frame is as it was written, but no session has it there.
    #[error("{place} is out of order: {problem}")]
    Order {
        /// Where the frame begins.
        place: Place,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The record ends before its first event: its writer was stopped while making it.
    #[error("{} is empty: its writer was stopped while making it", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Something among the records that is not one: not a file, or not named for its session.
    #[error("{} does not belong among the records: {problem}", path.display())]
    Stray {
        /// Which.
        path: PathBuf,
        /// Why.
        problem: String,
    },
}

/// Why a session can't be found by the beginning of its id.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The text begins no id.
    #[error("{prefix:?} is not the beginning of a session id")]
    Invalid {
        /// The text.
        prefix: String,
    },
    /// No session's id begins so.
    #[error("no session {prefix} in {}", dir.display())]
    NotFound {
        /// The text.
        prefix: String,
        /// Where it was looked for.
        dir: PathBuf,
    },
    /// More than one session's id begins so.
    #[error("{} sessions begin with {prefix}, such as {}", candidates.len(), some(candidates))]
    Ambiguous {
        /// The text.
        prefix: String,
        /// All of them, newest first.
        candidates: Vec<SessionId>,
    },
    /// The directory can't be read.
    #[error(transparent)]
    Directory(#[from] ReadError),
}

fn some(candidates: &[SessionId]) -> String {
    candidates
        .iter()
        .take(4)
        .map(SessionId::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}
