//! Password: an answer to an authentication request. 55.2.1 "Start-up", 55.3 "SASL
//! Authentication", 55.7 "Message Formats".
//!
//! PasswordMessage, SASLInitialResponse, SASLResponse and GSSResponse share one type byte: only
//! the request that came before tells which it is, so the body stays opaque here. Known limit: it
//! lies in ordinary memory, in the buffer it is sent from.

use std::fmt;

use bytes::Bytes;

use super::tag;
use crate::WireError;
use crate::postgres::frame::Frame;
use crate::postgres::framed::framed;
use crate::postgres::reader::Reader;
use crate::postgres::writer::Writer;

const NAME: &str = "Password";

/// An answer to an authentication request.
#[derive(Clone, PartialEq, Eq)]
pub struct Password {
    frame: Frame,
}

framed!(Password);

impl Password {
    /// Answers a request for a password, in clear or hashed with the salt as the request demands.
    pub fn new(password: &[u8]) -> Result<Self, WireError> {
        let mut writer = Writer::tagged(NAME, tag::PASSWORD);
        writer.string("password", password)?;
        Self::decode(writer.finish()?)
    }

    /// Answers a SASL request: the mechanism chosen, and its first message.
    pub fn sasl_initial(mechanism: &[u8], data: &[u8]) -> Result<Self, WireError> {
        let mut writer = Writer::tagged(NAME, tag::PASSWORD);
        writer.string("mechanism", mechanism)?;
        writer.value(Some(data))?;
        Self::decode(writer.finish()?)
    }

    /// Answers a SASL challenge.
    pub fn sasl(data: &[u8]) -> Result<Self, WireError> {
        let mut writer = Writer::tagged(NAME, tag::PASSWORD);
        writer.bytes(data);
        Self::decode(writer.finish()?)
    }

    /// Reads the message.
    pub fn decode(frame: Frame) -> Result<Self, WireError> {
        Reader::tagged(NAME, tag::PASSWORD, &frame)?;
        Ok(Self { frame })
    }

    /// The answer as it stands: a secret.
    #[must_use]
    pub fn body(&self) -> Bytes {
        self.frame.body()
    }
}

/// Shows nothing of it.
impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(NAME).finish_non_exhaustive()
    }
}
