//! What a record begins with: its format, its session, where it stands in the host's head file, and
//! for an encrypted one its wrapped key. `FORMAT.md` describes it. Pure.

use std::path::Path;

use crate::{ReadError, SessionId, frame::HASH_LEN};

/// What every record begins with.
pub(crate) const MAGIC: &[u8; 8] = b"weir\x89rec";
/// The format that this crate writes. It reads the earlier ones too.
pub(crate) const VERSION: u16 = 4;
/// Since this one contents are packed, headers say whose record it is, and hosts vouch for records.
pub(crate) const PACKED: u16 = 3;
/// How many bytes of a header say how long the rest of it is. Before [`PACKED`] there is no rest.
pub(crate) const FIXED_LEN: usize = 16;
/// The most that a header may have after its fixed part: room for some hundred recipients.
const MAX_REST: usize = 64 << 10;
/// Says that the frames are encrypted.
const ENCRYPTED: u16 = 1;

/// A header's fixed part, of any version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fixed {
    pub(crate) version: u16,
    encrypted: bool,
    /// How many bytes follow; at most [`MAX_REST`].
    pub(crate) rest: usize,
}

/// The last entry of the head file when a session began: what came before it can't be left out of
/// that file without the session telling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Anchor {
    /// How many entries there were; 0 where the host keeps no head file.
    pub(crate) entries: u64,
    /// The chain's hash after them.
    pub(crate) chain: [u8; 32],
}

/// What there is since [`PACKED`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rest {
    pub(crate) id: SessionId,
    pub(crate) anchor: Anchor,
    /// The file's key, encrypted by age; none where the frames are not encrypted.
    pub(crate) envelope: Option<Vec<u8>>,
}

/// The header of a new record, or nothing where the envelope is too long for one.
pub(crate) fn encode(rest: &Rest) -> Option<Vec<u8>> {
    let envelope = rest.envelope.as_deref().unwrap_or_default();
    let length = SessionId::LENGTH + 8 + 32 + envelope.len();
    if length > MAX_REST {
        return None;
    }
    let flags = if rest.envelope.is_some() {
        ENCRYPTED
    } else {
        0
    };
    let mut bytes = Vec::with_capacity(FIXED_LEN + length);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&flags.to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(length).ok()?.to_le_bytes());
    bytes.extend_from_slice(&rest.id.ascii());
    bytes.extend_from_slice(&rest.anchor.entries.to_le_bytes());
    bytes.extend_from_slice(&rest.anchor.chain);
    bytes.extend_from_slice(envelope);
    Some(bytes)
}

/// Whether fewer bytes than a fixed part could be the beginning of one.
pub(crate) fn could_begin(bytes: &[u8]) -> bool {
    MAGIC.starts_with(bytes) || bytes.starts_with(MAGIC)
}

/// Reads the fixed part. The version is looked at before what it does not know: a later format may
/// use that.
pub(crate) fn fixed(bytes: &[u8; FIXED_LEN], path: &Path) -> Result<Fixed, ReadError> {
    let not_a_record = || ReadError::NotARecord {
        path: path.to_owned(),
    };
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(not_a_record)?;
    let [v0, v1, f0, f1, l0, l1, l2, l3] = *rest else {
        return Err(not_a_record());
    };
    let version = u16::from_le_bytes([v0, v1]);
    let flags = u16::from_le_bytes([f0, f1]);
    let length = u32::from_le_bytes([l0, l1, l2, l3]);
    match version {
        1 | 2 if flags == 0 && length == 0 => Ok(Fixed {
            version,
            encrypted: false,
            rest: 0,
        }),
        PACKED..=VERSION if flags & !ENCRYPTED == 0 => Ok(Fixed {
            version,
            encrypted: flags & ENCRYPTED != 0,
            rest: usize::try_from(length)
                .ok()
                .filter(|length| *length <= MAX_REST)
                .ok_or_else(not_a_record)?,
        }),
        1..=VERSION => Err(not_a_record()),
        version => Err(ReadError::Version {
            path: path.to_owned(),
            version,
        }),
    }
}

/// Reads the rest, which is all there.
pub(crate) fn rest(fixed: Fixed, bytes: &[u8], path: &Path) -> Result<Rest, ReadError> {
    parse(fixed, bytes).ok_or_else(|| ReadError::NotARecord {
        path: path.to_owned(),
    })
}

fn parse(fixed: Fixed, bytes: &[u8]) -> Option<Rest> {
    let (id, bytes) = bytes.split_first_chunk::<{ SessionId::LENGTH }>()?;
    let (entries, bytes) = bytes.split_first_chunk()?;
    let (chain, envelope) = bytes.split_first_chunk()?;
    if fixed.encrypted == envelope.is_empty() {
        return None;
    }
    Some(Rest {
        id: str::from_utf8(id).ok()?.parse().ok()?,
        anchor: Anchor {
            entries: u64::from_le_bytes(*entries),
            chain: *chain,
        },
        envelope: fixed.encrypted.then(|| envelope.to_vec()),
    })
}

/// How many bytes of each frame's hash a record of this version holds.
pub(crate) fn stored_hash(version: u16) -> usize {
    if version < PACKED { 32 } else { HASH_LEN }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    fn sample(envelope: Option<Vec<u8>>) -> Rest {
        Rest {
            id: samples::id(0),
            anchor: Anchor {
                entries: 7,
                chain: [9; 32],
            },
            envelope,
        }
    }

    fn read(bytes: &[u8]) -> Result<(Fixed, Option<Rest>), String> {
        let path = Path::new("x");
        let (head, more) = bytes.split_first_chunk().unwrap();
        let fixed = fixed(head, path).map_err(|error| error.to_string())?;
        if fixed.version < PACKED {
            return Ok((fixed, None));
        }
        let rest = rest(fixed, more, path).map_err(|error| error.to_string())?;
        Ok((fixed, Some(rest)))
    }

    #[test]
    fn what_is_written_is_read() {
        for envelope in [None, Some(vec![1]), Some(vec![3; 60_000])] {
            let rest = sample(envelope);
            let bytes = encode(&rest).unwrap();
            let (fixed, got) = read(&bytes).unwrap();
            assert_eq!(got, Some(rest));
            assert_eq!(fixed.rest + FIXED_LEN, bytes.len());
        }
        assert_eq!(encode(&sample(Some(vec![0; 1 << 16]))), None);
    }

    #[test]
    fn another_file_or_format_is_told_apart() {
        for version in [1, 2] {
            let mut earlier = *b"weir\x89rec\x02\0\0\0\0\0\0\0";
            earlier[8] = version;
            assert_eq!(read(&earlier).unwrap().1, None);
            earlier[15] = 1;
            assert_eq!(read(&earlier).unwrap_err(), "x is not a weir record");
        }
        assert_eq!(
            read(b"PK\x03\x04567890123456").unwrap_err(),
            "x is not a weir record"
        );
        assert_eq!(
            read(b"weir\x89rec\x04\x01\0\0\0\0\0\x09").unwrap_err(),
            "x is of record format 260, which this weir does not read"
        );
    }

    #[test]
    fn a_lying_header_is_refused() {
        let whole = encode(&sample(Some(vec![5; 40]))).unwrap();
        let change = |at: usize, byte: u8| {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            read(&bytes)
        };
        // An unknown flag, an id that is none, a length beyond any, and a flag that is missing.
        for (at, byte) in [(10, 3), (11, 1), (16, b'/'), (15, 1), (10, 0)] {
            assert_eq!(change(at, byte).unwrap_err(), "x is not a weir record");
        }
        let mut bare = encode(&sample(None)).unwrap();
        bare[10] = 1;
        assert!(read(&bare).is_err());
        for cut in FIXED_LEN..whole.len() - 40 {
            assert!(read(&whole[..cut]).is_err());
        }
    }
}
