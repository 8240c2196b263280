//! Weir's certificate authority, where the command can read it.
//!
//! The original lies in a directory that is root's alone. What is given out is its certificate,
//! which is no secret.

use std::{
    fs::{self, Permissions},
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use tempfile::{Builder, NamedTempFile};

use super::error::RunError;

/// Where root alone makes files, and everybody may read them.
pub(super) const SHARED: &str = "/run";
/// What the copies' names begin with; the run's own follows.
pub(super) const PREFIX: &str = "weir-ca-";
pub(super) const SUFFIX: &str = ".pem";

/// A copy of the certificate for the command, removed when dropped.
pub(super) struct Published(NamedTempFile);

impl Published {
    /// Publishes a certificate for the run of this name.
    pub(super) fn copy(certificate: &Path, run: &str) -> Result<Self, RunError> {
        let pem = fs::read(certificate).map_err(|source| RunError::Read {
            path: certificate.to_owned(),
            source,
        })?;
        Self::write(&pem, run).map_err(RunError::Prepare)
    }

    fn write(pem: &[u8], run: &str) -> io::Result<Self> {
        let name = format!("{PREFIX}{run}");
        let mut file = Builder::new()
            .prefix(&name)
            .suffix(SUFFIX)
            .rand_bytes(0)
            .tempfile_in(SHARED)?;
        file.write_all(pem)?;
        file.as_file()
            .set_permissions(Permissions::from_mode(0o644))?;
        Ok(Self(file))
    }

    /// The copy.
    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn the_copy_is_for_all_to_read_and_for_root_to_write() {
        let original = NamedTempFile::new().unwrap();
        fs::write(original.path(), "certificate").unwrap();
        let published = Published::copy(original.path(), "test-copy").unwrap();
        let path = published.path().to_owned();
        assert_eq!(fs::read_to_string(&path).unwrap(), "certificate");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o644);
        drop(published);
        assert!(!path.exists());
    }
}
