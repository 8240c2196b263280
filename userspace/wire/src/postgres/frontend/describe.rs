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
