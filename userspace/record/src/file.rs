//! The file system's part of a record: a directory for us alone, a file of our own, and the disk.
//!
//! Known limit: whoever the directory belongs to can change the records in it. That it is not the
//! governed workload is for those who name the directory to see to.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::Path,
};

use crate::RecordError;

/// Makes `dir` for us alone, or sees that it is.
pub(crate) fn private_dir(dir: &Path) -> Result<(), RecordError> {
    let blame = |source| RecordError::Directory {
        path: dir.to_owned(),
        source,
    };
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(dir).map_err(blame)?;
    let mode = fs::metadata(dir).map_err(blame)?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(RecordError::Exposed {
            path: dir.to_owned(),
            mode,
        });
    }
    Ok(())
}

/// Creates a file that can only be appended to: never another session's, nor through a link that
/// somebody put there, nor open in a process that we start (std sets `O_CLOEXEC`).
pub(crate) fn create(path: &Path) -> Result<File, RecordError> {
    OpenOptions::new()
        .append(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|source| RecordError::Create {
            path: path.to_owned(),
            source,
        })
}
