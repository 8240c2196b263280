//! Why bytes are not a message, or a message can't be made.
//!
//! The text does not say whose fault it is: the same codec reads both peers, and only the caller
//! knows which of them it was reading. A retry with the same bytes never helps.

use std::fmt;

/// Which message an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageName {
    /// A message whose kind is known.
    Named(&'static str),
    /// Only the type byte was read; the same byte names different messages in each direction.
    Tagged(u8),
}

impl fmt::Display for MessageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => f.write_str(name),
            Self::Tagged(tag) => write!(f, "message '{}'", tag.escape_ascii()),
        }
    }
}

/// Why bytes are not a message, or a message can't be made.
///
/// `offset` counts bytes from the message's first byte, its type byte included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The length field asks for more than the caller allows. Nothing was allocated for it.
    #[error("{message}: length {length} exceeds the limit of {limit} bytes")]
    TooLong {
        /// Whose length.
        message: MessageName,
        /// The length field as sent; a negative one shows as its unsigned value.
        length: u32,
        /// The most bytes that may follow the length field.
        limit: usize,
    },
    /// The length field is smaller than what it must count.
    #[error("{message}: length {length} is below the least possible, {least}")]
    TooShort {
        /// Whose length.
        message: MessageName,
        /// The length field as sent.
        length: u32,
        /// The least the field can hold.
        least: u32,
    },
    /// A frame was handed over with bytes missing or to spare.
    #[error("{message}: length {length} does not agree with the {found} bytes given")]
    NotOneFrame {
        /// Whose length.
        message: MessageName,
        /// The length field as sent.
        length: u32,
        /// All bytes given.
        found: usize,
    },
    /// Fewer bytes than the smallest frame has.
    #[error("{found} bytes are no message: the smallest has {least}")]
    NoFrame {
        /// All bytes given.
        found: usize,
        /// The smallest frame.
        least: usize,
    },
    /// The message ends inside a field.
    #[error("{message}: {what} at byte {offset} needs {need} bytes, {left} are left")]
    Truncated {
        /// Which message.
        message: MessageName,
        /// Which field.
        what: &'static str,
        /// Where the field starts.
        offset: usize,
        /// Bytes that the field takes.
        need: usize,
        /// Bytes that the message has left.
        left: usize,
    },
    /// A string has no terminating zero byte.
    #[error("{message}: {what} at byte {offset} has no terminating zero byte")]
    Unterminated {
        /// Which message.
        message: MessageName,
        /// Which field.
        what: &'static str,
        /// Where the string starts.
        offset: usize,
    },
    /// A count announces more items than the rest of the message can hold.
    #[error("{message}: {count} {what} announced at byte {offset} do not fit in {left} bytes")]
    CountTooLarge {
        /// Which message.
        message: MessageName,
        /// What is counted.
        what: &'static str,
        /// Where the count stands.
        offset: usize,
        /// The count as sent; a negative one shows as its unsigned value.
        count: u16,
        /// Bytes that the message has left.
        left: usize,
    },
    /// The message goes on after its last field.
    #[error("{message}: {left} bytes left over at byte {offset}")]
    Leftover {
        /// Which message.
        message: MessageName,
        /// Where the leftover starts.
        offset: usize,
        /// How much it is.
        left: usize,
    },
    /// A field holds a value that the protocol does not define.
    #[error("{message}: {what} at byte {offset} has the undefined value {value}")]
    Undefined {
        /// Which message.
        message: MessageName,
        /// Which field.
        what: &'static str,
        /// Where the field starts.
        offset: usize,
        /// The value as sent.
        value: i64,
    },
    /// A text that must be UTF-8 isn't.
    #[error("{message}: {what} at byte {offset} is not utf-8")]
    NotUtf8 {
        /// Which message.
        message: MessageName,
        /// Which field.
        what: &'static str,
        /// Where the text starts.
        offset: usize,
    },
    /// Something that may be given once is given twice, so readers could disagree which counts.
    #[error("{message}: {what} at byte {offset} is given twice")]
    Repeated {
        /// Which message.
        message: MessageName,
        /// What is repeated.
        what: &'static str,
        /// Where the second one starts.
        offset: usize,
    },
    /// A number of items or bytes that the protocol does not allow.
    #[error("{message}: {found} {what}, where {least} to {most} are allowed")]
    OutOfRange {
        /// Which message.
        message: MessageName,
        /// What is counted.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// The fewest allowed.
        least: usize,
        /// The most allowed.
        most: usize,
    },
    /// A string to be sent holds a zero byte: the peer would read it as the string's end.
    #[error("{message}: {what} to be sent contains a zero byte")]
    EmbeddedZero {
        /// Which message.
        message: MessageName,
        /// Which field.
        what: &'static str,
    },
    /// A string to be sent is empty where that would end the list it stands in.
    #[error("{message}: {what} to be sent is empty")]
    Empty {
        /// Which message.
        message: MessageName,
        /// Which field.
        what: &'static str,
    },
    /// A message to be sent is longer than its length field can say.
    #[error("{message}: {length} bytes to be sent are more than a message can hold")]
    Unsendable {
        /// Which message.
        message: MessageName,
        /// Its length.
        length: usize,
    },
    /// A frame was given to the decoder of another message.
    #[error("{message}: the frame is another's, of type '{}'", tag.escape_ascii())]
    WrongTag {
        /// Which message was expected.
        message: MessageName,
        /// The frame's type byte.
        tag: u8,
    },
    /// No message of this direction has this type byte.
    #[error("unknown message type '{}'", tag.escape_ascii())]
    UnknownTag {
        /// The frame's type byte.
        tag: u8,
    },
    /// A startup packet of a major version other than 3: its layout is not known.
    #[error("unsupported protocol version {major}.{minor}")]
    UnsupportedVersion {
        /// Major version.
        major: u16,
        /// Minor version.
        minor: u16,
    },
}
