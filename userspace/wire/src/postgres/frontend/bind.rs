//! Bind: makes a portal from a prepared statement and values. 55.2.3 "Extended Query", 55.7
//! "Message Formats".

use std::fmt;

use bytes::Bytes;

use super::tag;
use crate::WireError;
use crate::postgres::Formats;
use crate::postgres::frame::Frame;
use crate::postgres::framed::framed;
use crate::postgres::reader::Reader;
use crate::postgres::redact::{Counted, Shown};
use crate::postgres::writer::Writer;

const NAME: &str = "Bind";

/// Makes a portal from a prepared statement and values.
#[derive(Clone, PartialEq, Eq)]
pub struct Bind {
    frame: Frame,
    portal: Bytes,
    statement: Bytes,
    parameter_formats: Formats,
    parameters: Vec<Option<Bytes>>,
    result_formats: Formats,
}

framed!(Bind);

impl Bind {
    /// Makes the message. `None` among the parameters is NULL.
    pub fn new(
        portal: &[u8],
        statement: &[u8],
        parameter_formats: &Formats,
        parameters: &[Option<&[u8]>],
        result_formats: &Formats,
    ) -> Result<Self, WireError> {
        let mut writer = Writer::tagged(NAME, tag::BIND);
        writer.string("portal", portal)?;
        writer.string("statement", statement)?;
        writer.formats("parameter formats", parameter_formats)?;
        writer.count("parameters", parameters.len())?;
        for parameter in parameters {
            writer.value(*parameter)?;
        }
        writer.formats("result formats", result_formats)?;
        Self::decode(writer.finish()?)
    }

    /// Reads the message. As the server does, refuses parameter formats that are neither none,
    /// one, nor as many as the parameters.
    pub fn decode(frame: Frame) -> Result<Self, WireError> {
        let mut reader = Reader::tagged(NAME, tag::BIND, &frame)?;
        let portal = reader.string("portal")?;
        let statement = reader.string("statement")?;
        let parameter_formats = reader.formats("parameter formats")?;
        let parameters = reader.values("parameters", &parameter_formats)?;
        let result_formats = reader.formats("result formats")?;
        reader.finish()?;
        Ok(Self {
            frame,
            portal,
            statement,
            parameter_formats,
            parameters,
            result_formats,
        })
    }

    /// The portal's name; empty is the unnamed one.
    #[must_use]
    pub fn portal(&self) -> &Bytes {
        &self.portal
    }

    /// The prepared statement's name; empty is the unnamed one.
    #[must_use]
    pub fn statement(&self) -> &Bytes {
        &self.statement
    }

    /// How the parameters are written.
    #[must_use]
    pub fn parameter_formats(&self) -> &Formats {
        &self.parameter_formats
    }

    /// The parameters; `None` is NULL.
    #[must_use]
    pub fn parameters(&self) -> &[Option<Bytes>] {
        &self.parameters
    }

    /// How the client wants the result's columns.
    #[must_use]
    pub fn result_formats(&self) -> &Formats {
        &self.result_formats
    }
}

impl fmt::Debug for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(NAME)
            .field("portal", &Shown(&self.portal))
            .field("statement", &Shown(&self.statement))
            .field("parameters", &Counted(self.parameters.len()))
            .field("result_formats", &self.result_formats)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests;
