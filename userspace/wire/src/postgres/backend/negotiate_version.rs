//! NegotiateProtocolVersion: the server doesn't know the minor version, or protocol options, that
//! the client asked for. 55.2.1 "Start-up", 55.7 "Message Formats".
//!
//! The documentation calls the first field a minor version; servers send the whole version
//! (3.0 as 196608), and clients expect that.

use std::fmt;

use bytes::Bytes;

use super::tag;
use crate::WireError;
use crate::postgres::ProtocolVersion;
use crate::postgres::frame::Frame;
use crate::postgres::framed::framed;
use crate::postgres::reader::Reader;
use crate::postgres::redact::Counted;
use crate::postgres::writer::Writer;

const NAME: &str = "NegotiateProtocolVersion";
/// Options come back from the startup packet, and more don't fit into one.
const MOST_OPTIONS: u16 = 1_250;

/// The server doesn't know the minor version, or protocol options, that the client asked for.
#[derive(Clone, PartialEq, Eq)]
pub struct NegotiateProtocolVersion {
    frame: Frame,
    version: ProtocolVersion,
    unknown_options: Vec<Bytes>,
}

framed!(NegotiateProtocolVersion);

impl NegotiateProtocolVersion {
    /// Makes the message.
    pub fn new(version: ProtocolVersion, unknown_options: &[&[u8]]) -> Result<Self, WireError> {
        let mut writer = Writer::tagged(NAME, tag::NEGOTIATE_PROTOCOL_VERSION);
        writer.u32(version.code());
        writer.long_count("options", unknown_options.len(), MOST_OPTIONS)?;
        for option in unknown_options {
            writer.string("option", option)?;
        }
        Self::decode(writer.finish()?)
    }

    /// Reads the message.
    pub fn decode(frame: Frame) -> Result<Self, WireError> {
        let mut reader = Reader::tagged(NAME, tag::NEGOTIATE_PROTOCOL_VERSION, &frame)?;
        let version = ProtocolVersion::from_code(reader.u32("version")?);
        let count = reader.long_count("options", MOST_OPTIONS)?;
        let unknown_options = (0..count)
            .map(|_| reader.string("option"))
            .collect::<Result<_, _>>()?;
        reader.finish()?;
        Ok(Self {
            frame,
            version,
            unknown_options,
        })
    }

    /// The newest version that the server speaks of the major version asked for.
    #[must_use]
    pub fn version(&self) -> ProtocolVersion {
        self.version
    }

    /// The names of the protocol options (`_pq_.…`) that the server doesn't know.
    #[must_use]
    pub fn unknown_options(&self) -> &[Bytes] {
        &self.unknown_options
    }
}

impl fmt::Debug for NegotiateProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(NAME)
            .field("version", &self.version)
            .field("unknown_options", &Counted(self.unknown_options.len()))
            .finish()
    }
}
