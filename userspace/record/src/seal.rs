//! Encryption: a key a file, wrapped once for age recipients in the header, and each frame sealed
//! with it by itself, so that appending and torn tails work as they do in the clear.
//!
//! What stays readable to all: how many frames there are, when which kind was written and how long
//! it is, compressed. The chain and its signatures are over what is stored, so a record is verified
//! without the key.

use std::{
    fmt,
    io::{self, Read, Write},
    str::FromStr,
};

use age::{Decryptor, Encryptor, x25519};
use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey},
    rand::{SecureRandom, SystemRandom},
};
use zeroize::Zeroizing;

const KEY_LEN: usize = 32;

/// Someone that records are encrypted to: an age recipient, `age1…`.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipient(x25519::Recipient);

/// What decrypts records: the identities of an age identity file.
pub struct Identities(Vec<x25519::Identity>);

/// A text that is no age recipient or identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// No recipient.
    #[error("not an age recipient: one begins with \"age1\"")]
    Recipient,
    /// No identity file.
    #[error("not an age identity file: no line of it begins with \"AGE-SECRET-KEY-1\"")]
    Identity,
}

/// Why a record can't be opened with what is at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    /// No identity is one of the recipients'.
    NoneFits,
    /// The envelope is damaged.
    Damaged,
}

/// Seals and opens the frames of one file.
pub(crate) struct FileKey(LessSafeKey);

impl FileKey {
    /// A new key, and its envelope for the recipients.
    pub(crate) fn generate(recipients: &[Recipient]) -> io::Result<(Self, Vec<u8>)> {
        let mut key = Zeroizing::new([0; KEY_LEN]);
        SystemRandom::new()
            .fill(key.as_mut())
            .map_err(|_| io::Error::other("no randomness"))?;
        let each = recipients.iter().map(|one| &one.0 as &dyn age::Recipient);
        let encryptor = Encryptor::with_recipients(each).map_err(io::Error::other)?;
        let mut envelope = Vec::new();
        let mut writer = encryptor.wrap_output(&mut envelope)?;
        writer.write_all(key.as_ref())?;
        writer.finish()?;
        let key = Self::new(&key).ok_or_else(|| io::Error::other("no key"))?;
        Ok((key, envelope))
    }

    /// The key in an envelope.
    pub(crate) fn unwrap(envelope: &[u8], identities: &Identities) -> Result<Self, Closed> {
        let decryptor = Decryptor::new_buffered(envelope).map_err(|_| Closed::Damaged)?;
        let each = identities.0.iter().map(|one| one as &dyn age::Identity);
        let reader = decryptor.decrypt(each).map_err(|error| match error {
            age::DecryptError::NoMatchingKeys => Closed::NoneFits,
            _ => Closed::Damaged,
        })?;
        let mut key = Zeroizing::new(Vec::with_capacity(KEY_LEN + 1));
        reader
            .take(KEY_LEN as u64 + 1)
            .read_to_end(&mut key)
            .map_err(|_| Closed::Damaged)?;
        let key = key.first_chunk().filter(|_| key.len() == KEY_LEN);
        key.and_then(Self::new).ok_or(Closed::Damaged)
    }

    fn new(key: &[u8; KEY_LEN]) -> Option<Self> {
        UnboundKey::new(&CHACHA20_POLY1305, key)
            .ok()
            .map(|key| Self(LessSafeKey::new(key)))
    }

    /// Seals in place. No number may come twice; a writer that failed to write one writes no more.
    pub(crate) fn seal(&self, number: u64, kind: u8, body: &mut Vec<u8>) -> io::Result<()> {
        self.0
            .seal_in_place_append_tag(nonce(number), Aad::from([kind]), body)
            .map_err(|_| io::Error::other("can't encrypt"))
    }

    /// Opens in place; nothing where the seal is not of this key, number and kind.
    pub(crate) fn open(&self, number: u64, kind: u8, body: &mut Vec<u8>) -> Option<()> {
        let length = self
            .0
            .open_in_place(nonce(number), Aad::from([kind]), body)
            .ok()?
            .len();
        body.truncate(length);
        Some(())
    }
}

fn nonce(number: u64) -> Nonce {
    let [a, b, c, d, e, f, g, h] = number.to_le_bytes();
    Nonce::assume_unique_for_key([a, b, c, d, e, f, g, h, 0, 0, 0, 0])
}

impl FromStr for Recipient {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        text.parse().map(Self).map_err(|_| InvalidKey::Recipient)
    }
}

impl FromStr for Identities {
    type Err = InvalidKey;

    /// Reads an identity file as `age-keygen` writes it: a line an identity, and comments.
    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let all: Result<Vec<_>, _> = lines.map(str::parse).collect();
        match all {
            Ok(all) if !all.is_empty() => Ok(Self(all)),
            _ => Err(InvalidKey::Identity),
        }
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} identities", self.0.len())
    }
}

impl fmt::Debug for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileKey")
    }
}

#[cfg(test)]
mod tests {
    use age::secrecy::ExposeSecret;

    use super::*;

    fn pair() -> (Recipient, Identities) {
        let identity = x25519::Identity::generate();
        let file = format!(
            "# created: today\n\n{}\n",
            identity.to_string().expose_secret()
        );
        let recipient = identity.to_public().to_string().parse().unwrap();
        (recipient, file.parse().unwrap())
    }

    #[test]
    fn every_recipient_opens_and_nobody_else() {
        let ((one, ones), (other, others), (_, strangers)) = (pair(), pair(), pair());
        let (key, envelope) = FileKey::generate(&[one, other]).unwrap();
        let mut body = b"select 1".to_vec();
        key.seal(7, 5, &mut body).unwrap();
        assert_eq!(body.len(), 8 + 16);
        for identities in [ones, others] {
            let key = FileKey::unwrap(&envelope, &identities).unwrap();
            let mut opened = body.clone();
            key.open(7, 5, &mut opened).unwrap();
            assert_eq!(opened, b"select 1");
            // Under another number or kind it is not the same frame.
            assert!(key.open(8, 5, &mut body.clone()).is_none());
            assert!(key.open(7, 6, &mut body.clone()).is_none());
        }
        let refused = FileKey::unwrap(&envelope, &strangers).unwrap_err();
        assert_eq!(refused, Closed::NoneFits);
    }

    #[test]
    fn a_damaged_envelope_opens_nothing() {
        let (recipient, identities) = pair();
        let (_, envelope) = FileKey::generate(&[recipient]).unwrap();
        for at in 0..envelope.len() {
            let mut damaged = envelope.clone();
            damaged[at] ^= 1;
            assert!(FileKey::unwrap(&damaged, &identities).is_err(), "{at}");
            assert!(FileKey::unwrap(&envelope[..at], &identities).is_err());
        }
    }

    #[test]
    fn nothing_of_an_identity_is_shown() {
        let (_, identities) = pair();
        assert_eq!(format!("{identities:?}"), "1 identities");
        for text in ["", "# only a comment", "AGE-SECRET-KEY-1", "age1xyz"] {
            assert!(text.parse::<Identities>().is_err());
        }
        assert!("AGE-SECRET-KEY-1".parse::<Recipient>().is_err());
    }
}
