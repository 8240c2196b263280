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

#[cfg(test)]
pub(crate) mod tests {
    use super::ParameterDescription;
    use crate::WireError;
    use crate::postgres::golden::{body, closed};

    pub(crate) const GOLDEN: &[u8] = b"t\0\0\0\x0e\0\x02\0\0\0\x17\0\0\0\x19";

    #[test]
    fn golden() {
        let made = ParameterDescription::new(&[23, 25]).unwrap();
        let message = closed(GOLDEN, made, ParameterDescription::decode);
        assert_eq!(message.types(), [23, 25]);
    }

    #[test]
    fn all_that_the_count_can_say_is_read() {
        let message = ParameterDescription::new(&[25; 65_535]).unwrap();
        assert_eq!(message.types().len(), 65_535);
    }

    #[test]
    fn a_lying_count_is_not_believed() {
        let error = ParameterDescription::decode(body(b't', b"\xff\xff")).unwrap_err();
        assert!(
            matches!(error, WireError::CountTooLarge { count: 65_535, .. }),
            "{error}"
        );
    }
}
