//! A checkpoint: the host's word that a record was as it is up to here.

use crate::{
    SessionId,
    sign::{KeyId, PublicKey, SIGNATURE_LEN, SigningKey},
};

/// A checkpoint's body: when, how many frames, when by the host's clock, whose word, the word.
pub(crate) const CHECKPOINT_LEN: usize = 8 + 8 + 8 + 8 + SIGNATURE_LEN;
/// What tells these signatures from others of the same key.
const PURPOSE: &[u8] = b"weir record checkpoint 1\0";

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
}

/// A checkpoint as it was read; true is only what its signature [holds](Self::holds) for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    /// Microseconds since the session's start.
    pub(crate) at: i64,
    pub(crate) frames: u64,
    pub(crate) time: i64,
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
        };
        key.verifies(&message(claim, self.key), &self.signature)
    }

    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(CHECKPOINT_LEN);
        bytes.extend_from_slice(&self.at.to_le_bytes());
        bytes.extend_from_slice(&self.frames.to_le_bytes());
        bytes.extend_from_slice(&self.time.to_le_bytes());
        bytes.extend_from_slice(&self.key.to_bytes());
        bytes.extend_from_slice(&self.signature);
        bytes
    }

    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let (at, bytes) = bytes.split_first_chunk()?;
        let (frames, bytes) = bytes.split_first_chunk()?;
        let (time, bytes) = bytes.split_first_chunk()?;
        let (key, bytes) = bytes.split_first_chunk()?;
        let (signature, []) = bytes.split_first_chunk()? else {
            return None;
        };
        Some(Self {
            at: i64::from_le_bytes(*at),
            frames: u64::from_le_bytes(*frames),
            time: i64::from_le_bytes(*time),
            key: KeyId::from_bytes(*key),
            signature: *signature,
        })
    }
}

fn message(claim: Claim<'_>, key: KeyId) -> Vec<u8> {
    let mut message = PURPOSE.to_vec();
    message.extend_from_slice(&claim.id.ascii());
    message.extend_from_slice(&claim.frames.to_le_bytes());
    message.extend_from_slice(claim.chain);
    message.extend_from_slice(&claim.time.to_le_bytes());
    message.extend_from_slice(&key.to_bytes());
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
