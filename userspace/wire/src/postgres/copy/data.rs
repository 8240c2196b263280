//! CopyData: a piece of a COPY stream, either way. 55.7 "Message Formats".
//!
//! A piece from the server is one row, in text and CSV always and in binary by custom; one from a
//! client may be cut anywhere. Both are opaque here.

use std::fmt;

use bytes::Bytes;

use crate::WireError;
use crate::postgres::frame::Frame;
use crate::postgres::framed::framed;
use crate::postgres::reader::Reader;
use crate::postgres::redact::Redacted;
use crate::postgres::writer::Writer;

const NAME: &str = "CopyData";
pub(crate) const TAG: u8 = b'd';

/// A piece of a COPY stream.
#[derive(Clone, PartialEq, Eq)]
pub struct CopyData {
    frame: Frame,
}

framed!(CopyData);

impl CopyData {
    /// Makes a piece of a COPY stream.
    pub fn new(data: &[u8]) -> Result<Self, WireError> {
        let mut writer = Writer::tagged(NAME, TAG);
        writer.bytes(data);
        Ok(Self {
            frame: writer.finish()?,
        })
    }

    /// Reads the message.
    pub fn decode(frame: Frame) -> Result<Self, WireError> {
        Reader::tagged(NAME, TAG, &frame)?;
        Ok(Self { frame })
    }

    /// The piece.
    #[must_use]
    pub fn data(&self) -> Bytes {
        self.frame.body()
    }
}

impl fmt::Debug for CopyData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(NAME)
            .field("data", &Redacted(&self.data()))
            .finish()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::CopyData;
    use crate::postgres::golden::{hides, open};

    pub(crate) const GOLDEN: &[u8] = b"d\0\0\0\x0a1\x09Ann\x0a";

    #[test]
    fn golden() {
        let message = open(
            GOLDEN,
            CopyData::new(b"1\tAnn\n").unwrap(),
            CopyData::decode,
        );
        assert_eq!(message.data(), "1\tAnn\n");
        hides(&message, &["Ann"]);
    }
}
