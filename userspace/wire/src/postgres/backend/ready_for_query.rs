//! ReadyForQuery: a cycle is over, and the next may begin. 55.7 "Message Formats".

use bytes::Bytes;

use super::tag;
use crate::WireError;
use crate::postgres::frame::Frame;
use crate::postgres::framed::framed;
use crate::postgres::reader::Reader;

const NAME: &str = "ReadyForQuery";

/// Where the session stands between cycles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransactionStatus {
    /// In no transaction block: `I`.
    Idle,
    /// In a transaction block: `T`.
    InBlock,
    /// In a transaction block that has failed; only its end is accepted: `E`.
    Failed,
}

impl TransactionStatus {
    fn byte(self) -> u8 {
        match self {
            Self::Idle => b'I',
            Self::InBlock => b'T',
            Self::Failed => b'E',
        }
    }
}

/// A cycle is over, and the next may begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadyForQuery {
    frame: Frame,
    status: TransactionStatus,
}

framed!(ReadyForQuery);

impl ReadyForQuery {
    /// Makes the message.
    #[must_use]
    pub fn new(status: TransactionStatus) -> Self {
        let raw = [tag::READY_FOR_QUERY, 0, 0, 0, 5, status.byte()];
        Self {
            frame: Frame::trusted(Bytes::copy_from_slice(&raw)),
            status,
        }
    }

    /// Reads the message.
    pub fn decode(frame: Frame) -> Result<Self, WireError> {
        let mut reader = Reader::tagged(NAME, tag::READY_FOR_QUERY, &frame)?;
        let offset = reader.offset();
        let status = match reader.u8("status")? {
            b'I' => TransactionStatus::Idle,
            b'T' => TransactionStatus::InBlock,
            b'E' => TransactionStatus::Failed,
            other => return Err(reader.undefined("status", offset, i64::from(other))),
        };
        reader.finish()?;
        Ok(Self { frame, status })
    }

    /// Where the session stands.
    #[must_use]
    pub fn status(&self) -> TransactionStatus {
        self.status
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{ReadyForQuery, TransactionStatus};
    use crate::WireError;
    use crate::postgres::golden::{body, closed};

    pub(crate) const GOLDEN: &[u8] = b"Z\0\0\0\x05T";

    #[test]
    fn golden() {
        let made = ReadyForQuery::new(TransactionStatus::InBlock);
        let message = closed(GOLDEN, made, ReadyForQuery::decode);
        assert_eq!(message.status(), TransactionStatus::InBlock);
    }

    #[test]
    fn each_status_has_its_byte_and_no_other_is_one() {
        use TransactionStatus::{Failed, Idle, InBlock};
        let mut known = Vec::new();
        for byte in 0..=u8::MAX {
            match ReadyForQuery::decode(body(b'Z', &[byte])) {
                Ok(message) => {
                    assert_eq!(ReadyForQuery::new(message.status()), message);
                    known.push((byte, message.status()));
                }
                Err(error) => assert!(matches!(error, WireError::Undefined { .. }), "{error}"),
            }
        }
        assert_eq!(known, [(b'E', Failed), (b'I', Idle), (b'T', InBlock)]);
    }
}
