//! What Describe and Close are about.

use crate::WireError;
use crate::postgres::reader::Reader;

/// What Describe and Close are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ObjectKind {
    /// A prepared statement: `S`.
    Statement,
    /// A portal: `P`.
    Portal,
}

impl ObjectKind {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let offset = reader.offset();
        match reader.u8("kind")? {
            b'S' => Ok(Self::Statement),
            b'P' => Ok(Self::Portal),
            other => Err(reader.undefined("kind", offset, i64::from(other))),
        }
    }

    pub(super) fn byte(self) -> u8 {
        match self {
            Self::Statement => b'S',
            Self::Portal => b'P',
        }
    }
}
