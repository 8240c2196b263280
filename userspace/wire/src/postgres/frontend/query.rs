//! Query: one or more SQL statements, by the simple protocol. 55.2.2 "Simple Query", 55.7
//! "Message Formats".

use std::fmt;

use bytes::Bytes;

use super::tag;
use crate::WireError;
use crate::postgres::frame::Frame;
use crate::postgres::framed::framed;
use crate::postgres::reader::Reader;
use crate::postgres::redact::Redacted;
use crate::postgres::writer::Writer;

const NAME: &str = "Query";

/// One or more SQL statements, by the simple protocol.
#[derive(Clone, PartialEq, Eq)]
pub struct Query {
    frame: Frame,
    text: Bytes,
}

framed!(Query);

impl Query {
    /// Makes the message.
    pub fn new(text: &[u8]) -> Result<Self, WireError> {
        let mut writer = Writer::tagged(NAME, tag::QUERY);
        writer.string("text", text)?;
        Self::decode(writer.finish()?)
    }

    /// Reads the message.
    pub fn decode(frame: Frame) -> Result<Self, WireError> {
        let mut reader = Reader::tagged(NAME, tag::QUERY, &frame)?;
        let text = reader.string("text")?;
        reader.finish()?;
        Ok(Self { frame, text })
    }

    /// The statements, in the client's encoding, which need not be UTF-8.
    #[must_use]
    pub fn text(&self) -> &Bytes {
        &self.text
    }
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(NAME)
            .field("text", &Redacted(&self.text))
            .finish()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::Query;
    use crate::WireError;
    use crate::postgres::golden::{body, closed, hides};

    pub(crate) const GOLDEN: &[u8] = b"Q\0\0\0\x0dSELECT 1\0";

    #[test]
    fn golden() {
        let message = closed(GOLDEN, Query::new(b"SELECT 1").unwrap(), Query::decode);
        assert_eq!(message.text(), "SELECT 1");
        hides(&message, &["SELECT"]);
    }

    #[test]
    fn a_second_string_is_leftover() {
        let error = Query::decode(body(b'Q', b"SELECT 1\0DROP TABLE t\0")).unwrap_err();
        assert_eq!(error.to_string(), "Query: 13 bytes left over at byte 14");
    }

    #[test]
    fn text_without_its_end_is_an_error() {
        let error = Query::decode(body(b'Q', b"SELECT 1")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Query: text at byte 5 has no terminating zero byte"
        );
    }

    #[test]
    fn text_that_would_end_early_is_not_sent() {
        let error = Query::new(b"SELECT 1\0; DROP TABLE t").unwrap_err();
        assert!(matches!(
            error,
            WireError::EmbeddedZero { what: "text", .. }
        ));
    }

    #[test]
    fn text_need_not_be_utf8() {
        let message = Query::decode(body(b'Q', b"SELECT '\xe4'\0")).unwrap();
        assert_eq!(message.text().as_ref(), b"SELECT '\xe4'");
    }
}
