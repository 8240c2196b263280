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
