//! Reads the password of a target from where it is kept.
//!
//! The checks are made on the file that was opened, not on its path, so nothing can be put in
//! its place in between. No error holds what the file holds.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, Read},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use nix::{fcntl::OFlag, unistd::geteuid};
use secrecy::SecretString;
use zeroize::Zeroizing;

/// Longer than any password; a file beyond it is the wrong file.
const LONGEST: usize = 4096;
/// Longer than any private key in PEM.
const LONGEST_KEY: usize = 16 * 1024;

/// Where a password is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordSource {
    /// In this file, which nobody but its owner may touch.
    File(PathBuf),
    /// In the systemd credential of this name: `$CREDENTIALS_DIRECTORY/<name>`.
    Credential(String),
}

/// Why a password can't be had. The operator's to mend; trying again doesn't help.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The daemon wasn't started with credentials.
    #[error(
        "there is no credential `{0}`: CREDENTIALS_DIRECTORY is not set; start weir by systemd with \
         LoadCredential={0}:PATH"
    )]
    NoDirectory(String),
    /// The file can't be opened or read.
    #[error("can't read the password in {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is a directory, a pipe or a device.
    #[error("can't read the password in {}: it is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// Others than its owner may read or write it.
    #[error(
        "{path} may be touched by others than its owner (mode {mode:04o}); run: chmod 600 {path}",
        path = path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Someone else than root or the daemon's user could change it.
    #[error("{} belongs to uid {owner}; run: chown root {}", path.display(), path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
    },
    /// It can't be a password.
    #[error("{} holds no password: it is {problem}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        problem: &'static str,
    },
}

impl PasswordSource {
    /// Reads the password; one newline at its end is not part of it.
    ///
    /// # Errors
    /// When it is not there, not the owner's alone, or not a text of 1 to 4096 bytes.
    pub fn read(&self) -> Result<SecretString, CredentialError> {
        let (path, forbidden) = self.place()?;
        read(&path, forbidden)
    }

    /// Reads several lines of secrets, such as headers.
    ///
    /// # Errors
    /// When it is not there, not the owner's alone, or not a text of 1 byte to 16 KiB.
    pub fn lines(&self) -> Result<SecretString, CredentialError> {
        let (path, forbidden) = self.place()?;
        text(&path, forbidden)
    }

    /// The file, and which permissions on it are too many.
    fn place(&self) -> Result<(PathBuf, u32), CredentialError> {
        match self {
            Self::File(path) => Ok((path.clone(), 0o077)),
            Self::Credential(name) => {
                credential(std::env::var_os("CREDENTIALS_DIRECTORY").as_deref(), name)
            }
        }
    }
}

fn credential(directory: Option<&OsStr>, name: &str) -> Result<(PathBuf, u32), CredentialError> {
    let directory = directory
        .filter(|directory| !directory.is_empty())
        .ok_or_else(|| CredentialError::NoDirectory(name.to_owned()))?;
    // systemd lets a service's user read by an access list, whose mask shows where the group's
    // bits are.
    Ok((Path::new(directory).join(name), 0o037))
}

/// Reads a private key in PEM, kept as a password is.
///
/// # Errors
/// When it is not there, not the owner's alone, or not a text of 1 byte to 16 KiB.
pub(crate) fn key(path: &Path) -> Result<SecretString, CredentialError> {
    text(path, 0o077)
}

fn text(path: &Path, forbidden: u32) -> Result<SecretString, CredentialError> {
    let bytes = bytes(path, forbidden, LONGEST_KEY)?;
    match std::str::from_utf8(&bytes) {
        Ok(text) if !text.is_empty() && text.len() <= LONGEST_KEY => Ok(text.into()),
        _ => Err(CredentialError::Unusable {
            path: path.to_owned(),
            problem: "empty, binary or longer than 16 KiB",
        }),
    }
}

fn read(path: &Path, forbidden: u32) -> Result<SecretString, CredentialError> {
    let bytes = bytes(path, forbidden, LONGEST)?;
    secret(&bytes).map_err(|problem| CredentialError::Unusable {
        path: path.to_owned(),
        problem,
    })
}

fn bytes(
    path: &Path,
    forbidden: u32,
    longest: usize,
) -> Result<Zeroizing<Vec<u8>>, CredentialError> {
    let unreadable = |source| CredentialError::Unreadable {
        path: path.to_owned(),
        source,
    };
    // A pipe in place of the file must not hold the daemon up.
    let file = File::options()
        .read(true)
        .custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits())
        .open(path)
        .map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(CredentialError::NotAFile(path.to_owned()));
    }
    let mode = metadata.mode() & 0o7777;
    if mode & forbidden != 0 {
        return Err(CredentialError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    let owner = metadata.uid();
    if owner != 0 && owner != geteuid().as_raw() {
        return Err(CredentialError::Foreign {
            path: path.to_owned(),
            owner,
        });
    }
    // Room for all of it from the start: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(longest + 2));
    let limit = u64::try_from(longest + 2).unwrap_or(u64::MAX);
    file.take(limit)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok(bytes)
}

fn secret(bytes: &[u8]) -> Result<SecretString, &'static str> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok("") => Err("empty"),
        Ok(text) if text.len() > LONGEST => Err("longer than 4096 bytes"),
        Ok(text) if text.contains(['\n', '\r']) => {
            Err("more than one line, or has a carriage return")
        }
        Ok(text) if text.contains('\0') => Err("binary"),
        Ok(text) => Ok(SecretString::from(text)),
        Err(_) => Err("not UTF-8"),
    }
}

#[cfg(test)]
mod tests;
