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

#[cfg(test)]
pub(crate) mod tests {
    use super::Password;
    use crate::WireError;
    use crate::postgres::frontend::Message;
    use crate::postgres::golden::{hides, open};

    pub(crate) const GOLDEN: &[u8] = b"p\0\0\0\x0chunter2\0";

    #[test]
    fn golden() {
        let message = open(GOLDEN, Password::new(b"hunter2").unwrap(), Password::decode);
        assert_eq!(message.body(), "hunter2\0");
        hides(&message, &["hunter2", "7", "8"]);
        hides(message.frame(), &["hunter2"]);
        hides(&Message::from(message), &["hunter2"]);
    }

    #[test]
    fn sasl_golden() {
        let initial = Password::sasl_initial(b"SCRAM-SHA-256", b"n,,n=,r=x").unwrap();
        assert_eq!(
            initial.frame().raw().as_ref(),
            b"p\0\0\0\x1fSCRAM-SHA-256\0\0\0\0\x09n,,n=,r=x",
        );
        let response = Password::sasl(b"c=biws").unwrap();
        assert_eq!(response.frame().raw().as_ref(), b"p\0\0\0\x0ac=biws");
    }

    #[test]
    fn a_password_that_would_end_early_is_not_sent_nor_shown() {
        let error = Password::new(b"hunter2\0").unwrap_err();
        assert!(matches!(
            error,
            WireError::EmbeddedZero {
                what: "password",
                ..
            }
        ));
        hides(&error, &["hunter2"]);
    }
}
