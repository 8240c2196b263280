//! Where the command line keeps a sign-in: a file that only its owner reads, below
//! `$XDG_RUNTIME_DIR`, which ends with the login session, or else `$XDG_STATE_HOME` or `~`; or the
//! one that `$WEIR_TOKEN_FILE` names.
//!
//! A token that is there and can't be believed is an error, never nobody: root would else ask as
//! root, and not as the person who signed in.

use std::{
    env,
    fs::{self, DirBuilder, File, Permissions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{
        DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
    },
    path::{Path, PathBuf},
};

use nix::{fcntl::OFlag, unistd::geteuid};
use secrecy::{ExposeSecret as _, SecretString};

use super::LoginError;
use crate::control::client::Client;

/// Names the file with the token.
const NAMED: &str = "WEIR_TOKEN_FILE";
/// Longer than any token that weir gives.
const LONGEST: u64 = 4096;

/// A client of the daemon at `socket`, asking as whoever is signed in, or else as the user of this
/// process.
pub(in crate::cli) fn client(socket: &Path) -> Result<Client, LoginError> {
    let client = Client::new(socket);
    Ok(match token()? {
        Some(token) => client.with_token(token),
        None => client,
    })
}

pub(super) fn token() -> Result<Option<SecretString>, LoginError> {
    let Some((path, named)) = place() else {
        return Ok(None);
    };
    match read(&path) {
        Ok(token) => Ok(Some(token)),
        // Whoever names a file means the person in it.
        Err(error) if error.kind() == io::ErrorKind::NotFound && !named => Ok(None),
        Err(source) => Err(LoginError::Kept { path, source }),
    }
}

/// The token in a file of this user alone.
fn read(path: &Path) -> io::Result<SecretString> {
    let file = File::options()
        .read(true)
        .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
        .open(path)?;
    let found = file.metadata()?;
    let mode = found.mode() & 0o7777;
    if !found.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    if found.uid() != geteuid().as_raw() {
        return Err(io::Error::other("it belongs to another user"));
    }
    if mode & 0o077 != 0 {
        let problem = format!("others may use it (mode {mode:04o}): chmod 600 it");
        return Err(io::Error::other(problem));
    }
    let mut text = String::new();
    file.take(LONGEST + 1).read_to_string(&mut text)?;
    let token = SecretString::from(text);
    let trimmed = token.expose_secret().trim();
    let is_token = !trimmed.is_empty() && trimmed.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_token || token.expose_secret().len() as u64 > LONGEST {
        return Err(io::Error::other("it holds no token"));
    }
    Ok(trimmed.into())
}

/// Keeps a token in place of the one before.
pub(super) fn keep(token: &SecretString) -> Result<(), LoginError> {
    let (path, _) = place().ok_or(LoginError::Nowhere)?;
    let failed = |source| LoginError::Keep {
        path: path.clone(),
        source,
    };
    let directory = path.parent().ok_or(LoginError::Nowhere)?;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(failed)?;
    let mut file = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(directory)
        .map_err(failed)?;
    file.write_all(token.expose_secret().as_bytes())
        .map_err(failed)?;
    file.persist(&path).map_err(|error| failed(error.error))?;
    Ok(())
}

pub(super) fn forget() -> Result<(), LoginError> {
    let (path, _) = place().ok_or(LoginError::Nowhere)?;
    match fs::remove_file(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(LoginError::Keep { path, source })
        }
        _ => Ok(()),
    }
}

/// The file, and whether it is named; `None` where there is no place for one.
fn place() -> Option<(PathBuf, bool)> {
    if let Some(named) = env::var_os(NAMED) {
        return Some((named.into(), true));
    }
    let absolute = |name| {
        let path = env::var_os(name).map(PathBuf::from);
        path.filter(|path| path.is_absolute())
    };
    let base = absolute("XDG_RUNTIME_DIR")
        .filter(|path| path.is_dir())
        .or_else(|| absolute("XDG_STATE_HOME"))
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))?;
    Some((base.join("weir").join("token"), false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_from_a_file_of_one_s_own_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let written = |text: &str, mode| {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            read(&path).map(|token| token.expose_secret().to_owned())
        };
        assert_eq!(written("abc_1\n", 0o600).unwrap(), "abc_1");
        assert_eq!(written("abc_1", 0o400).unwrap(), "abc_1");
        for mode in [0o640, 0o604, 0o620] {
            let refused = written("abc_1", mode).unwrap_err().to_string();
            assert!(refused.contains("chmod 600"), "{refused}");
        }
        let long = "x".repeat(4097);
        for text in ["", " \n", "a\nb", "a b", "ä", &long] {
            let refused = written(text, 0o600).unwrap_err().to_string();
            assert_eq!(refused, "it holds no token", "{text:?}");
        }
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(read(&link).is_err() && read(dir.path()).is_err());
    }
}
