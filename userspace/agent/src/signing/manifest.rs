//! The manifest: each file of a bundle by its hash, and a number that only grows.

use std::{collections::BTreeMap, fmt};

use weir_policy::Source;

use super::{MANIFEST, PublicKey, SIGNATURE};

/// The first line.
const FORMAT: &str = "weir policies 1";
/// Largest manifest, in bytes.
const MAX_LEN: usize = 1 << 20;

/// What a bundle consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    sequence: u64,
    files: BTreeMap<String, blake3::Hash>,
}

/// Why a bundle is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSigned {
    /// A file of the signature is not there.
    #[error("the bundle is not signed: it has no {0}")]
    Missing(&'static str),
    /// No configured key made the signature.
    #[error("{SIGNATURE} is no signature of {MANIFEST} by any of the configured keys")]
    Forged,
    /// The manifest can't be read.
    #[error("{MANIFEST}, line {line}: {what}")]
    Malformed {
        /// Where.
        line: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// A file is not what was signed.
    #[error("{0} is not what was signed")]
    Changed(String),
    /// A file that was signed is not there.
    #[error("{0} was signed and is not there")]
    Gone(String),
    /// A file is there that was not signed.
    #[error("{0} was not signed")]
    Extra(String),
    /// An older bundle than the one that was taken last, or another of its number.
    #[error(
        "the bundle has number {offered}, and {taken} was taken before: sign it with a greater one"
    )]
    Older {
        /// Its number.
        offered: u64,
        /// The number of the last.
        taken: u64,
    },
}

impl Manifest {
    /// Of these files.
    #[must_use]
    pub fn of<'a>(sequence: u64, files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let hashed = |(name, text): (&str, &str)| (name.to_owned(), blake3::hash(text.as_bytes()));
        let files = files.into_iter().map(hashed).collect();
        Self { sequence, files }
    }

    /// Its number.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Reads a manifest, once one of the keys is known to have signed it: what nobody vouches for
    /// isn't looked at.
    ///
    /// # Errors
    /// When none did, or it is malformed.
    pub fn verified(text: &[u8], signature: &[u8], keys: &[PublicKey]) -> Result<Self, NotSigned> {
        let signature = unhex(signature).ok_or(NotSigned::Forged)?;
        if text.len() > MAX_LEN || !keys.iter().any(|key| key.signed(text, &signature)) {
            return Err(NotSigned::Forged);
        }
        let text = str::from_utf8(text).map_err(|_| malformed(1, "not UTF-8"))?;
        Self::parse(text)
    }

    /// Reads a manifest that nobody need have signed.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn parse(text: &str) -> Result<Self, NotSigned> {
        let mut lines = text.lines();
        if lines.next() != Some(FORMAT) {
            return Err(malformed(1, "not of a format that this weir knows"));
        }
        let sequence = lines
            .next()
            .and_then(|line| line.strip_prefix("sequence ")?.parse().ok())
            .ok_or(malformed(2, "no `sequence` and its number"))?;
        let mut files = BTreeMap::new();
        for (number, line) in lines.enumerate() {
            let number = number + 3;
            let (hash, name) = line
                .split_once("  ")
                .ok_or(malformed(number, "no hash and a name"))?;
            let hash = blake3::Hash::from_hex(hash).map_err(|_| malformed(number, "no hash"))?;
            if files.insert(name.to_owned(), hash).is_some() {
                return Err(malformed(number, "a name for the second time"));
            }
        }
        Ok(Self { sequence, files })
    }

    /// Holds the files that are there against it, wherever they lie.
    ///
    /// # Errors
    /// When one is missing, changed or not in it.
    pub fn covers(&self, files: &[Source]) -> Result<(), NotSigned> {
        for file in files {
            let name = file.file_name();
            match self.files.get(name) {
                None => return Err(NotSigned::Extra(name.to_owned())),
                // Compared in constant time.
                Some(hash) if *hash == blake3::hash(file.text.as_bytes()) => {}
                Some(_) => return Err(NotSigned::Changed(name.to_owned())),
            }
        }
        let is_there = |name: &&String| files.iter().any(|file| file.file_name() == name.as_str());
        match self.files.keys().find(|name| !is_there(name)) {
            Some(gone) => Err(NotSigned::Gone(gone.clone())),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FORMAT}\nsequence {}", self.sequence)?;
        for (name, hash) in &self.files {
            writeln!(f, "{hash}  {name}")?;
        }
        Ok(())
    }
}

fn malformed(line: usize, what: &'static str) -> NotSigned {
    NotSigned::Malformed { line, what }
}

/// 64 bytes from their hexadecimal form.
fn unhex(text: &[u8]) -> Option<[u8; 64]> {
    let text = str::from_utf8(text).ok()?.trim_end();
    let mut bytes = [0; 64];
    if text.len() != 2 * bytes.len() || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}
