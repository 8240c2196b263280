//! NoticeResponse: something that the user should know, at any time. 55.7 "Message Formats", 55.8 "Error and Notice
//! Message Fields".

use super::{diagnostic::diagnostic_message, tag};

diagnostic_message!(
    /// Something that the user should know, at any time. [`super::DiagnosticBuilder`] makes one from
    /// scratch.
    NoticeResponse,
    tag::NOTICE_RESPONSE
);

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
