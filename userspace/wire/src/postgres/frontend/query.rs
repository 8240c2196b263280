//! Query: one or more SQL statements, by the simple protocol. 55.2.2 "Simple Query", 55.7
//! "Message Formats".

use std::fmt;

use bytes::Bytes;

use super::tag;
use crate::WireError;
use crate::postgres::frame::Frame;
use crate::postgres::framed::framed;
use crate::postgres::reader::Reader;
use crate::postgres::redact::Redacted;
use crate::postgres::writer::Writer;

const NAME: &str = "Query";

/// One or more SQL statements, by the simple protocol.
#[derive(Clone, PartialEq, Eq)]
pub struct Query {
    frame: Frame,
    text: Bytes,
}

framed!(Query);

impl Query {
    /// Makes the message.
    pub fn new(text: &[u8]) -> Result<Self, WireError> {
        let mut writer = Writer::tagged(NAME, tag::QUERY);
        writer.string("text", text)?;
        Self::decode(writer.finish()?)
    }

    /// Reads the message.
    pub fn decode(frame: Frame) -> Result<Self, WireError> {
        let mut reader = Reader::tagged(NAME, tag::QUERY, &frame)?;
        let text = reader.string("text")?;
        reader.finish()?;
        Ok(Self { frame, text })
    }

    /// The statements, in the client's encoding: not UTF-8 for sure.
    #[must_use]
    pub fn text(&self) -> &Bytes {
        &self.text
    }
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(NAME)
            .field("text", &Redacted(&self.text))
            .finish()
    }
}
