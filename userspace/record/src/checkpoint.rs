//! A checkpoint: the host's word that a record was as it is up to here, and what its head file had
//! come to by then: who takes entries off that file's end has every later checkpoint against them.

use crate::{
    SessionId,
    header::Anchor,
    sign::{KeyId, PublicKey, SIGNATURE_LEN, SigningKey},
};

/// A checkpoint's body: when, how many frames, when by the host's clock, the head file, whether the
/// record is whole, whose word, the word.
pub(crate) const CHECKPOINT_LEN: usize = 8 + 8 + 8 + (8 + 32) + 1 + 8 + SIGNATURE_LEN;
/// Before records told of the head file.
const EARLIER_LEN: usize = 8 + 8 + 8 + 8 + SIGNATURE_LEN;
/// What tells these signatures from others of the same key.
const PURPOSE: &[u8] = b"weir record checkpoint 2\0";
const EARLIER_PURPOSE: &[u8] = b"weir record checkpoint 1\0";

/// What is vouched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claim<'a> {
    pub(crate) id: SessionId,
    /// How many frames there are before the checkpoint.
    pub(crate) frames: u64,
    /// The chain's hash after them.
    pub(crate) chain: &'a [u8; 32],
    /// Microseconds since 1970, by the host's clock.
    pub(crate) time: i64,
    pub(crate) told: Told,
}

/// What it tells of beside its own record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// What the head file had come to.
    pub(crate) heads: Anchor,
    /// The session has ended: nothing follows.
    pub(crate) last: bool,
}

/// A checkpoint as it was read; true is only what its signature [holds](Self::holds) for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    /// Microseconds since the session's start.
    pub(crate) at: i64,
    pub(crate) frames: u64,
    pub(crate) time: i64,
    /// Nothing in earlier versions.
    pub(crate) told: Option<Told>,
    pub(crate) key: KeyId,
    signature: [u8; SIGNATURE_LEN],
}

impl Checkpoint {
    pub(crate) fn sign(claim: Claim<'_>, at: i64, key: &SigningKey) -> Self {
        let id = key.public().id();
        Self {
            at,
            frames: claim.frames,
            time: claim.time,
            told: Some(claim.told),
            key: id,
            signature: key.sign(&message(claim, id)),
        }
    }

    /// Whether the key vouches for this session's first frames with this hash.
    pub(crate) fn holds(&self, id: SessionId, chain: &[u8; 32], key: &PublicKey) -> bool {
        let claim = Claim {
            id,
            frames: self.frames,
            chain,
            time: self.time,
            told: self.told.unwrap_or_default(),
        };
        let message = match self.told {
            Some(_) => message(claim, self.key),
            None => earlier_message(claim, self.key),
        };
        key.verifies(&message, &self.signature)
    }

    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(CHECKPOINT_LEN);
        bytes.extend_from_slice(&self.at.to_le_bytes());
        bytes.extend_from_slice(&self.frames.to_le_bytes());
        bytes.extend_from_slice(&self.time.to_le_bytes());
        if let Some(Told { heads, last }) = self.told {
            bytes.extend_from_slice(&heads.entries.to_le_bytes());
            bytes.extend_from_slice(&heads.chain);
            bytes.push(last.into());
        }
        bytes.extend_from_slice(&self.key.to_bytes());
        bytes.extend_from_slice(&self.signature);
        bytes
    }

    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let is_earlier = bytes.len() == EARLIER_LEN;
        let (at, bytes) = bytes.split_first_chunk()?;
        let (frames, bytes) = bytes.split_first_chunk()?;
        let (time, bytes) = bytes.split_first_chunk()?;
        let (told, bytes) = if is_earlier {
            (None, bytes)
        } else {
            let (entries, bytes) = bytes.split_first_chunk()?;
            let (chain, bytes) = bytes.split_first_chunk()?;
            let (last, bytes) = bytes.split_first()?;
            let last = match last {
                0 => false,
                1 => true,
                _ => return None,
            };
            let heads = Anchor {
                entries: u64::from_le_bytes(*entries),
                chain: *chain,
            };
            (Some(Told { heads, last }), bytes)
        };
        let (key, bytes) = bytes.split_first_chunk()?;
        let (signature, []) = bytes.split_first_chunk()? else {
            return None;
        };
        Some(Self {
            at: i64::from_le_bytes(*at),
            frames: u64::from_le_bytes(*frames),
            time: i64::from_le_bytes(*time),
            told,
            key: KeyId::from_bytes(*key),
            signature: *signature,
        })
    }
}

fn message(claim: Claim<'_>, key: KeyId) -> Vec<u8> {
    let Told { heads, last } = claim.told;
    let mut message = signed(PURPOSE, claim);
    message.extend_from_slice(&heads.entries.to_le_bytes());
    message.extend_from_slice(&heads.chain);
    message.push(last.into());
    message.extend_from_slice(&key.to_bytes());
    message
}

fn earlier_message(claim: Claim<'_>, key: KeyId) -> Vec<u8> {
    let mut message = signed(EARLIER_PURPOSE, claim);
    message.extend_from_slice(&key.to_bytes());
    message
}

/// What every version signs.
fn signed(purpose: &[u8], claim: Claim<'_>) -> Vec<u8> {
    let mut message = purpose.to_vec();
    message.extend_from_slice(&claim.id.ascii());
    message.extend_from_slice(&claim.frames.to_le_bytes());
    message.extend_from_slice(claim.chain);
    message.extend_from_slice(&claim.time.to_le_bytes());
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn a_checkpoint_holds_for_nothing_else() {
        let key = samples::key(1);
        let (id, chain) = (samples::id(0), [7; 32]);
        let claim = Claim {
            id,
            frames: 12,
            chain: &chain,
            time: 99,
            told: Told {
                heads: Anchor {
                    entries: 5,
                    chain: [3; 32],
                },
                last: true,
            },
        };
        let checkpoint = Checkpoint::sign(claim, 5, &key);
        let bytes = checkpoint.to_bytes();
        assert_eq!(bytes.len(), CHECKPOINT_LEN);
        assert_eq!(Checkpoint::parse(&bytes), Some(checkpoint));
        assert!(checkpoint.holds(id, &chain, &key.public()));
        assert!(!checkpoint.holds(samples::id(1), &chain, &key.public()));
        assert!(!checkpoint.holds(id, &[8; 32], &key.public()));
        assert!(!checkpoint.holds(id, &chain, &samples::key(2).public()));
        // The time of the session's clock is for readers only; all else is signed.
        for at in 8..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let changed = Checkpoint::parse(&changed).unwrap();
            assert!(!changed.holds(id, &chain, &key.public()), "{at}");
        }
        for cut in [0, 8, CHECKPOINT_LEN - 1] {
            assert_eq!(Checkpoint::parse(&bytes[..cut]), None);
        }
        assert_eq!(Checkpoint::parse(&[&bytes[..], &[0]].concat()), None);
    }
}
