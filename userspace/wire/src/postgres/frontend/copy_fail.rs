//! CopyFail: the client gives up a COPY. 55.2.6 "COPY Operations", 55.7 "Message Formats".

use std::fmt;

use bytes::Bytes;

use super::tag;
use crate::WireError;
use crate::postgres::frame::Frame;
use crate::postgres::framed::framed;
use crate::postgres::reader::Reader;
use crate::postgres::redact::Redacted;
use crate::postgres::writer::Writer;

const NAME: &str = "CopyFail";

/// The client gives up a COPY.
#[derive(Clone, PartialEq, Eq)]
pub struct CopyFail {
    frame: Frame,
    reason: Bytes,
}

framed!(CopyFail);

impl CopyFail {
    /// Makes the message; the server quotes the reason in its error.
    pub fn new(reason: &[u8]) -> Result<Self, WireError> {
        let mut writer = Writer::tagged(NAME, tag::COPY_FAIL);
        writer.string("reason", reason)?;
        Self::decode(writer.finish()?)
    }

    /// Reads the message.
    pub fn decode(frame: Frame) -> Result<Self, WireError> {
        let mut reader = Reader::tagged(NAME, tag::COPY_FAIL, &frame)?;
        let reason = reader.string("reason")?;
        reader.finish()?;
        Ok(Self { frame, reason })
    }

    /// Why, in the client's words.
    #[must_use]
    pub fn reason(&self) -> &Bytes {
        &self.reason
    }
}

impl fmt::Debug for CopyFail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(NAME)
            .field("reason", &Redacted(&self.reason))
            .finish()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::CopyFail;
    use crate::postgres::golden::{closed, hides};

    pub(crate) const GOLDEN: &[u8] = b"f\0\0\0\x10out of disk\0";

    #[test]
    fn golden() {
        let message = closed(
            GOLDEN,
            CopyFail::new(b"out of disk").unwrap(),
            CopyFail::decode,
        );
        assert_eq!(message.reason(), "out of disk");
        hides(&message, &["disk"]);
    }
}
