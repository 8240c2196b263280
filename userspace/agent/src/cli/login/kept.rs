//! Where the command line keeps a sign-in: a file that only its owner reads, below
//! `$XDG_RUNTIME_DIR`, which ends with the login session, or else `$XDG_STATE_HOME` or `~`.

use std::{
    env,
    fs::{self, DirBuilder, File, Permissions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{
        DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
    },
    path::PathBuf,
};

use nix::{fcntl::OFlag, unistd::geteuid};
use secrecy::{ExposeSecret as _, SecretString};

use super::LoginError;
use crate::control::client::Client;

/// Longer than any token that weir gives.
const LONGEST: u64 = 4096;

/// The client, asking as whoever is signed in, where somebody is. What can't be read counts as
/// nobody: the daemon then says to sign in.
pub(crate) fn signed_in(client: Client) -> Client {
    match token() {
        Ok(Some(token)) => client.with_token(token),
        _ => client,
    }
}

pub(super) fn token() -> Result<Option<SecretString>, LoginError> {
    let path = path()?;
    let opened = File::options()
        .read(true)
        .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
        .open(&path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(kept(&path, error)),
    };
    let found = file.metadata().map_err(|error| kept(&path, error))?;
    if !found.is_file() || found.uid() != geteuid().as_raw() || found.mode() & 0o077 != 0 {
        let problem = io::Error::other("it is not a file of yours alone; remove it");
        return Err(kept(&path, problem));
    }
    let mut text = String::new();
    file.take(LONGEST)
        .read_to_string(&mut text)
        .map_err(|error| kept(&path, error))?;
    let token = text.trim();
    Ok((!token.is_empty()).then(|| token.into()))
}

/// Keeps a token in place of the one before.
pub(super) fn keep(token: &SecretString) -> Result<(), LoginError> {
    let path = path()?;
    let failed = |error| kept(&path, error);
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
    let path = path()?;
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(kept(&path, error)),
        _ => Ok(()),
    }
}

fn path() -> Result<PathBuf, LoginError> {
    let absolute = |name| {
        let path = env::var_os(name).map(PathBuf::from);
        path.filter(|path| path.is_absolute())
    };
    let base = absolute("XDG_RUNTIME_DIR")
        .filter(|path| path.is_dir())
        .or_else(|| absolute("XDG_STATE_HOME"))
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")));
    Ok(base.ok_or(LoginError::Nowhere)?.join("weir").join("token"))
}

fn kept(path: &std::path::Path, source: io::Error) -> LoginError {
    LoginError::Keep {
        path: path.display().to_string(),
        source,
    }
}
