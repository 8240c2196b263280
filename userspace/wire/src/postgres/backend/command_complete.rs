//! CommandComplete: a statement succeeded. 55.7 "Message Formats".

use std::fmt;

use bytes::Bytes;

use super::tag;
use crate::WireError;
use crate::postgres::frame::Frame;
use crate::postgres::framed::framed;
use crate::postgres::reader::Reader;
use crate::postgres::redact::Shown;
use crate::postgres::writer::Writer;

const NAME: &str = "CommandComplete";

/// A statement succeeded.
#[derive(Clone, PartialEq, Eq)]
pub struct CommandComplete {
    frame: Frame,
    tag: Bytes,
}

framed!(CommandComplete);

impl CommandComplete {
    /// Makes the message, with a tag such as `SELECT 5`.
    pub fn new(tag: &[u8]) -> Result<Self, WireError> {
        let mut writer = Writer::tagged(NAME, tag::COMMAND_COMPLETE);
        writer.string("tag", tag)?;
        Self::decode(writer.finish()?)
    }

    /// Reads the message.
    pub fn decode(frame: Frame) -> Result<Self, WireError> {
        let mut reader = Reader::tagged(NAME, tag::COMMAND_COMPLETE, &frame)?;
        let tag = reader.string("tag")?;
        reader.finish()?;
        Ok(Self { frame, tag })
    }

    /// What was done: `SELECT 5`, `INSERT 0 1`, `CREATE TABLE`.
    #[must_use]
    pub fn tag(&self) -> &Bytes {
        &self.tag
    }

    /// How many rows were returned or changed, where the tag ends in a number.
    #[must_use]
    pub fn rows(&self) -> Option<u64> {
        let last = self.tag.rsplit(|byte| *byte == b' ').next()?;
        // A sign would parse, too.
        if !last.iter().all(u8::is_ascii_digit) {
            return None;
        }
        std::str::from_utf8(last).ok()?.parse().ok()
    }
}

impl fmt::Debug for CommandComplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(NAME)
            .field("tag", &Shown(&self.tag))
            .finish()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::CommandComplete;
    use crate::postgres::golden::closed;

    pub(crate) const GOLDEN: &[u8] = b"C\0\0\0\x10INSERT 0 12\0";

    #[test]
    fn golden() {
        let made = CommandComplete::new(b"INSERT 0 12").unwrap();
        let message = closed(GOLDEN, made, CommandComplete::decode);
        assert_eq!(message.tag(), "INSERT 0 12");
        assert_eq!(message.rows(), Some(12));
    }

    #[test]
    fn rows_are_the_number_that_ends_the_tag() {
        for (tag, rows) in [
            ("SELECT 5", Some(5)),
            ("MERGE 0", Some(0)),
            ("COPY 18446744073709551615", Some(u64::MAX)),
            ("COPY 18446744073709551616", None),
            ("CREATE TABLE", None),
            ("SELECT +5", None),
            ("SELECT -5", None),
            ("SELECT ", None),
            ("", None),
        ] {
            assert_eq!(
                CommandComplete::new(tag.as_bytes()).unwrap().rows(),
                rows,
                "{tag}"
            );
        }
        assert_eq!(CommandComplete::new(b"SELECT \xff").unwrap().rows(), None);
    }
}
