//! StartupMessage: starts a session. 55.2.1 "Start-up", 55.7 "Message Formats".
//!
//! Job: the version and the parameters. Not its job: what parameters mean, nor that there is a
//! `user`, which only the server demands.

use std::collections::HashSet;

use bytes::{Bytes, BytesMut};

use super::NAME;
use crate::WireError;
use crate::postgres::ProtocolVersion;
use crate::postgres::reader::Reader;
use crate::postgres::writer::Writer;

/// Starts a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Startup {
    /// The version that the client asks for: major 3, any minor.
    pub version: ProtocolVersion,
    /// Names and values, as sent. No name is empty or stands twice.
    pub parameters: Vec<(String, String)>,
}

impl Startup {
    /// The value of a parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn read(
        version: ProtocolVersion,
        reader: &mut Reader<'_>,
    ) -> Result<Self, WireError> {
        if version.major != 3 {
            let ProtocolVersion { major, minor } = version;
            return Err(WireError::UnsupportedVersion { major, minor });
        }
        let mut parameters = Vec::new();
        let mut names = HashSet::new();
        loop {
            let offset = reader.offset();
            let name = text(reader, "parameter name")?;
            if name.is_empty() {
                return Ok(Self {
                    version,
                    parameters,
                });
            }
            // The server takes the last of two, others the first: no reading is safe.
            if !names.insert(name.clone()) {
                let message = reader.message();
                return Err(WireError::Repeated {
                    message,
                    what: "parameter name",
                    offset,
                });
            }
            parameters.push((name, text(reader, "parameter value")?));
        }
    }

    /// Appends the packet as it stands on the wire. A parameter with an empty name would end the
    /// list early, and is an error.
    pub fn encode(&self, out: &mut BytesMut) -> Result<(), WireError> {
        let mut writer = Writer::untagged(NAME);
        writer.u32(self.version.code());
        for (name, value) in &self.parameters {
            writer.name("parameter name", name.as_bytes())?;
            writer.string("parameter value", value.as_bytes())?;
        }
        writer.u8(0);
        out.extend_from_slice(&writer.finish_untagged()?);
        Ok(())
    }
}

fn text(reader: &mut Reader<'_>, what: &'static str) -> Result<String, WireError> {
    let offset = reader.offset();
    let bytes: Bytes = reader.string(what)?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(WireError::NotUtf8 {
            message: reader.message(),
            what,
            offset,
        }),
    }
}
