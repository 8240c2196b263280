//! Parse: makes a prepared statement. 55.2.3 "Extended Query", 55.7 "Message Formats".

use std::fmt;

use bytes::Bytes;

use super::tag;
use crate::WireError;
use crate::postgres::frame::Frame;
use crate::postgres::framed::framed;
use crate::postgres::reader::Reader;
use crate::postgres::redact::{Redacted, Shown};
use crate::postgres::writer::Writer;

const NAME: &str = "Parse";

/// Makes a prepared statement.
#[derive(Clone, PartialEq, Eq)]
pub struct Parse {
    frame: Frame,
    name: Bytes,
    text: Bytes,
    parameter_types: Vec<u32>,
}

framed!(Parse);

impl Parse {
    /// Makes the message.
    pub fn new(name: &[u8], text: &[u8], parameter_types: &[u32]) -> Result<Self, WireError> {
        let mut writer = Writer::tagged(NAME, tag::PARSE);
        writer.string("name", name)?;
        writer.string("text", text)?;
        writer.count("parameter types", parameter_types.len())?;
        for oid in parameter_types {
            writer.u32(*oid);
        }
        Self::decode(writer.finish()?)
    }

    /// Reads the message.
    pub fn decode(frame: Frame) -> Result<Self, WireError> {
        let mut reader = Reader::tagged(NAME, tag::PARSE, &frame)?;
        let name = reader.string("name")?;
        let text = reader.string("text")?;
        let count = reader.count("parameter types", 4)?;
        let parameter_types = (0..count)
            .map(|_| reader.u32("parameter type"))
            .collect::<Result<_, _>>()?;
        reader.finish()?;
        Ok(Self {
            frame,
            name,
            text,
            parameter_types,
        })
    }

    /// The statement's name; empty is the unnamed one.
    #[must_use]
    pub fn name(&self) -> &Bytes {
        &self.name
    }

    /// The statement, in the client's encoding, which need not be UTF-8.
    #[must_use]
    pub fn text(&self) -> &Bytes {
        &self.text
    }

    /// The object ids of the parameters' types, so far as the client gives them; 0 leaves one
    /// open.
    #[must_use]
    pub fn parameter_types(&self) -> &[u32] {
        &self.parameter_types
    }
}

impl fmt::Debug for Parse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(NAME)
            .field("name", &Shown(&self.name))
            .field("text", &Redacted(&self.text))
            .field("parameter_types", &self.parameter_types)
            .finish()
    }
}

#[cfg(test)]
pub(crate) mod tests;
