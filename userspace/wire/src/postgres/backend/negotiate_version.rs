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

#[cfg(test)]
pub(crate) mod tests {
    use super::NegotiateProtocolVersion;
    use crate::WireError;
    use crate::postgres::ProtocolVersion;
    use crate::postgres::golden::{body, closed};

    pub(crate) const GOLDEN: &[u8] = b"v\0\0\0\x1a\0\x03\0\0\0\0\0\x02_pq_.a\0_pq_.b\0";

    #[test]
    fn golden() {
        let made =
            NegotiateProtocolVersion::new(ProtocolVersion::V3_0, &[b"_pq_.a", b"_pq_.b"]).unwrap();
        let message = closed(GOLDEN, made, NegotiateProtocolVersion::decode);
        assert_eq!(message.version(), ProtocolVersion::V3_0);
        assert_eq!(message.unknown_options(), ["_pq_.a", "_pq_.b"]);
    }

    #[test]
    fn a_lying_count_is_not_believed() {
        for count in [1_u32, 1_250] {
            let bytes = [&[0, 3, 0, 0][..], &count.to_be_bytes()].concat();
            let error = NegotiateProtocolVersion::decode(body(b'v', &bytes)).unwrap_err();
            assert!(matches!(error, WireError::Unterminated { .. }), "{error}");
        }
        for count in [1_251_u32, 65_536, u32::MAX] {
            let bytes = [&[0, 3, 0, 0][..], &count.to_be_bytes(), &[0; 2_000]].concat();
            let error = NegotiateProtocolVersion::decode(body(b'v', &bytes)).unwrap_err();
            assert!(
                matches!(error, WireError::OutOfRange { most: 1_250, .. }),
                "{error}"
            );
        }
    }

    #[test]
    fn more_options_than_are_read_are_not_sent() {
        let many = [&b"x"[..]; 1_251];
        assert!(NegotiateProtocolVersion::new(ProtocolVersion::V3_0, &many).is_err());
    }
}
