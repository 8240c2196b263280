//! The bytes of a frame: its head, and the chain of hashes. `FORMAT.md` describes them. Pure;
//! nothing here reads or writes.

use crate::header::{PACKED, VERSION};

/// How many bytes the head of a frame has.
pub(crate) const HEAD_LEN: usize = 5;
/// How many bytes of its hash each frame holds. The chain and its signatures are over all 32.
pub(crate) const HASH_LEN: usize = 16;
/// The time that every content begins with: microseconds since the session's start.
pub(crate) const AT_LEN: usize = 8;
/// The command's number that follows in a response's content.
pub(crate) const SEQ_LEN: usize = 8;
/// The most that a content may have. Longer responses go over several frames.
pub(crate) const MAX_CONTENT: usize = 16 << 20;
/// The most that the entries of one batch may have: one content of any length, or several.
pub(crate) const MAX_BATCH: usize = MAX_CONTENT + (4 << 10);
/// The most that a body may have: what can't be compressed grows a little, and a seal is added.
pub(crate) const MAX_BODY: usize = MAX_CONTENT + (128 << 10);
/// The most JSON that one event may have.
pub(crate) const MAX_EVENT: usize = MAX_CONTENT - AT_LEN;
/// The most that one frame holds of a response, or of what was sent.
pub(crate) const MAX_RESPONSE: usize = MAX_CONTENT - AT_LEN - SEQ_LEN;

/// What a frame's content is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The time, then an [`Event`](crate::Event) as JSON.
    Event,
    /// The time, the command's number, then what the agent saw.
    Response,
    /// The time, the command's number, then what the agent sent beside the command's text.
    Request,
    /// A [`Checkpoint`](crate::checkpoint::Checkpoint).
    Checkpoint,
    /// Entries, one after the other: see [`batch`](crate::batch).
    Batch,
    /// The time, then an [outline](crate::outline) as JSON; packed by itself, never encrypted.
    Outline,
}

/// What precedes a frame's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) kind: Kind,
    /// The kind's number, as the chain has it.
    number: u8,
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

impl Kind {
    /// The number of the kind in the format that this crate writes.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Event => 5,
            Self::Response => 6,
            Self::Request => 7,
            Self::Batch => 8,
            Self::Checkpoint => 16,
            Self::Outline => 17,
        }
    }

    fn of(number: u8, version: u16) -> Option<Self> {
        match (version, number) {
            (1 | 2, 1) | (PACKED, 5) => Some(Self::Event),
            (1 | 2, 2) | (PACKED..=VERSION, 6) => Some(Self::Response),
            (1 | 2, 3) | (PACKED..=VERSION, 7) => Some(Self::Request),
            (PACKED..=VERSION, 16) => Some(Self::Checkpoint),
            (VERSION, 8) => Some(Self::Batch),
            (VERSION, 17) => Some(Self::Outline),
            _ => None,
        }
    }

    /// The least that a content of this kind has.
    pub(crate) fn least(self) -> usize {
        match self {
            Self::Event | Self::Checkpoint | Self::Outline | Self::Batch => AT_LEN,
            Self::Response | Self::Request => AT_LEN + SEQ_LEN,
        }
    }
}

impl Head {
    /// The head of a frame that this crate writes.
    pub(crate) fn new(kind: Kind, length: u32) -> Self {
        Self {
            kind,
            number: kind.number(),
            length,
        }
    }

    pub(crate) fn to_bytes(self) -> [u8; HEAD_LEN] {
        let [a, b, c, d] = self.length.to_le_bytes();
        [a, b, c, d, self.number]
    }

    pub(crate) fn parse(
        [a, b, c, d, number]: [u8; HEAD_LEN],
        version: u16,
    ) -> Result<Self, BadHead> {
        let kind = Kind::of(number, version).ok_or(BadHead::Kind(number))?;
        let length = u32::from_le_bytes([a, b, c, d]);
        // What is compressed may be shorter than what it holds.
        let bounds = if version < PACKED {
            kind.least()..=MAX_CONTENT
        } else {
            1..=MAX_BODY
        };
        match usize::try_from(length) {
            Ok(len) if bounds.contains(&len) => Ok(Self {
                kind,
                number,
                length,
            }),
            _ => Err(BadHead::Length(length)),
        }
    }
}

impl Chain {
    /// Where the chain begins.
    pub(crate) fn start(header: &[u8]) -> Self {
        Self(blake3::hash(header))
    }

    /// The hash after a frame, whose body may come in parts.
    #[must_use]
    pub(crate) fn next<'a>(self, head: Head, body: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.0.as_bytes());
        hasher.update(&[head.number]);
        hasher.update(&head.length.to_le_bytes());
        for part in body {
            hasher.update(part);
        }
        Self(hasher.finalize())
    }

    /// The hash that a reader had come to.
    pub(crate) fn from_bytes(hash: [u8; 32]) -> Self {
        Self(hash.into())
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// What a frame holds of it.
    pub(crate) fn stored(&self, length: usize) -> &[u8] {
        self.0.as_bytes().get(..length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_with_a_lying_length_or_kind_is_refused() {
        let parse = |length: u32, kind, version| {
            let [a, b, c, d] = length.to_le_bytes();
            Head::parse([a, b, c, d, kind], version).map(|head| head.kind)
        };
        assert_eq!(parse(8, 1, 2), Ok(Kind::Event));
        assert_eq!(parse(16 << 20, 2, 1), Ok(Kind::Response));
        assert_eq!(parse(7, 1, 2), Err(BadHead::Length(7)));
        assert_eq!(parse(15, 2, 2), Err(BadHead::Length(15)));
        assert_eq!(
            parse((16 << 20) + 1, 2, 2),
            Err(BadHead::Length((16 << 20) + 1))
        );
        let over = u32::try_from(MAX_BODY + 1).unwrap();
        assert_eq!(parse(1, 5, 3), Ok(Kind::Event));
        assert_eq!(parse(over - 1, 6, 3), Ok(Kind::Response));
        for length in [0, over, u32::MAX] {
            assert_eq!(parse(length, 7, 3), Err(BadHead::Length(length)));
        }
        // Each version has its own kinds.
        for (kinds, version) in [(&[0, 4, 5, 16, 255][..], 2), (&[0, 1, 2, 3, 4, 8, 17], 3)] {
            for kind in kinds {
                assert_eq!(parse(64, *kind, version), Err(BadHead::Kind(*kind)));
            }
        }
    }

    #[test]
    fn the_chain_is_as_format_md_says() {
        let head = Head::new(Kind::Response, 17);
        let chain = Chain::start(b"a header").next(head, [&[7; 16][..], b"x"]);
        let mut input = blake3::hash(b"a header").as_bytes().to_vec();
        input.extend([6, 17, 0, 0, 0]);
        input.extend([7; 16]);
        input.push(b'x');
        assert_eq!(chain.as_bytes(), blake3::hash(&input).as_bytes());
        assert_eq!(chain.stored(16), &blake3::hash(&input).as_bytes()[..16]);
    }
}
