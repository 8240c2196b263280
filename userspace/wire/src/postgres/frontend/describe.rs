//! Describe: asks what a prepared statement or portal takes and gives. 55.2.3 "Extended Query", 55.7
//! "Message Formats".

use super::{object::about_object, tag};

about_object!(
    /// Asks what a prepared statement or portal takes and gives.
    Describe,
    tag::DESCRIBE
);

#[cfg(test)]
pub(crate) mod tests {
    use super::Describe;
    use crate::WireError;
    use crate::postgres::frontend::ObjectKind;
    use crate::postgres::golden::{body, closed};

    pub(crate) const GOLDEN: &[u8] = b"D\0\0\0\x08Ps1\0";

    #[test]
    fn golden() {
        let made = Describe::new(ObjectKind::Portal, b"s1").unwrap();
        let message = closed(GOLDEN, made, Describe::decode);
        assert_eq!(message.kind(), ObjectKind::Portal);
        assert_eq!(message.name(), "s1");
    }

    #[test]
    fn what_is_put_is_what_is_made() {
        let mut out = bytes::BytesMut::from("before");
        Describe::put(ObjectKind::Portal, b"s1", &mut out).unwrap();
        let made = Describe::new(ObjectKind::Portal, b"s1").unwrap();
        assert_eq!(out.strip_prefix(b"before"), Some(&made.frame().raw()[..]));
        let length = out.len();
        let error = Describe::put(ObjectKind::Portal, b"s\x001", &mut out).unwrap_err();
        assert!(matches!(error, WireError::EmbeddedZero { .. }), "{error}");
        assert_eq!(out.len(), length);
    }

    #[test]
    fn a_statement_is_no_portal() {
        let message = Describe::new(ObjectKind::Statement, b"").unwrap();
        assert_eq!(message.frame().body(), "S\0");
        assert_eq!(message.kind(), ObjectKind::Statement);
    }

    #[test]
    fn another_kind_is_an_error() {
        let error = Describe::decode(body(b'D', b"X\0")).unwrap_err();
        assert!(
            matches!(error, WireError::Undefined { value: 0x58, .. }),
            "{error}"
        );
    }
}
