//! What can be wrong with records, named.

use std::fmt;

use serde::Serialize;

/// What is wrong with a record or with the head file. Frames are counted from 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "problem", rename_all = "snake_case")]
pub enum Problem {
    /// A frame is not what was written.
    Changed {
        /// Which.
        frame: u64,
        /// Where it begins.
        byte: u64,
    },
    /// Frames were taken out.
    Cut {
        /// Before which.
        frame: u64,
        /// Where that begins.
        byte: u64,
        /// How many.
        count: u64,
    },
    /// Frames were put in.
    Added {
        /// The first of them.
        frame: u64,
        /// Where they begin.
        byte: u64,
        /// Where what was written goes on.
        until: u64,
        /// How many.
        count: u64,
    },
    /// Two frames have changed places.
    Swapped {
        /// The first of them.
        frame: u64,
        /// Where it begins.
        byte: u64,
        /// Where the one begins that belongs here.
        found: u64,
    },
    /// A frame is not where it was written.
    Moved {
        /// Where it should be.
        frame: u64,
        /// Where that is.
        byte: u64,
        /// Where it is.
        found: u64,
    },
    /// From here on it is not what was written; what was done can't be told.
    Damaged {
        /// The first frame.
        frame: u64,
        /// Where it begins.
        byte: u64,
        /// What is wrong with it.
        what: String,
    },
    /// A checkpoint's signature is not of what is there.
    Forged {
        /// The checkpoint.
        frame: u64,
        /// Where it begins.
        byte: u64,
    },
    /// A checkpoint is signed by a key that is not trusted.
    ForeignKey {
        /// The checkpoint.
        frame: u64,
        /// Where it begins.
        byte: u64,
        /// The key's id.
        key: String,
    },
    /// Nobody vouches for the record.
    Unsigned,
    /// The record ends before it should: it was truncated, or an older copy was put in its place.
    Truncated {
        /// How many frames it has.
        frames: u64,
        /// How many it had.
        stated: u64,
    },
    /// Something was put behind the record's end.
    Extended {
        /// How many bytes it has.
        bytes: u64,
        /// How many it had.
        stated: u64,
    },
    /// The record is whole by itself, but not the one that was written.
    Replaced,
    /// The file is the record of another session.
    OtherSession {
        /// Which.
        is: String,
    },
    /// The head file tells of the session, and there is no record of it.
    Gone,
    /// The head file doesn't tell of the session.
    Unlisted,
    /// The file can't be read as a record.
    Unreadable {
        /// Why.
        why: String,
    },
    /// There is no head file: nothing says which sessions there were.
    NoHeadFile,
    /// An entry of the head file is not what was written, or entries before it were taken out.
    HeadChanged {
        /// Which.
        entry: u64,
        /// Where it begins.
        byte: u64,
    },
    /// An entry of the head file has a signature that is not of it.
    HeadForged {
        /// Which.
        entry: u64,
    },
    /// An entry of the head file is signed by a key that is not trusted.
    HeadForeignKey {
        /// Which.
        entry: u64,
        /// The key's id.
        key: String,
    },
    /// Entries were taken off the head file's end, or an older copy was put in its place.
    HeadTruncated {
        /// How many it has.
        entries: u64,
        /// How many it had while a session was recorded that is still there.
        stated: u64,
        /// That session.
        session: String,
    },
    /// A session has ended, and the head file doesn't say so: the entry was taken off its end, or the
    /// daemon was killed at that very moment.
    HeadUnended {
        /// That session.
        session: String,
    },
    /// The head file is another one than while a session was recorded that is still there.
    HeadReplaced {
        /// That session.
        session: String,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed { frame, byte } => {
                write!(f, "frame {frame} at byte {byte} was changed")
            }
            Self::Cut { frame, byte, count } => {
                write!(
                    f,
                    "{count} frames were cut out at byte {byte}, before frame {frame}"
                )
            }
            Self::Added {
                frame,
                byte,
                until,
                count,
            } => write!(
                f,
                "{count} frames were put in at bytes {byte} to {until}, as frame {frame}"
            ),
            Self::Swapped { frame, byte, found } => write!(
                f,
                "frame {frame} at byte {byte} and the one at byte {found} were swapped"
            ),
            Self::Moved { frame, byte, found } => write!(
                f,
                "the frame at byte {found} belongs at byte {byte}, as frame {frame}"
            ),
            Self::Damaged { frame, byte, what } => {
                write!(
                    f,
                    "frame {frame} at byte {byte} is not what was written: {what}"
                )
            }
            Self::Forged { frame, byte } => write!(
                f,
                "the signature of checkpoint {frame} at byte {byte} is not of what is there"
            ),
            Self::ForeignKey { frame, byte, key } => write!(
                f,
                "checkpoint {frame} at byte {byte} is signed by key {key}, which is not trusted"
            ),
            Self::Unsigned => f.write_str("nobody vouches for it"),
            Self::Truncated { frames, stated } => write!(
                f,
                "truncated, or an older copy: it has {frames} frames of {stated}"
            ),
            Self::Extended { bytes, stated } => write!(
                f,
                "something was put behind its end: it has {bytes} bytes, and had {stated}"
            ),
            Self::Replaced => f.write_str("replaced: it is not the record that was written"),
            Self::OtherSession { is } => write!(f, "it is the record of session {is}"),
            Self::Gone => f.write_str("the head file tells of it, and its record is gone"),
            Self::Unlisted => f.write_str("the head file does not tell of it"),
            Self::Unreadable { why } => f.write_str(why),
            Self::NoHeadFile => {
                f.write_str("there is no head file, so nothing says which sessions there were")
            }
            Self::HeadChanged { entry, byte } => write!(
                f,
                "entry {entry} at byte {byte} was changed, or entries before it were cut out"
            ),
            Self::HeadForged { entry } => {
                write!(f, "the signature of entry {entry} is not of what is there")
            }
            Self::HeadForeignKey { entry, key } => {
                write!(
                    f,
                    "entry {entry} is signed by key {key}, which is not trusted"
                )
            }
            Self::HeadTruncated {
                entries,
                stated,
                session,
            } => write!(
                f,
                "truncated, or an older copy: it has {entries} entries, and had {stated} while \
                 session {session} was recorded"
            ),
            Self::HeadUnended { session } => write!(
                f,
                "session {session} has ended, and no entry says so: it was taken off the end, or \
                 the daemon was killed just then and wasn't started since"
            ),
            Self::HeadReplaced { session } => write!(
                f,
                "replaced: it is not the one that was there while session {session} was recorded"
            ),
        }
    }
}
