//! The key under which values are hashed and tokenised, so that a masked e-mail address can't be
//! found by hashing a list of addresses. One per state directory; the same value gives the same
//! token across sessions, for joins.

use std::{
    fs::OpenOptions,
    io::{self, Read, Write},
    path::Path,
};

use rustls::crypto::ring;
use weir_record::replace;
use zeroize::Zeroizing;

const LENGTH: usize = 32;

/// The masking key. Never printed, wiped on drop.
pub struct MaskKey(Zeroizing<[u8; LENGTH]>);

impl MaskKey {
    /// Loads the key at `path`, or makes it on first start (mode 0600).
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut key = Zeroizing::new([0; LENGTH]);
        match OpenOptions::new().read(true).open(path) {
            Ok(mut file) => {
                file.read_exact(key.as_mut())?;
                if file.read(&mut [0])? != 0 {
                    return Err(io::Error::other("the masking key must be exactly 32 bytes"));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                ring::default_provider()
                    .secure_random
                    .fill(key.as_mut())
                    .map_err(|_| io::Error::other("no randomness from the system"))?;
                replace(path, |file| file.write_all(key.as_ref()))?;
            }
            Err(error) => return Err(error),
        }
        Ok(Self(key))
    }

    /// A digest of a value of one class: the same value of two classes gives two digests.
    #[must_use]
    pub fn digest(&self, class: &str, value: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(&u64::try_from(class.len()).unwrap_or(u64::MAX).to_le_bytes());
        hasher.update(class.as_bytes());
        hasher.update(value);
        hasher.finalize()
    }

    #[cfg(test)]
    pub(crate) fn fixed() -> Self {
        Self(Zeroizing::new([7; LENGTH]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_is_made_once_private_and_reused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mask.key");
        let first = MaskKey::open(&path)
            .unwrap()
            .digest("email", b"ada@example.com");
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(
            MaskKey::open(&path)
                .unwrap()
                .digest("email", b"ada@example.com"),
            first
        );
        assert_ne!(
            MaskKey::open(&path)
                .unwrap()
                .digest("phone", b"ada@example.com"),
            first
        );
    }

    #[test]
    fn a_key_of_the_wrong_length_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for length in [0, 31, 33] {
            let path = dir.path().join(length.to_string());
            std::fs::write(&path, vec![1; length]).unwrap();
            assert!(MaskKey::open(&path).is_err());
        }
    }
}
