//! ErrorResponse: a statement, or the session, failed. 55.7 "Message Formats", 55.8 "Error and Notice
//! Message Fields".

use super::{Diagnostic, tag};
use crate::WireError;
use crate::postgres::frame::Frame;
use crate::postgres::framed::framed;
use crate::postgres::reader::Reader;
use crate::postgres::writer::Writer;

const NAME: &str = "ErrorResponse";

/// A statement, or the session, failed. [`super::DiagnosticBuilder`] makes one from scratch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorResponse {
    frame: Frame,
    diagnostic: Diagnostic,
}

framed!(ErrorResponse);

impl ErrorResponse {
    /// Makes the message of these fields, each a code and a text: the way to send one on with
    /// some texts replaced.
    pub fn new(fields: &[(u8, &[u8])]) -> Result<Self, WireError> {
        let writer = Writer::tagged(NAME, tag::ERROR_RESPONSE);
        Self::decode(Diagnostic::write(writer, fields)?)
    }

    /// Makes the message of fields that are known to be sendable.
    pub(super) fn bounded(diagnostic: Diagnostic) -> Self {
        let frame = diagnostic.write_bounded(Writer::tagged(NAME, tag::ERROR_RESPONSE));
        Self { frame, diagnostic }
    }

    /// Reads the message.
    pub fn decode(frame: Frame) -> Result<Self, WireError> {
        let diagnostic = Diagnostic::read(Reader::tagged(NAME, tag::ERROR_RESPONSE, &frame)?)?;
        Ok(Self { frame, diagnostic })
    }

    /// What it says.
    #[must_use]
    pub fn diagnostic(&self) -> &Diagnostic {
        &self.diagnostic
    }

    /// One field of what it says, by its code: see [`Diagnostic::get`].
    #[must_use]
    pub fn get(&self, code: u8) -> Option<&bytes::Bytes> {
        self.diagnostic.get(code)
    }
}
