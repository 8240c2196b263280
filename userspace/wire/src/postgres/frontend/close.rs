//! Close: drops a prepared statement or portal. 55.2.3 "Extended Query", 55.7
//! "Message Formats".

use std::fmt;

use bytes::Bytes;

use super::{ObjectKind, tag};
use crate::WireError;
use crate::postgres::frame::Frame;
use crate::postgres::framed::framed;
use crate::postgres::reader::Reader;
use crate::postgres::redact::Shown;
use crate::postgres::writer::Writer;

const NAME: &str = "Close";

/// Drops a prepared statement or portal.
#[derive(Clone, PartialEq, Eq)]
pub struct Close {
    frame: Frame,
    kind: ObjectKind,
    name: Bytes,
}

framed!(Close);

impl Close {
    /// Makes the message.
    pub fn new(kind: ObjectKind, name: &[u8]) -> Result<Self, WireError> {
        let mut writer = Writer::tagged(NAME, tag::CLOSE);
        writer.u8(kind.byte());
        writer.string("name", name)?;
        Self::decode(writer.finish()?)
    }

    /// Reads the message.
    pub fn decode(frame: Frame) -> Result<Self, WireError> {
        let mut reader = Reader::tagged(NAME, tag::CLOSE, &frame)?;
        let kind = ObjectKind::read(&mut reader)?;
        let name = reader.string("name")?;
        reader.finish()?;
        Ok(Self { frame, kind, name })
    }

    /// Whether it is about a statement or a portal.
    #[must_use]
    pub fn kind(&self) -> ObjectKind {
        self.kind
    }

    /// Its name; empty is the unnamed one.
    #[must_use]
    pub fn name(&self) -> &Bytes {
        &self.name
    }
}

impl fmt::Debug for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(NAME)
            .field("kind", &self.kind)
            .field("name", &Shown(&self.name))
            .finish()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Close, ObjectKind};
    use crate::WireError;
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
