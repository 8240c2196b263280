//! Authentication: what the server demands before the session starts, or that it is content.
//! 55.2.1 "Start-up", 55.3 "SASL Authentication", 55.7 "Message Formats".
//!
//! Known limit: Kerberos, GSSAPI and SSPI are recognised by code, and their data not read.

use std::fmt;

use bytes::Bytes;

use super::tag;
use crate::WireError;
use crate::postgres::frame::Frame;
use crate::postgres::framed::framed;
use crate::postgres::reader::Reader;
use crate::postgres::redact::{Counted, Redacted};
use crate::postgres::writer::Writer;

const NAME: &str = "Authentication";
/// PostgreSQL has three; a list is data of the peer and must end somewhere.
const MOST_MECHANISMS: usize = 32;

/// What the server demands, or that it is content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authentication {
    frame: Frame,
    request: AuthenticationRequest,
}

/// What an [`Authentication`] says.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthenticationRequest {
    /// The client is who it says: code 0.
    Ok,
    /// Send the password in clear: code 3.
    CleartextPassword,
    /// Send the password hashed with the user's name and this salt: code 5.
    Md5Password {
        /// The salt.
        salt: [u8; 4],
    },
    /// Choose a SASL mechanism: code 10.
    Sasl {
        /// The names of what the server offers, the one it likes best first; at least one.
        mechanisms: Vec<Bytes>,
    },
    /// A SASL challenge: code 11.
    SaslContinue(Bytes),
    /// The last of SASL, from which the client knows the server: code 12.
    SaslFinal(Bytes),
    /// Any other code. Can be read, not made.
    Unsupported(u32),
}

framed!(Authentication);

impl Authentication {
    /// Makes the message. An unsupported request can't be made.
    pub fn new(request: &AuthenticationRequest) -> Result<Self, WireError> {
        use AuthenticationRequest as Request;
        let mut writer = Writer::tagged(NAME, tag::AUTHENTICATION);
        match request {
            Request::Ok => writer.u32(0),
            Request::CleartextPassword => writer.u32(3),
            Request::Md5Password { salt } => {
                writer.u32(5);
                writer.bytes(salt);
            }
            Request::Sasl { mechanisms } => {
                writer.u32(10);
                for mechanism in mechanisms {
                    writer.name("mechanism", mechanism)?;
                }
                writer.u8(0);
            }
            Request::SaslContinue(data) => {
                writer.u32(11);
                writer.bytes(data);
            }
            Request::SaslFinal(data) => {
                writer.u32(12);
                writer.bytes(data);
            }
            Request::Unsupported(code) => return Err(writer.undefined("request", *code)),
        }
        Self::decode(writer.finish()?)
    }

    /// AuthenticationOk: the client is who it says.
    #[must_use]
    pub fn ok() -> Self {
        const RAW: &[u8] = &[tag::AUTHENTICATION, 0, 0, 0, 8, 0, 0, 0, 0];
        let frame = Frame::trusted(Bytes::from_static(RAW));
        Self {
            frame,
            request: AuthenticationRequest::Ok,
        }
    }

    /// Reads the message.
    pub fn decode(frame: Frame) -> Result<Self, WireError> {
        let mut reader = Reader::tagged(NAME, tag::AUTHENTICATION, &frame)?;
        let request = match reader.u32("request")? {
            0 => AuthenticationRequest::Ok,
            3 => AuthenticationRequest::CleartextPassword,
            5 => AuthenticationRequest::Md5Password {
                salt: reader.array("salt")?,
            },
            10 => AuthenticationRequest::Sasl {
                mechanisms: mechanisms(&mut reader)?,
            },
            11 => AuthenticationRequest::SaslContinue(reader.rest()),
            12 => AuthenticationRequest::SaslFinal(reader.rest()),
            code => {
                reader.rest();
                AuthenticationRequest::Unsupported(code)
            }
        };
        reader.finish()?;
        Ok(Self { frame, request })
    }

    /// What it says.
    #[must_use]
    pub fn request(&self) -> &AuthenticationRequest {
        &self.request
    }
}

fn mechanisms(reader: &mut Reader<'_>) -> Result<Vec<Bytes>, WireError> {
    let mut mechanisms = Vec::new();
    loop {
        let mechanism = reader.string("mechanism")?;
        let found = mechanisms.len();
        match (mechanism.is_empty(), found) {
            (true, 1..) => return Ok(mechanisms),
            (false, ..MOST_MECHANISMS) => mechanisms.push(mechanism),
            _ => return Err(reader.out_of_range("mechanisms", found, 1, MOST_MECHANISMS)),
        }
    }
}

impl fmt::Debug for AuthenticationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => f.write_str("Ok"),
            Self::CleartextPassword => f.write_str("CleartextPassword"),
            Self::Md5Password { .. } => f.write_str("Md5Password"),
            Self::Sasl { mechanisms } => f
                .debug_tuple("Sasl")
                .field(&Counted(mechanisms.len()))
                .finish(),
            Self::SaslContinue(data) => f
                .debug_tuple("SaslContinue")
                .field(&Redacted(data))
                .finish(),
            Self::SaslFinal(data) => f.debug_tuple("SaslFinal").field(&Redacted(data)).finish(),
            Self::Unsupported(code) => f.debug_tuple("Unsupported").field(code).finish(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
