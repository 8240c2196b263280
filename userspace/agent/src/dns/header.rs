//! The twelve bytes that begin every message (RFC 1035, 4.1.1), read before anything else is: they
//! say how much the rest claims to hold, so that a claim can be refused before it costs memory.

use hickory_proto::op::OpCode;

/// Bytes of a header.
pub(super) const LENGTH: usize = 12;

/// A header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) id: u16,
    flags: u16,
    pub(super) questions: u16,
    pub(super) answers: u16,
    pub(super) authorities: u16,
    pub(super) additionals: u16,
}

const RESPONSE: u16 = 0x8000;
const TRUNCATED: u16 = 0x0200;
const RECURSION_DESIRED: u16 = 0x0100;
const RECURSION_AVAILABLE: u16 = 0x0080;
const OPCODE: u16 = 0x7800;

impl Header {
    /// The header of a message; `None` where it is shorter than one.
    pub(super) fn read(message: &[u8]) -> Option<Self> {
        let (header, _) = message.split_first_chunk::<LENGTH>()?;
        let [a, b, c, d, e, f, g, h, i, j, k, l] = *header;
        let word = |high, low| u16::from_be_bytes([high, low]);
        Some(Self {
            id: word(a, b),
            flags: word(c, d),
            questions: word(e, f),
            answers: word(g, h),
            authorities: word(i, j),
            additionals: word(k, l),
        })
    }

    pub(super) fn is_response(self) -> bool {
        self.flags & RESPONSE != 0
    }

    pub(super) fn is_truncated(self) -> bool {
        self.flags & TRUNCATED != 0
    }

    pub(super) fn opcode(self) -> OpCode {
        let code = (self.flags & OPCODE) >> 11;
        OpCode::from_u8(u8::try_from(code).unwrap_or(u8::MAX))
    }

    /// An answer of nothing but a header, for a message whose question can't be repeated. `code` is
    /// one of the codes below 16.
    pub(super) fn answer(self, code: u16) -> Vec<u8> {
        let kept = self.flags & (OPCODE | RECURSION_DESIRED);
        let flags = RESPONSE | RECURSION_AVAILABLE | kept | (code & 0x000f);
        let mut message = Vec::with_capacity(LENGTH);
        message.extend(self.id.to_be_bytes());
        message.extend(flags.to_be_bytes());
        message.resize(LENGTH, 0);
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_and_answered() {
        let query = [0xab, 0xcd, 0x01, 0x00, 0, 1, 0, 2, 0, 3, 0, 4, 9, 9];
        let header = Header::read(&query).unwrap();
        assert_eq!(
            (header.id, header.questions, header.answers),
            (0xabcd, 1, 2)
        );
        assert_eq!((header.authorities, header.additionals), (3, 4));
        assert!(!header.is_response() && !header.is_truncated());
        assert_eq!(header.opcode(), OpCode::Query);
        assert_eq!(
            header.answer(1),
            [0xab, 0xcd, 0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0]
        );
        assert!(Header::read(&header.answer(1)).unwrap().is_response());
        assert_eq!(Header::read(&query[..11]), None);
    }
}
