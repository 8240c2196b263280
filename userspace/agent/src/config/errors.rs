//! Why there is no configuration, and getting the text of the file in the first place.

use std::{
    fs::{File, Metadata},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use weir_policy::Diagnostics;

/// No configuration is nearly as long.
const LONGEST: u64 = 256 << 10;

/// Why there is no configuration. The operator's to mend; trying again doesn't help.
#[derive(Debug, thiserror::Error)]
pub enum ConfigErrors {
    /// The file can't be opened or read.
    #[error("can't read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A directory stands where the file should be.
    #[error("{} is a directory: name the file in it, such as {}", .0.display(), .0.join("weir.toml").display())]
    Directory(PathBuf),
    /// Everybody may write the file, an agent too.
    #[error("{} may be written by everybody; run: chmod o-w {}", .0.display(), .0.display())]
    Writable(PathBuf),
    /// The file is longer than any configuration.
    #[error("{} is longer than 256 KiB, so it can't be weir's configuration", .0.display())]
    TooLong(PathBuf),
    /// The file is not text.
    #[error("{} is not UTF-8 on line {line}", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// Where the first byte is that can't be read.
        line: usize,
    },
    /// What it says is wrong; every place that is.
    #[error(transparent)]
    Invalid(Diagnostics),
}

/// Whether everybody on the host may write a file or a directory, an agent too.
pub(crate) fn may_everybody_write(metadata: &Metadata) -> bool {
    metadata.mode() & 0o002 != 0
}

pub(super) fn text_of(path: &Path) -> Result<String, ConfigErrors> {
    let unreadable = |source| ConfigErrors::Unreadable {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    // What can't be the file needs no other permissions.
    if metadata.is_dir() {
        return Err(ConfigErrors::Directory(path.to_owned()));
    }
    if may_everybody_write(&metadata) {
        return Err(ConfigErrors::Writable(path.to_owned()));
    }
    let mut bytes = Vec::new();
    let read = file
        .take(LONGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if u64::try_from(read).is_ok_and(|read| read > LONGEST) {
        return Err(ConfigErrors::TooLong(path.to_owned()));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error
            .as_bytes()
            .iter()
            .take(error.utf8_error().valid_up_to());
        let line = good.filter(|b| **b == b'\n').count() + 1;
        ConfigErrors::NotText {
            path: path.to_owned(),
            line,
        }
    })
}
