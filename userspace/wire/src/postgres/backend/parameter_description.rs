//! ParameterDescription: the types of a statement's parameters. 55.7 "Message Formats".

use super::tag;
use crate::WireError;
use crate::postgres::frame::Frame;
use crate::postgres::framed::framed;
use crate::postgres::reader::Reader;
use crate::postgres::writer::Writer;

const NAME: &str = "ParameterDescription";

/// The types of a statement's parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterDescription {
    frame: Frame,
    types: Vec<u32>,
}

framed!(ParameterDescription);

impl ParameterDescription {
    /// Makes the message.
    pub fn new(types: &[u32]) -> Result<Self, WireError> {
        let mut writer = Writer::tagged(NAME, tag::PARAMETER_DESCRIPTION);
        writer.count("parameters", types.len())?;
        for oid in types {
            writer.u32(*oid);
        }
        Self::decode(writer.finish()?)
    }

    /// Reads the message.
    pub fn decode(frame: Frame) -> Result<Self, WireError> {
        let mut reader = Reader::tagged(NAME, tag::PARAMETER_DESCRIPTION, &frame)?;
        let count = reader.count("parameters", 4)?;
        let types = (0..count)
            .map(|_| reader.u32("type"))
            .collect::<Result<_, _>>()?;
        reader.finish()?;
        Ok(Self { frame, types })
    }

    /// The object ids of the parameters' types, in order.
    #[must_use]
    pub fn types(&self) -> &[u32] {
        &self.types
    }
}
