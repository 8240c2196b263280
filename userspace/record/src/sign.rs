//! Who vouches for a record: the host's Ed25519 key, and the public keys that verify it.
//!
//! A private key is a file with 64 hexadecimal digits, made by `openssl rand -hex 32` or on first
//! start; a public one the same beside it. A key is named by an id, so that records of an earlier
//! key are verified by that one.

use std::{
    fmt, fs, io,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    str::FromStr,
};

use ring::{
    rand::{SecureRandom, SystemRandom},
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};
use zeroize::Zeroizing;

use crate::replace::replace;

/// How many bytes a signature has.
pub(crate) const SIGNATURE_LEN: usize = 64;
/// How many bytes a key, private or public, has.
const KEY_LEN: usize = 32;
/// The most that a file of keys may hold: room for a thousand.
const MAX_FILE: u64 = 128 << 10;

/// Names a public key: the first eight bytes of its BLAKE3 hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; 8]);

/// A public key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; KEY_LEN]);

/// The public keys whose word is taken.
#[derive(Clone, Debug, Default)]
pub struct TrustedKeys(Vec<PublicKey>);

/// The host's key.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file can't be read or made.
    #[error("can't use the record key {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file holds no key.
    #[error("{} holds no record key: one is 64 hexadecimal digits on a line, as `openssl rand -hex 32` makes it", path.display())]
    Invalid {
        /// Which.
        path: PathBuf,
    },
    /// Others can read a private key.
    #[error("the record key {} is open to others (mode {mode:04o}): chmod 600 it", path.display())]
    Exposed {
        /// Which.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

impl SigningKey {
    /// Reads a private key, such as a credential that the service manager handed over.
    ///
    /// # Errors
    /// Any [`KeyError`].
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let text = read(path).map(Zeroizing::new)?;
        let digits = text.trim_ascii();
        let seed = hex(digits).map(Zeroizing::new);
        let invalid = || KeyError::Invalid {
            path: path.to_owned(),
        };
        Self::of(&*seed.ok_or_else(invalid)?).ok_or_else(invalid)
    }

    /// Reads `record.key` of a state directory, or makes it. Its public key is kept in
    /// `record.pub` beside it, below those of earlier keys.
    ///
    /// # Errors
    /// Any [`KeyError`].
    pub fn open(state: &Path) -> Result<Self, KeyError> {
        let path = state.join("record.key");
        let blame = |source| KeyError::File {
            path: path.clone(),
            source,
        };
        let key = match fs::symlink_metadata(&path) {
            Ok(found) => {
                let mode = std::os::unix::fs::MetadataExt::mode(&found) & 0o7777;
                if mode & 0o077 != 0 {
                    return Err(KeyError::Exposed { path, mode });
                }
                Self::read(&path)?
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut seed = Zeroizing::new([0; KEY_LEN]);
                SystemRandom::new()
                    .fill(seed.as_mut())
                    .map_err(|_| blame(io::Error::other("no randomness")))?;
                let text = Zeroizing::new(format!("{}\n", Hex(seed.as_ref())));
                // A daemon that is killed here must not leave half a key.
                replace(&path, |file| file.write_all(text.as_bytes())).map_err(blame)?;
                let invalid = || KeyError::Invalid { path: path.clone() };
                Self::of(&seed).ok_or_else(invalid)?
            }
            Err(error) => return Err(blame(error)),
        };
        Ok(key)
    }

    /// Adds the public key to `record.pub` of a state directory, where it is not there yet.
    ///
    /// # Errors
    /// [`KeyError::File`] or [`KeyError::Invalid`].
    pub fn publish(&self, state: &Path) -> Result<(), KeyError> {
        let path = state.join("record.pub");
        let known = match TrustedKeys::read(&path) {
            Ok(known) => known,
            Err(KeyError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                TrustedKeys::default()
            }
            Err(error) => return Err(error),
        };
        if known.get(self.public.id()).is_some() {
            return Ok(());
        }
        let append = || {
            let mut file = fs::OpenOptions::new()
                .append(true)
                .create(true)
                .mode(0o644)
                .open(&path)?;
            file.write_all(format!("{}\n", self.public).as_bytes())?;
            file.sync_all()
        };
        append().map_err(|source| KeyError::File {
            path: path.clone(),
            source,
        })
    }

    fn of(seed: &[u8; KEY_LEN]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
        let public = PublicKey(*pair.public_key().as_ref().first_chunk()?);
        Some(Self { pair, public })
    }

    /// What verifies its signatures.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.public
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_LEN] {
        let signature = self.pair.sign(message);
        // An Ed25519 signature has 64 bytes; one that hadn't would not verify.
        signature
            .as_ref()
            .first_chunk()
            .copied()
            .unwrap_or([0; SIGNATURE_LEN])
    }
}

impl PublicKey {
    /// Its name.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let [a, b, c, d, e, f, g, h, ..] = *blake3::hash(&self.0).as_bytes();
        KeyId([a, b, c, d, e, f, g, h])
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8; SIGNATURE_LEN]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0)
            .verify(message, signature)
            .is_ok()
    }
}

impl KeyId {
    pub(crate) fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn to_bytes(self) -> [u8; 8] {
        self.0
    }
}

impl TrustedKeys {
    /// Those of a file: one on a line.
    ///
    /// # Errors
    /// [`KeyError::File`] or [`KeyError::Invalid`].
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let invalid = || KeyError::Invalid {
            path: path.to_owned(),
        };
        let text = String::from_utf8(read(path)?).map_err(|_| invalid())?;
        text.parse().map_err(|InvalidPublicKey| invalid())
    }

    /// The key of this name, if it is trusted.
    #[must_use]
    pub fn get(&self, id: KeyId) -> Option<&PublicKey> {
        self.0.iter().find(|key| key.id() == id)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<PublicKey> for TrustedKeys {
    fn from(key: PublicKey) -> Self {
        Self(vec![key])
    }
}

/// A text that is no public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a record's public key: one is 64 hexadecimal digits")]
pub struct InvalidPublicKey;

impl FromStr for TrustedKeys {
    type Err = InvalidPublicKey;

    fn from_str(text: &str) -> Result<Self, InvalidPublicKey> {
        let lines = text.lines().map(str::trim);
        lines
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(|line| hex(line.as_bytes()).map(PublicKey).ok_or(InvalidPublicKey))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Reads the digits of so many bytes.
pub(crate) fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let (pairs, []) = digits.as_chunks::<2>() else {
        return None;
    };
    if pairs.len() != N {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        let digit = |c: u8| {
            char::from(c)
                .to_digit(16)
                .and_then(|d| u8::try_from(d).ok())
        };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

fn read(path: &Path) -> Result<Vec<u8>, KeyError> {
    let read = || {
        let mut text = Vec::new();
        let file = fs::File::open(path)?;
        io::Read::read_to_end(&mut io::Read::take(file, MAX_FILE), &mut text)?;
        Ok(text)
    };
    read().map_err(|source| KeyError::File {
        path: path.to_owned(),
        source,
    })
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Hex(&self.0), f)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Hex(&self.0), f)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Hex(&self.0), f)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Hex(&self.0), f)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey {}", self.public.id())
    }
}

#[cfg(test)]
mod tests;
