//! How far an upload in parts has come, on disk: a daemon that is killed goes on with the next part.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use weir_record::replace;

/// An upload in parts that isn't complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// The object's key.
    pub(super) key: String,
    /// What the store calls the upload.
    pub(super) id: String,
    /// What is uploaded: another file, or a changed one, is another upload.
    pub(super) of: Identity,
    /// The size of each part but the last.
    pub(super) part: usize,
    /// What the store calls the parts that it has, in order.
    pub(super) parts: Vec<String>,
    /// How often in a row the store refused to go on with it.
    #[serde(default)]
    pub(super) refused: u32,
}

/// One state of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    pub(super) length: u64,
    /// When it was changed, in nanoseconds.
    pub(super) changed: u64,
    /// The BLAKE3 hash of its contents.
    pub(super) hash: String,
}

impl Progress {
    /// What is known, if it is of this object. A file that can't be read as one is as none.
    pub(super) fn load(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    /// Whether it is of this object, in parts of this size.
    pub(super) fn is_of(&self, of: &Identity, key: &object_store::path::Path, part: usize) -> bool {
        self.of == *of && self.key == key.to_string() && self.part == part
    }

    /// Keeps it, all or nothing.
    pub(super) fn save(&self, path: &Path) -> io::Result<()> {
        let text = serde_json::to_vec(self)?;
        replace(path, |file| file.write_all(&text))?;
        Ok(())
    }

    pub(super) fn forget(path: &Path) {
        if let Err(error) = fs::remove_file(path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "what is known of a finished upload stays");
        }
    }
}

impl Identity {
    /// What a file is now, without its hash.
    pub(super) fn stamp(meta: &fs::Metadata) -> (u64, u64) {
        let changed = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let changed = changed.duration_since(UNIX_EPOCH).unwrap_or_default();
        (meta.len(), u64::try_from(changed.as_nanos()).unwrap_or(0))
    }

    pub(super) fn is(&self, (length, changed): (u64, u64)) -> bool {
        (self.length, self.changed) == (length, changed)
    }
}
