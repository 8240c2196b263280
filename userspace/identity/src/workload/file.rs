//! A file that holds a token, and notices that it has changed.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::PathBuf,
};

use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::oidc::token::LONGEST;

/// O_NONBLOCK on Linux: a pipe in the file's place must not hold anybody up.
const NONBLOCK: i32 = 0o4000;

/// A file with a token, such as a projected service account token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TokenFile(pub(super) PathBuf);

/// By which a file that was written or put in another's place is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamp(Option<(u64, u64, i64, i64, u64)>);

/// Why it gives no token.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It can't be read.
    #[error("can't read the token in {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It can't be a token.
    #[error("{} holds no token: it is {problem}", path.display())]
    NoToken {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        problem: &'static str,
    },
}

impl TokenFile {
    /// What the file is now, to tell a later one by.
    pub(super) fn stamp(&self) -> Stamp {
        let found = fs::metadata(&self.0).ok();
        Stamp(found.map(|found| {
            let (written, nanos) = (found.mtime(), found.mtime_nsec());
            (found.dev(), found.ino(), written, nanos, found.len())
        }))
    }

    pub(super) fn read(&self) -> Result<SecretString, FileError> {
        let failed = |source| FileError::Read {
            path: self.0.clone(),
            source,
        };
        let unusable = |problem| FileError::NoToken {
            path: self.0.clone(),
            problem,
        };
        let file = File::options()
            .read(true)
            .custom_flags(NONBLOCK)
            .open(&self.0)
            .map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(unusable("not a regular file"));
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST + 2));
        let limit = u64::try_from(LONGEST + 2).unwrap_or(u64::MAX);
        file.take(limit).read_to_end(&mut bytes).map_err(failed)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| unusable("not UTF-8"))?;
        match text.trim_end() {
            "" => Err(unusable("empty")),
            text if text.len() > LONGEST => Err(unusable("too long")),
            text => Ok(text.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    #[test]
    fn a_token_that_was_put_in_another_s_place_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let file = TokenFile(path.clone());
        let none = file.stamp();
        assert!(file.read().is_err());
        fs::write(&path, "a.b.c\n").unwrap();
        let first = file.stamp();
        assert_ne!(none, first);
        assert_eq!(file.read().unwrap().expose_secret(), "a.b.c");
        // As a projected volume does it: another file of the same length, renamed over it.
        fs::write(dir.path().join("new"), "d.e.f\n").unwrap();
        fs::rename(dir.path().join("new"), &path).unwrap();
        assert_ne!(file.stamp(), first);
    }

    #[test]
    fn what_is_no_token_is_told_by_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let file = TokenFile(path.clone());
        for bad in ["", " \n", &"x".repeat(LONGEST + 1)] {
            fs::write(&path, bad).unwrap();
            assert!(file.read().unwrap_err().to_string().contains("token"));
        }
        let directory = TokenFile(dir.path().to_owned());
        assert!(directory.read().is_err());
    }
}
