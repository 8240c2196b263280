//! FunctionCallResponse: what a FunctionCall returned. 55.7 "Message Formats".

use std::fmt;

use bytes::Bytes;

use super::tag;
use crate::WireError;
use crate::postgres::frame::Frame;
use crate::postgres::framed::framed;
use crate::postgres::reader::Reader;
use crate::postgres::redact::Redacted;
use crate::postgres::writer::Writer;

const NAME: &str = "FunctionCallResponse";

/// What a FunctionCall returned.
#[derive(Clone, PartialEq, Eq)]
pub struct FunctionCallResponse {
    frame: Frame,
    value: Option<Bytes>,
}

framed!(FunctionCallResponse);

impl FunctionCallResponse {
    /// Makes the message; `None` is NULL.
    pub fn new(value: Option<&[u8]>) -> Result<Self, WireError> {
        let mut writer = Writer::tagged(NAME, tag::FUNCTION_CALL_RESPONSE);
        writer.value(value)?;
        Self::decode(writer.finish()?)
    }

    /// Reads the message.
    pub fn decode(frame: Frame) -> Result<Self, WireError> {
        let mut reader = Reader::tagged(NAME, tag::FUNCTION_CALL_RESPONSE, &frame)?;
        let value = reader.value("value")?;
        reader.finish()?;
        Ok(Self { frame, value })
    }

    /// The value, in the format that the call asked for; `None` is NULL.
    #[must_use]
    pub fn value(&self) -> Option<&Bytes> {
        self.value.as_ref()
    }
}

impl fmt::Debug for FunctionCallResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value.as_ref().map(|value| Redacted(value));
        f.debug_struct(NAME).field("value", &value).finish()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::FunctionCallResponse;
    use crate::postgres::golden::{body, closed, hides};

    pub(crate) const GOLDEN: &[u8] = b"V\0\0\0\x0b\0\0\0\x03Ann";

    #[test]
    fn golden() {
        let made = FunctionCallResponse::new(Some(b"Ann")).unwrap();
        let message = closed(GOLDEN, made, FunctionCallResponse::decode);
        assert_eq!(message.value().unwrap(), "Ann");
        hides(&message, &["Ann"]);
    }

    #[test]
    fn null_is_not_empty() {
        let null = FunctionCallResponse::decode(body(b'V', b"\xff\xff\xff\xff")).unwrap();
        assert_eq!(null.value(), None);
        assert_eq!(FunctionCallResponse::new(None).unwrap(), null);
        let empty = FunctionCallResponse::new(Some(b"")).unwrap();
        assert_eq!(empty.value().unwrap(), "");
        assert_ne!(empty, null);
    }
}
