//! BackendKeyData: what a client needs to cancel this session's statements. 55.2.8 "Canceling
//! Requests in Progress", 55.7 "Message Formats".

use std::fmt;

use bytes::Bytes;

use super::tag;
use crate::WireError;
use crate::postgres::frame::Frame;
use crate::postgres::framed::framed;
use crate::postgres::reader::Reader;
use crate::postgres::redact::Redacted;
use crate::postgres::startup::check_key;
use crate::postgres::writer::Writer;

const NAME: &str = "BackendKeyData";

/// What a client needs to cancel this session's statements.
#[derive(Clone, PartialEq, Eq)]
pub struct BackendKeyData {
    frame: Frame,
    pid: u32,
    key: Bytes,
}

framed!(BackendKeyData);

impl BackendKeyData {
    /// Makes the message. The key has 4 bytes, or up to 256 if the client speaks protocol 3.2.
    pub fn new(pid: u32, key: &[u8]) -> Result<Self, WireError> {
        let mut writer = Writer::tagged(NAME, tag::BACKEND_KEY_DATA);
        writer.u32(pid);
        writer.bytes(key);
        Self::decode(writer.finish()?)
    }

    /// Reads the message.
    pub fn decode(frame: Frame) -> Result<Self, WireError> {
        let mut reader = Reader::tagged(NAME, tag::BACKEND_KEY_DATA, &frame)?;
        let pid = reader.u32("process id")?;
        let key = reader.rest();
        check_key(NAME, &key)?;
        Ok(Self { frame, pid, key })
    }

    /// The server process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The secret that a CancelRequest must show: 4 to 256 bytes.
    #[must_use]
    pub fn key(&self) -> &Bytes {
        &self.key
    }
}

impl fmt::Debug for BackendKeyData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(NAME)
            .field("pid", &self.pid)
            .field("key", &Redacted(&self.key))
            .finish()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::BackendKeyData;
    use crate::WireError;
    use crate::postgres::golden::{body, hides, open};

    pub(crate) const GOLDEN: &[u8] = b"K\0\0\0\x0c\0\0\x10\x92\xca\xfe\xba\xbe";

    #[test]
    fn golden() {
        let made = BackendKeyData::new(4242, b"\xca\xfe\xba\xbe").unwrap();
        let message = open(GOLDEN, made, BackendKeyData::decode);
        assert_eq!(message.pid(), 4242);
        assert_eq!(message.key().as_ref(), b"\xca\xfe\xba\xbe");
        hides(&message, &["xca", "202"]);
    }

    #[test]
    fn keys_have_4_to_256_bytes() {
        for length in 0..=300 {
            let bytes = [&[0; 4][..], &vec![7; length]].concat();
            let decoded = BackendKeyData::decode(body(b'K', &bytes));
            if (4..=256).contains(&length) {
                assert_eq!(decoded.unwrap().key().len(), length);
            } else {
                let error = decoded.unwrap_err();
                assert!(matches!(error, WireError::OutOfRange { .. }), "{error}");
            }
        }
    }
}
