//! ParameterStatus: a setting that clients must know, at the start and whenever it changes. 55.2.7
//! "Asynchronous Operations", 55.7 "Message Formats".

use std::fmt;

use bytes::Bytes;

use super::tag;
use crate::WireError;
use crate::postgres::frame::Frame;
use crate::postgres::framed::framed;
use crate::postgres::reader::Reader;
use crate::postgres::redact::Shown;
use crate::postgres::writer::Writer;

const NAME: &str = "ParameterStatus";

/// A setting that clients must know.
#[derive(Clone, PartialEq, Eq)]
pub struct ParameterStatus {
    frame: Frame,
    name: Bytes,
    value: Bytes,
}

framed!(ParameterStatus);

impl ParameterStatus {
    /// Makes the message.
    pub fn new(name: &[u8], value: &[u8]) -> Result<Self, WireError> {
        let mut writer = Writer::tagged(NAME, tag::PARAMETER_STATUS);
        writer.string("name", name)?;
        writer.string("value", value)?;
        Self::decode(writer.finish()?)
    }

    /// Reads the message.
    pub fn decode(frame: Frame) -> Result<Self, WireError> {
        let mut reader = Reader::tagged(NAME, tag::PARAMETER_STATUS, &frame)?;
        let name = reader.string("name")?;
        let value = reader.string("value")?;
        reader.finish()?;
        Ok(Self { frame, name, value })
    }

    /// The setting's name.
    #[must_use]
    pub fn name(&self) -> &Bytes {
        &self.name
    }

    /// Its value.
    #[must_use]
    pub fn value(&self) -> &Bytes {
        &self.value
    }
}

impl fmt::Debug for ParameterStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(NAME)
            .field("name", &Shown(&self.name))
            .field("value", &Shown(&self.value))
            .finish()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::ParameterStatus;
    use crate::postgres::golden::closed;

    pub(crate) const GOLDEN: &[u8] = b"S\0\0\0\x19client_encoding\0UTF8\0";

    #[test]
    fn golden() {
        let made = ParameterStatus::new(b"client_encoding", b"UTF8").unwrap();
        let message = closed(GOLDEN, made, ParameterStatus::decode);
        assert_eq!(message.name(), "client_encoding");
        assert_eq!(message.value(), "UTF8");
    }

    #[test]
    fn a_long_value_does_not_flood_what_is_shown() {
        let message = ParameterStatus::new(b"n", &[b'x'; 100_000]).unwrap();
        assert!(format!("{message:?}").len() < 200);
    }
}
