//! As whom the command line asks: as the person whose sign-in is kept, or as the user it runs as.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use secrecy::SecretString;

use super::{error::CliError, login::signed_in};
use crate::control::client::Client;

/// Names the file with the token of a sign-in.
const FILE: &str = "WEIR_TOKEN_FILE";
/// Longest token, in bytes.
const LONGEST: u64 = 4096;

/// A client of the daemon at `socket`, signed in where a sign-in is kept.
pub(super) fn client(socket: &Path) -> Result<Client, CliError> {
    let client = Client::new(socket);
    match env::var_os(FILE) {
        Some(path) => Ok(client.with_token(read(Path::new(&path))?)),
        None => Ok(signed_in(client)),
    }
}

fn read(path: &Path) -> Result<SecretString, CliError> {
    let failed = |source| CliError::Unreadable {
        path: PathBuf::from(path),
        source,
    };
    if fs::metadata(path).map_err(failed)?.len() > LONGEST {
        return Err(failed(io::Error::other("it is too long for a token")));
    }
    let text = fs::read_to_string(path).map_err(failed)?;
    Ok(SecretString::from(text.trim()))
}
