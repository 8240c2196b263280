//! The protocol's version, as startup packets carry it.

use std::fmt;

/// A protocol version. 55.2.1 "Start-up".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProtocolVersion {
    /// Major version: 3 for all that this crate reads.
    pub major: u16,
    /// Minor version: 0, or 2 since PostgreSQL 18. A client may ask for one that doesn't exist
    /// yet, which a server answers with NegotiateProtocolVersion.
    pub minor: u16,
}

impl ProtocolVersion {
    /// 3.0: PostgreSQL 7.4 and later.
    pub const V3_0: Self = Self { major: 3, minor: 0 };
    /// 3.2: PostgreSQL 18 and later.
    pub const V3_2: Self = Self { major: 3, minor: 2 };

    pub(crate) fn from_code(code: u32) -> Self {
        let [a, b, c, d] = code.to_be_bytes();
        Self {
            major: u16::from_be_bytes([a, b]),
            minor: u16::from_be_bytes([c, d]),
        }
    }

    pub(crate) fn code(self) -> u32 {
        u32::from(self.major) << 16 | u32::from(self.minor)
    }
}

impl fmt::Display for ProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}
