//! Execute: runs a portal. 55.2.3 "Extended Query", 55.7 "Message Formats".

use std::fmt;
use std::num::NonZeroU32;

use bytes::Bytes;

use super::tag;
use crate::WireError;
use crate::postgres::frame::Frame;
use crate::postgres::framed::framed;
use crate::postgres::reader::Reader;
use crate::postgres::redact::Shown;
use crate::postgres::writer::Writer;

const NAME: &str = "Execute";

/// Runs a portal.
#[derive(Clone, PartialEq, Eq)]
pub struct Execute {
    frame: Frame,
    portal: Bytes,
    max_rows: i32,
}

framed!(Execute);

impl Execute {
    /// Makes the message; 0 for `max_rows` is no limit.
    pub fn new(portal: &[u8], max_rows: i32) -> Result<Self, WireError> {
        let mut writer = Writer::tagged(NAME, tag::EXECUTE);
        writer.string("portal", portal)?;
        writer.i32(max_rows);
        Self::decode(writer.finish()?)
    }

    /// Reads the message.
    pub fn decode(frame: Frame) -> Result<Self, WireError> {
        let mut reader = Reader::tagged(NAME, tag::EXECUTE, &frame)?;
        let portal = reader.string("portal")?;
        let max_rows = reader.i32("row limit")?;
        reader.finish()?;
        Ok(Self {
            frame,
            portal,
            max_rows,
        })
    }

    /// The portal's name; empty is the unnamed one.
    #[must_use]
    pub fn portal(&self) -> &Bytes {
        &self.portal
    }

    /// After how many rows the server suspends the portal. 0, and as the server reads it anything
    /// below, is no limit.
    #[must_use]
    pub fn row_limit(&self) -> Option<NonZeroU32> {
        u32::try_from(self.max_rows).ok().and_then(NonZeroU32::new)
    }
}

impl fmt::Debug for Execute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(NAME)
            .field("portal", &Shown(&self.portal))
            .field("max_rows", &self.max_rows)
            .finish()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::Execute;
    use crate::postgres::golden::closed;

    pub(crate) const GOLDEN: &[u8] = b"E\0\0\0\x0bp1\0\0\0\0\x32";

    #[test]
    fn golden() {
        let message = closed(GOLDEN, Execute::new(b"p1", 50).unwrap(), Execute::decode);
        assert_eq!(message.portal(), "p1");
        assert_eq!(message.row_limit().map(u32::from), Some(50));
    }

    #[test]
    fn zero_and_below_are_no_limit() {
        for max_rows in [0, -1, i32::MIN] {
            assert_eq!(Execute::new(b"", max_rows).unwrap().row_limit(), None);
        }
    }
}
