//! The file that keeps counters and profiles: JSON, replaced as a whole.

use std::{
    fs::File,
    io::{self, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use weir_policy::Snapshot;
use weir_record::replace;

/// Largest file that is read, in bytes: more than a full ledger takes.
const LARGEST: u64 = 1 << 30;

/// Why the file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SignalsError {
    /// The system's reason.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It isn't what weir writes.
    #[error(
        "{} does not hold what signals have counted: {source}; \
         remove it to begin every budget and profile anew",
        path.display()
    )]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
}

/// The file's content; `None` where there is none.
pub(super) fn read(path: &Path) -> Result<Option<Snapshot>, SignalsError> {
    let at = |source| SignalsError::Io {
        path: path.to_owned(),
        source,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(at(error)),
    };
    let mut text = String::new();
    file.take(LARGEST).read_to_string(&mut text).map_err(at)?;
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|source| SignalsError::Unreadable {
            path: path.to_owned(),
            source,
        })
}

/// Replaces the file, all or nothing.
pub(super) fn write(path: &Path, snapshot: &Snapshot) -> io::Result<()> {
    replace(path, |file| {
        let mut out = BufWriter::new(file);
        serde_json::to_writer(&mut out, snapshot).map_err(io::Error::other)?;
        out.flush()
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_and_what_is_torn_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("signals.json");
        assert_eq!(read(&path).unwrap(), None);
        write(&path, &Snapshot::default()).unwrap();
        assert_eq!(read(&path).unwrap(), Some(Snapshot::default()));
        std::fs::write(&path, "{\"counters\": [").unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(
            error.contains("signals.json") && error.contains("remove it"),
            "{error}"
        );
    }
}
