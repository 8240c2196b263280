//! Passwords that no one has seen before.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::Result;
use crate::error::At;

/// Thirty-two hexadecimal digits, so that finding it anywhere is no coincidence.
pub(super) fn random_password() -> Result<String> {
    let source = Path::new("/dev/urandom");
    let mut bytes = [0; 16];
    File::open(source)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .at("read", source)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
