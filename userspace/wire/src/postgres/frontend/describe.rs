//! Describe: asks what a prepared statement or portal takes and gives. 55.2.3 "Extended Query", 55.7
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

const NAME: &str = "Describe";

/// Asks what a prepared statement or portal takes and gives.
#[derive(Clone, PartialEq, Eq)]
pub struct Describe {
    frame: Frame,
    kind: ObjectKind,
    name: Bytes,
}

framed!(Describe);

impl Describe {
    /// Makes the message.
    pub fn new(kind: ObjectKind, name: &[u8]) -> Result<Self, WireError> {
        let mut writer = Writer::tagged(NAME, tag::DESCRIBE);
        writer.u8(kind.byte());
        writer.string("name", name)?;
        Self::decode(writer.finish()?)
    }

    /// Reads the message.
    pub fn decode(frame: Frame) -> Result<Self, WireError> {
        let mut reader = Reader::tagged(NAME, tag::DESCRIBE, &frame)?;
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

impl fmt::Debug for Describe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(NAME)
            .field("kind", &self.kind)
            .field("name", &Shown(&self.name))
            .finish()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Describe, ObjectKind};
    use crate::WireError;
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
