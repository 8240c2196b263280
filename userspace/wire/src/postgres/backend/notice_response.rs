//! NoticeResponse: something that the user should know, at any time. 55.7 "Message Formats", 55.8 "Error and Notice
//! Message Fields".

use super::{Diagnostic, tag};
use crate::WireError;
use crate::postgres::frame::Frame;
use crate::postgres::framed::framed;
use crate::postgres::reader::Reader;
use crate::postgres::writer::Writer;

const NAME: &str = "NoticeResponse";

/// Something that the user should know, at any time. [`super::DiagnosticBuilder`] makes one from scratch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeResponse {
    frame: Frame,
    diagnostic: Diagnostic,
}

framed!(NoticeResponse);

impl NoticeResponse {
    /// Makes the message of these fields, each a code and a text: the way to send one on with
    /// some texts replaced.
    pub fn new(fields: &[(u8, &[u8])]) -> Result<Self, WireError> {
        let writer = Writer::tagged(NAME, tag::NOTICE_RESPONSE);
        Self::decode(Diagnostic::write(writer, fields)?)
    }

    /// Makes the message of fields that are known to be sendable.
    pub(super) fn bounded(diagnostic: Diagnostic) -> Self {
        let frame = diagnostic.write_bounded(Writer::tagged(NAME, tag::NOTICE_RESPONSE));
        Self { frame, diagnostic }
    }

    /// Reads the message.
    pub fn decode(frame: Frame) -> Result<Self, WireError> {
        let diagnostic = Diagnostic::read(Reader::tagged(NAME, tag::NOTICE_RESPONSE, &frame)?)?;
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

#[cfg(test)]
pub(crate) mod tests {
    use super::NoticeResponse;
    use crate::postgres::golden::{closed, hides};

    pub(crate) const GOLDEN: &[u8] = b"N\0\0\0-SFEHLER\0VERROR\0C42P01\0Mno such table: x\0\0";

    #[test]
    fn golden() {
        let fields: [(u8, &[u8]); 4] = [
            (b'S', b"FEHLER"),
            (b'V', b"ERROR"),
            (b'C', b"42P01"),
            (b'M', b"no such table: x"),
        ];
        let message = closed(
            GOLDEN,
            NoticeResponse::new(&fields).unwrap(),
            NoticeResponse::decode,
        );
        assert_eq!(message.get(b'M').unwrap(), "no such table: x");
        assert_eq!(message.get(b'D'), None);
        assert_eq!(message.diagnostic().fields().len(), 4);
        hides(&message, &["no such table"]);
    }
}
