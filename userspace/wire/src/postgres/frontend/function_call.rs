//! FunctionCall: calls a function by its object id, outside SQL. 55.2.5 "Function Call", 55.7
//! "Message Formats".

use std::fmt;

use bytes::Bytes;

use super::tag;
use crate::WireError;
use crate::postgres::frame::Frame;
use crate::postgres::framed::framed;
use crate::postgres::reader::Reader;
use crate::postgres::redact::Counted;
use crate::postgres::writer::Writer;
use crate::postgres::{Format, Formats};

const NAME: &str = "FunctionCall";

/// Calls a function by its object id, outside SQL.
#[derive(Clone, PartialEq, Eq)]
pub struct FunctionCall {
    frame: Frame,
    function: u32,
    argument_formats: Formats,
    arguments: Vec<Option<Bytes>>,
    result_format: Format,
}

framed!(FunctionCall);

impl FunctionCall {
    /// Makes the message. `None` among the arguments is NULL.
    pub fn new(
        function: u32,
        argument_formats: &Formats,
        arguments: &[Option<&[u8]>],
        result_format: Format,
    ) -> Result<Self, WireError> {
        let mut writer = Writer::tagged(NAME, tag::FUNCTION_CALL);
        writer.u32(function);
        writer.formats("argument formats", argument_formats)?;
        writer.count("arguments", arguments.len())?;
        for argument in arguments {
            writer.value(*argument)?;
        }
        writer.i16(result_format.code());
        Self::decode(writer.finish()?)
    }

    /// Reads the message. As the server does, refuses argument formats that are neither none,
    /// one, nor as many as the arguments.
    pub fn decode(frame: Frame) -> Result<Self, WireError> {
        let mut reader = Reader::tagged(NAME, tag::FUNCTION_CALL, &frame)?;
        let function = reader.u32("function")?;
        let argument_formats = reader.formats("argument formats")?;
        let arguments = reader.values("arguments", &argument_formats)?;
        let result_format = reader.format("result format")?;
        reader.finish()?;
        Ok(Self {
            frame,
            function,
            argument_formats,
            arguments,
            result_format,
        })
    }

    /// The function's object id.
    #[must_use]
    pub fn function(&self) -> u32 {
        self.function
    }

    /// How the arguments are written.
    #[must_use]
    pub fn argument_formats(&self) -> &Formats {
        &self.argument_formats
    }

    /// The arguments; `None` is NULL.
    #[must_use]
    pub fn arguments(&self) -> &[Option<Bytes>] {
        &self.arguments
    }

    /// How the client wants the result.
    #[must_use]
    pub fn result_format(&self) -> Format {
        self.result_format
    }
}

impl fmt::Debug for FunctionCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(NAME)
            .field("function", &self.function)
            .field("arguments", &Counted(self.arguments.len()))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::FunctionCall;
    use crate::WireError;
    use crate::postgres::golden::{body, closed, hides};
    use crate::postgres::{Format, Formats};

    pub(crate) const GOLDEN: &[u8] =
        b"F\0\0\0\x1b\0\0\x05\x13\0\x01\0\x01\0\x02\0\0\0\x03Ann\xff\xff\xff\xff\0\0";

    #[test]
    fn golden() {
        let formats = Formats::All(Format::Binary);
        let made = FunctionCall::new(1299, &formats, &[Some(b"Ann"), None], Format::Text).unwrap();
        let message = closed(GOLDEN, made, FunctionCall::decode);
        assert_eq!(message.function(), 1299);
        assert_eq!(message.argument_formats(), &formats);
        assert_eq!(message.arguments(), [Some("Ann".into()), None]);
        assert_eq!(message.result_format(), Format::Text);
        hides(&message, &["Ann"]);
    }

    #[test]
    fn a_lying_count_is_not_believed() {
        let error = FunctionCall::decode(body(b'F', b"\0\0\0\0\0\0\xff\xff\0\0")).unwrap_err();
        assert!(
            matches!(
                error,
                WireError::CountTooLarge {
                    what: "arguments",
                    ..
                }
            ),
            "{error}"
        );
    }

    #[test]
    fn formats_must_be_as_many_as_arguments() {
        let formats = Formats::Each(vec![Format::Text, Format::Text]);
        let error = FunctionCall::new(1, &formats, &[None], Format::Text).unwrap_err();
        assert!(
            matches!(
                error,
                WireError::OutOfRange {
                    what: "formats",
                    ..
                }
            ),
            "{error}"
        );
    }
}
