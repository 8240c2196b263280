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
const SHARED: &str = "/run";

/// A copy of the certificate for the command, removed when dropped.
pub(super) struct Published(NamedTempFile);

impl Published {
    /// Publishes a certificate.
    pub(super) fn copy(certificate: &Path) -> Result<Self, RunError> {
        let pem = fs::read(certificate).map_err(|source| RunError::Read {
            path: certificate.to_owned(),
            source,
        })?;
        Self::write(&pem).map_err(RunError::Prepare)
    }

    fn write(pem: &[u8]) -> io::Result<Self> {
        let mut file = Builder::new()
            .prefix("weir-ca-")
            .suffix(".pem")
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
        let published = Published::copy(original.path()).unwrap();
        let path = published.path().to_owned();
        assert_eq!(fs::read_to_string(&path).unwrap(), "certificate");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o644);
        drop(published);
        assert!(!path.exists());
    }
}
