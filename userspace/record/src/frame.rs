//! The bytes of a record: its header, the head of a frame, and the chain of hashes. `FORMAT.md`
//! describes them. Pure; nothing here reads or writes.

use crate::ReadError;
use std::path::Path;

/// What every record begins with.
const MAGIC: &[u8; 8] = b"weir\x89rec";
/// The format that this crate writes. It reads the earlier ones too: each only adds to them.
const VERSION: u16 = 3;

/// How many bytes a header has.
pub(crate) const HEADER_LEN: usize = 16;
/// How many bytes the head of a frame has.
pub(crate) const HEAD_LEN: usize = 5;
/// How many bytes a hash has.
pub(crate) const HASH_LEN: usize = blake3::OUT_LEN;
/// The time that every body begins with: microseconds since the session's start.
pub(crate) const AT_LEN: usize = 8;
/// The command's number that follows in a response's body.
pub(crate) const SEQ_LEN: usize = 8;
/// The most that a body may have. Longer responses go over several frames.
pub(crate) const MAX_BODY: usize = 16 << 20;
/// The most JSON that one event may have.
pub(crate) const MAX_EVENT: usize = MAX_BODY - AT_LEN;
/// The most that one frame holds of a response, or of what was sent.
pub(crate) const MAX_RESPONSE: usize = MAX_BODY - AT_LEN - SEQ_LEN;

/// What a frame's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The time, then an [`Event`](crate::Event) as JSON.
    Event,
    /// The time, the command's number, then what the agent saw.
    Response,
    /// The time, the command's number, then what the agent sent beside the command's text.
    Request,
}

/// What precedes a frame's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) kind: Kind,
    /// At most [`MAX_BODY`].
    pub(crate) length: u32,
}

/// What is wrong with a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadHead {
    Kind(u8),
    Length(u32),
}

/// The hash of everything up to here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chain(blake3::Hash);

/// The header that this crate writes.
pub(crate) fn header() -> [u8; HEADER_LEN] {
    let mut header = [0; HEADER_LEN];
    let fields = MAGIC.iter().copied().chain(VERSION.to_le_bytes());
    header
        .iter_mut()
        .zip(fields)
        .for_each(|(byte, field)| *byte = field);
    header
}

/// Whether `bytes` is a header that this crate reads. The version is looked at before the
/// reserved bytes: a later format may use them.
pub(crate) fn check_header(bytes: &[u8; HEADER_LEN], path: &Path) -> Result<(), ReadError> {
    let not_a_record = || ReadError::NotARecord {
        path: path.to_owned(),
    };
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(not_a_record)?;
    let (version, reserved) = rest.split_first_chunk().ok_or_else(not_a_record)?;
    match u16::from_le_bytes(*version) {
        1..=VERSION if reserved.iter().all(|byte| *byte == 0) => Ok(()),
        1..=VERSION => Err(not_a_record()),
        version => Err(ReadError::Version {
            path: path.to_owned(),
            version,
        }),
    }
}

impl Kind {
    fn number(self) -> u8 {
        match self {
            Self::Event => 1,
            Self::Response => 2,
            Self::Request => 3,
        }
    }

    /// The least that a body of this kind has.
    fn least(self) -> usize {
        match self {
            Self::Event => AT_LEN,
            Self::Response | Self::Request => AT_LEN + SEQ_LEN,
        }
    }
}

impl Head {
    pub(crate) fn to_bytes(self) -> [u8; HEAD_LEN] {
        let [a, b, c, d] = self.length.to_le_bytes();
        [a, b, c, d, self.kind.number()]
    }

    pub(crate) fn parse([a, b, c, d, kind]: [u8; HEAD_LEN]) -> Result<Self, BadHead> {
        let kind = match kind {
            1 => Kind::Event,
            2 => Kind::Response,
            3 => Kind::Request,
            other => return Err(BadHead::Kind(other)),
        };
        let length = u32::from_le_bytes([a, b, c, d]);
        match usize::try_from(length) {
            Ok(len) if (kind.least()..=MAX_BODY).contains(&len) => Ok(Self { kind, length }),
            _ => Err(BadHead::Length(length)),
        }
    }
}

impl Chain {
    /// Where the chain begins.
    pub(crate) fn start(header: &[u8; HEADER_LEN]) -> Self {
        Self(blake3::hash(header))
    }

    /// The hash after a frame, whose body may come in parts.
    #[must_use]
    pub(crate) fn next<'a>(self, head: Head, body: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.0.as_bytes());
        hasher.update(&[head.kind.number()]);
        hasher.update(&head.length.to_le_bytes());
        for part in body {
            hasher.update(part);
        }
        Self(hasher.finalize())
    }

    /// The hash that a reader had come to.
    pub(crate) fn from_bytes(hash: [u8; HASH_LEN]) -> Self {
        Self(hash.into())
    }

    pub(crate) fn as_bytes(&self) -> &[u8; HASH_LEN] {
        self.0.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(bytes: &[u8; HEADER_LEN]) -> String {
        check_header(bytes, Path::new("x")).unwrap_err().to_string()
    }

    #[test]
    fn a_header_of_another_file_or_format_is_told_apart() {
        assert!(check_header(&header(), Path::new("x")).is_ok());
        let mut earlier = header();
        earlier[8] = 1;
        assert!(check_header(&earlier, Path::new("x")).is_ok());
        assert_eq!(refusal(b"PK\x03\x04567890123456"), "x is not a weir record");
        let mut later = header();
        later[8..].copy_from_slice(&[3, 1, 0, 0, 0, 0, 0, 9]);
        assert_eq!(
            refusal(&later),
            "x is of record format 259, which this weir does not read"
        );
        let mut reserved = header();
        reserved[15] = 1;
        assert_eq!(refusal(&reserved), "x is not a weir record");
    }

    #[test]
    fn a_head_with_a_lying_length_or_kind_is_refused() {
        let parse = |length: u32, kind| {
            let [a, b, c, d] = length.to_le_bytes();
            Head::parse([a, b, c, d, kind])
        };
        assert_eq!(
            parse(8, 1),
            Ok(Head {
                kind: Kind::Event,
                length: 8
            })
        );
        assert_eq!(
            parse(16 << 20, 2),
            Ok(Head {
                kind: Kind::Response,
                length: 16 << 20
            })
        );
        assert_eq!(parse(7, 1), Err(BadHead::Length(7)));
        assert_eq!(parse(15, 2), Err(BadHead::Length(15)));
        assert_eq!(parse(15, 3), Err(BadHead::Length(15)));
        assert_eq!(
            parse((16 << 20) + 1, 2),
            Err(BadHead::Length((16 << 20) + 1))
        );
        assert_eq!(parse(u32::MAX, 1), Err(BadHead::Length(u32::MAX)));
        for kind in [0, 4, 15, 255] {
            assert_eq!(parse(64, kind), Err(BadHead::Kind(kind)));
        }
    }

    #[test]
    fn the_chain_is_as_format_md_says() {
        let head = Head {
            kind: Kind::Response,
            length: 17,
        };
        let chain = Chain::start(&header()).next(head, [&[7; 16][..], b"x"]);
        let mut input = blake3::hash(b"weir\x89rec\x02\0\0\0\0\0\0\0")
            .as_bytes()
            .to_vec();
        input.extend([2, 17, 0, 0, 0]);
        input.extend([7; 16]);
        input.push(b'x');
        assert_eq!(chain.as_bytes(), blake3::hash(&input).as_bytes());
    }
}
