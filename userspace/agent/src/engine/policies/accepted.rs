//! Which signed bundle was taken last. An older one, though somebody signed it once, must not come
//! back.

use std::{fs, io, path::Path};

use serde::{Deserialize, Serialize};

use super::{ReloadError, kept};
use crate::signing::{Manifest, NotSigned};

const FILE: &str = "accepted.json";

#[derive(Debug, Serialize, Deserialize)]
struct Accepted {
    sequence: u64,
    /// The BLAKE3 of the manifest: of one number there is one bundle.
    manifest: String,
}

impl Accepted {
    fn of(manifest: &Manifest) -> Self {
        let text = manifest.to_string();
        Self {
            sequence: manifest.sequence(),
            manifest: blake3::hash(text.as_bytes()).to_string(),
        }
    }
}

/// Whether a bundle may follow the one that was taken last.
pub(super) fn may_follow(
    memory: &Path,
    manifest: &Manifest,
) -> Result<Result<(), NotSigned>, ReloadError> {
    let offered = Accepted::of(manifest);
    Ok(match read(memory)? {
        Some(last) if offered.sequence < last.sequence => Err(NotSigned::Older {
            offered: offered.sequence,
            taken: last.sequence,
        }),
        Some(last) if offered.sequence == last.sequence && offered.manifest != last.manifest => {
            Err(NotSigned::Older {
                offered: offered.sequence,
                taken: last.sequence,
            })
        }
        _ => Ok(()),
    })
}

/// Notes the bundle that is taken.
pub(super) fn note(memory: &Path, manifest: &Manifest) -> Result<(), ReloadError> {
    let path = memory.join(FILE);
    serde_json::to_vec(&Accepted::of(manifest))
        .map_err(io::Error::from)
        .and_then(|text| kept::write(memory, FILE, &text))
        .map_err(|source| ReloadError::Memory { path, source })
}

fn read(memory: &Path) -> Result<Option<Accepted>, ReloadError> {
    let path = memory.join(FILE);
    let read = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read,
    };
    // Damage must not open the way for an older bundle.
    read.and_then(|text| serde_json::from_slice(&text).map_err(io::Error::from))
        .map(Some)
        .map_err(|source| ReloadError::Memory { path, source })
}
