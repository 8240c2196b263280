//! What a client sends before there are type bytes: encryption and cancel requests, and the
//! packet that starts a session.
//!
//! 55.2.1 "Start-up", 55.2.8 "Canceling Requests in Progress", 55.2.10 "SSL Session Encryption",
//! 55.2.11 "GSSAPI Session Encryption". Known limit: a client may also begin with a TLS handshake
//! at once (`sslnegotiation=direct`); its first byte is 22, which no startup packet within the
//! limit begins with, and the caller must look for it first.

mod answer;
mod cancel;
mod session;

use bytes::BytesMut;

use super::frame::body_length;
use super::reader::Reader;
use super::writer::Writer;
use super::{Decoded, Limits, ProtocolVersion};
use crate::{MessageName, WireError};

pub use answer::EncryptionAnswer;
pub use cancel::CancelRequest;
pub(crate) use cancel::check_key;
pub use session::Startup;

const NAME: &str = "startup packet";
/// Length and code: the smallest packet there is.
const LEAST: u32 = 8;
const LENGTH_FIELD: usize = 4;
/// The requests' codes look like versions that will never be.
const CANCEL: u32 = 1234 << 16 | 5678;
const SSL: u32 = 1234 << 16 | 5679;
const GSSENC: u32 = 1234 << 16 | 5680;

/// What a client may send first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartupFrame {
    /// Asks for TLS; answered with one byte, an [`EncryptionAnswer`].
    SslRequest,
    /// Asks for GSSAPI encryption; answered with one byte, an [`EncryptionAnswer`].
    GssEncRequest,
    /// Asks to cancel what another connection is doing; never answered.
    Cancel(CancelRequest),
    /// Starts a session.
    Startup(Startup),
}

impl StartupFrame {
    /// Appends the packet as it stands on the wire.
    pub fn encode(&self, out: &mut BytesMut) -> Result<(), WireError> {
        match self {
            Self::SslRequest => encode_code(SSL, out),
            Self::GssEncRequest => encode_code(GSSENC, out),
            Self::Cancel(cancel) => cancel.encode(out),
            Self::Startup(startup) => startup.encode(out),
        }
    }
}

fn encode_code(code: u32, out: &mut BytesMut) -> Result<(), WireError> {
    let mut writer = Writer::untagged(NAME);
    writer.u32(code);
    out.extend_from_slice(&writer.finish_untagged()?);
    Ok(())
}

/// Takes exactly one untagged packet off the front of `buf`.
///
/// After an error the connection must end; the server answers one of an unknown version with an
/// ErrorResponse first.
pub fn decode_startup(
    buf: &mut BytesMut,
    limits: &Limits,
) -> Result<Decoded<StartupFrame>, WireError> {
    let Some((&length, _)) = buf.split_first_chunk::<4>() else {
        return Ok(Decoded::Incomplete {
            need: LENGTH_FIELD * 2 - buf.len(),
        });
    };
    let length = u32::from_be_bytes(length);
    let body = body_length(MessageName::Named(NAME), length, LEAST, limits.startup)?;
    let total = body.saturating_add(LENGTH_FIELD);
    if let Some(need @ 1..) = total.checked_sub(buf.len()) {
        return Ok(Decoded::Incomplete { need });
    }
    let raw = buf.split_to(total).freeze();
    let mut reader = Reader::at(NAME, &raw, LENGTH_FIELD);
    let frame = match reader.u32("request code")? {
        SSL => StartupFrame::SslRequest,
        GSSENC => StartupFrame::GssEncRequest,
        CANCEL => StartupFrame::Cancel(CancelRequest::read(&mut reader)?),
        code => {
            let version = ProtocolVersion::from_code(code);
            StartupFrame::Startup(Startup::read(version, &mut reader)?)
        }
    };
    reader.finish()?;
    Ok(Decoded::Complete(frame))
}

#[cfg(test)]
mod tests;
