//! CancelRequest: asks to cancel what another connection is doing. 55.2.8 "Canceling Requests in
//! Progress", 55.7 "Message Formats".
//!
//! The key is a bearer secret: whoever knows it can cancel. Known limit: it lies in ordinary
//! memory, as part of the buffer it was read into.

use std::fmt;

use bytes::{Bytes, BytesMut};

use super::CANCEL;
use crate::MessageName;
use crate::WireError;
use crate::postgres::reader::Reader;
use crate::postgres::redact::Redacted;
use crate::postgres::writer::Writer;

const NAME: &str = "CancelRequest";
/// 4 bytes in protocol 3.0; up to 256 in 3.2.
const LEAST: usize = 4;
const MOST: usize = 256;

/// Asks to cancel what another connection is doing.
#[derive(Clone, PartialEq, Eq)]
pub struct CancelRequest {
    /// The server process, as BackendKeyData named it.
    pub pid: u32,
    /// The key that BackendKeyData gave: 4 to 256 bytes.
    pub key: Bytes,
}

impl CancelRequest {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let pid = reader.u32("process id")?;
        let key = reader.rest();
        check_key(NAME, &key)?;
        Ok(Self { pid, key })
    }

    /// Appends the packet as it stands on the wire.
    pub fn encode(&self, out: &mut BytesMut) -> Result<(), WireError> {
        check_key(NAME, &self.key)?;
        let mut writer = Writer::untagged(NAME);
        writer.u32(CANCEL);
        writer.u32(self.pid);
        writer.bytes(&self.key);
        out.extend_from_slice(&writer.finish_untagged()?);
        Ok(())
    }
}

/// A cancel key's length, here and in BackendKeyData.
pub(crate) fn check_key(name: &'static str, key: &[u8]) -> Result<(), WireError> {
    if (LEAST..=MOST).contains(&key.len()) {
        return Ok(());
    }
    Err(WireError::OutOfRange {
        message: MessageName::Named(name),
        what: "bytes of key",
        found: key.len(),
        least: LEAST,
        most: MOST,
    })
}

impl fmt::Debug for CancelRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(NAME)
            .field("pid", &self.pid)
            .field("key", &Redacted(&self.key))
            .finish()
    }
}
