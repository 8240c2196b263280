//! The texts of bundles that were in force, by their version: what judged a command can be told long
//! after the files have changed.

use std::{
    fs::{self, DirBuilder},
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde::{Deserialize, Serialize};
use weir_policy::Source;
use weir_record::replace;

/// Most bundles that are kept; the oldest go.
const MOST: usize = 100;
/// How the file of a version ends.
const SUFFIX: &str = ".bundle.json";

#[derive(Serialize, Deserialize)]
struct Text {
    name: String,
    text: String,
}

/// Keeps the sources of a version.
pub(super) fn keep(dir: &Path, version: &str, sources: &[Source]) -> io::Result<()> {
    let Some(name) = name(version) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let texts: Vec<Text> = sources
        .iter()
        .map(|Source { name, text }| Text {
            name: name.clone(),
            text: text.clone(),
        })
        .collect();
    // Written anew though it may be there: it is the newest from here on.
    write(dir, &name, &serde_json::to_vec(&texts)?)?;
    forget(dir)
}

/// The sources of a version.
pub(super) fn find(dir: &Path, version: &str) -> io::Result<Option<Vec<Source>>> {
    let Some(name) = name(version) else {
        return Ok(None);
    };
    let text = match fs::read(dir.join(name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read?,
    };
    let texts: Vec<Text> = serde_json::from_slice(&text)?;
    let source = |Text { name, text }| Source { name, text };
    Ok(Some(texts.into_iter().map(source).collect()))
}

/// Writes a file of this directory as a whole or not at all.
pub(super) fn write(dir: &Path, name: &str, text: &[u8]) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    replace(&dir.join(name), |file| file.write_all(text))?;
    Ok(())
}

/// Versions come from records, which need not be honest: only what is one names a file.
fn name(version: &str) -> Option<String> {
    let plain = !version.is_empty()
        && version.len() <= 64
        && version.bytes().all(|b| b.is_ascii_hexdigit());
    plain.then(|| format!("{version}{SUFFIX}"))
}

fn forget(dir: &Path) -> io::Result<()> {
    let mut kept: Vec<(SystemTime, PathBuf)> = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().ends_with(SUFFIX) {
            kept.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    kept.sort();
    let too_many = kept.len().saturating_sub(MOST);
    for (_, path) in kept.into_iter().take(too_many) {
        fs::remove_file(path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Vec<Source> {
        vec![Source {
            name: "/etc/a.cedar".into(),
            text: text.into(),
        }]
    }

    #[test]
    fn what_was_kept_is_found_by_its_version_and_nothing_else_is() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("policies");
        keep(&dir, "0a", &source("x")).unwrap();
        assert_eq!(find(&dir, "0a").unwrap(), Some(source("x")));
        for other in ["0b", "", "../0a", "0a/", "0a.bundle.json"] {
            assert_eq!(find(&dir, other).unwrap(), None, "{other}");
        }
    }

    #[test]
    fn the_oldest_goes() {
        let dir = tempfile::tempdir().unwrap();
        let long_ago = |path: PathBuf, day: u64| {
            let file = fs::OpenOptions::new().append(true).open(path).unwrap();
            let at = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(day * 86_400);
            file.set_modified(at).unwrap();
        };
        for number in 0..MOST {
            let version = format!("{number:04x}");
            keep(dir.path(), &version, &source("x")).unwrap();
            long_ago(dir.path().join(name(&version).unwrap()), number as u64);
        }
        keep(dir.path(), "ffff", &source("x")).unwrap();
        assert_eq!(find(dir.path(), "0000").unwrap(), None);
        assert!(find(dir.path(), "0001").unwrap().is_some());
        assert!(find(dir.path(), "ffff").unwrap().is_some());
    }
}
