//! NotificationResponse: another session's NOTIFY, at any time. 55.2.7 "Asynchronous Operations",
//! 55.7 "Message Formats".

use std::fmt;

use bytes::Bytes;

use super::tag;
use crate::WireError;
use crate::postgres::frame::Frame;
use crate::postgres::framed::framed;
use crate::postgres::reader::Reader;
use crate::postgres::redact::{Redacted, Shown};
use crate::postgres::writer::Writer;

const NAME: &str = "NotificationResponse";

/// Another session's NOTIFY.
#[derive(Clone, PartialEq, Eq)]
pub struct NotificationResponse {
    frame: Frame,
    pid: u32,
    channel: Bytes,
    payload: Bytes,
}

framed!(NotificationResponse);

impl NotificationResponse {
    /// Makes the message.
    pub fn new(pid: u32, channel: &[u8], payload: &[u8]) -> Result<Self, WireError> {
        let mut writer = Writer::tagged(NAME, tag::NOTIFICATION_RESPONSE);
        writer.u32(pid);
        writer.string("channel", channel)?;
        writer.string("payload", payload)?;
        Self::decode(writer.finish()?)
    }

    /// Reads the message.
    pub fn decode(frame: Frame) -> Result<Self, WireError> {
        let mut reader = Reader::tagged(NAME, tag::NOTIFICATION_RESPONSE, &frame)?;
        let pid = reader.u32("process id")?;
        let channel = reader.string("channel")?;
        let payload = reader.string("payload")?;
        reader.finish()?;
        Ok(Self {
            frame,
            pid,
            channel,
            payload,
        })
    }

    /// The server process that notifies.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The channel's name.
    #[must_use]
    pub fn channel(&self) -> &Bytes {
        &self.channel
    }

    /// What the other session said; may be empty.
    #[must_use]
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }
}

impl fmt::Debug for NotificationResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(NAME)
            .field("pid", &self.pid)
            .field("channel", &Shown(&self.channel))
            .field("payload", &Redacted(&self.payload))
            .finish()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::NotificationResponse;
    use crate::postgres::golden::{closed, hides};

    pub(crate) const GOLDEN: &[u8] = b"A\0\0\0\x18\0\0\x10\x92orders\0Ann paid\0";

    #[test]
    fn golden() {
        let made = NotificationResponse::new(4242, b"orders", b"Ann paid").unwrap();
        let message = closed(GOLDEN, made, NotificationResponse::decode);
        assert_eq!(message.pid(), 4242);
        assert_eq!(message.channel(), "orders");
        assert_eq!(message.payload(), "Ann paid");
        hides(&message, &["Ann"]);
    }
}
