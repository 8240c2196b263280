//! Close: drops a prepared statement or portal. 55.2.3 "Extended Query", 55.7
//! "Message Formats".

use super::{object::about_object, tag};

about_object!(
    /// Drops a prepared statement or portal.
    Close,
    tag::CLOSE
);

#[cfg(test)]
pub(crate) mod tests {
    use super::Close;
    use crate::WireError;
    use crate::postgres::frontend::ObjectKind;
    use crate::postgres::golden::{body, closed};

    pub(crate) const GOLDEN: &[u8] = b"C\0\0\0\x08Ps1\0";

    #[test]
    fn golden() {
        let made = Close::new(ObjectKind::Portal, b"s1").unwrap();
        let message = closed(GOLDEN, made, Close::decode);
        assert_eq!(message.kind(), ObjectKind::Portal);
        assert_eq!(message.name(), "s1");
    }

    #[test]
    fn a_statement_is_no_portal() {
        let message = Close::new(ObjectKind::Statement, b"").unwrap();
        assert_eq!(message.frame().body(), "S\0");
        assert_eq!(message.kind(), ObjectKind::Statement);
    }

    #[test]
    fn another_kind_is_an_error() {
        let error = Close::decode(body(b'C', b"X\0")).unwrap_err();
        assert!(
            matches!(error, WireError::Undefined { value: 0x58, .. }),
            "{error}"
        );
    }
}
