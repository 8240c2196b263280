//! Policy files on disk: a directory of `*.cedar`, `masking.toml` and `signals.toml`, or the shipped
//! ones.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use weir_policy::{Diagnostics, Policies, Source};

/// Largest policy file, in bytes.
const LARGEST: u64 = 4 << 20;
/// Most files in one directory.
const MOST_FILES: usize = 1000;

/// Where an engine's policies come from.
#[derive(Clone, Debug)]
pub struct PolicyFiles(Option<PathBuf>);

/// What a reload did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// The version that was in force.
    pub from: String,
    /// The version that is.
    pub to: String,
    /// What the load found worth saying.
    pub warnings: Vec<String>,
    /// How many live sessions are judged again.
    pub rejudged: u64,
}

/// Why policies did not load. The old ones stay in force.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// They are wrong.
    #[error("{0}")]
    Rejected(Diagnostics),
    /// They can't be read.
    #[error(transparent)]
    Read(#[from] ReadPolicies),
}

/// Why policy files can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadPolicies {
    /// The system's reason.
    #[error("can't read {}: {source}", path.display())]
    Io {
        /// Which file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The directory holds no policy.
    #[error("{} holds no *.cedar file; with no policy nothing is permitted", .0.display())]
    Empty(PathBuf),
    /// The directory holds too much.
    #[error("{}: {problem}", path.display())]
    TooMuch {
        /// Which file or directory.
        path: PathBuf,
        /// Of what.
        problem: &'static str,
    },
}

impl PolicyFiles {
    /// Those of a directory, or with `None` the shipped ones.
    #[must_use]
    pub fn new(directory: Option<PathBuf>) -> Self {
        Self(directory)
    }

    /// Where they come from, for people.
    #[must_use]
    pub fn source(&self) -> String {
        self.0
            .as_ref()
            .map_or_else(|| "shipped".to_owned(), |path| path.display().to_string())
    }

    /// Reads and validates them, all or none.
    ///
    /// # Errors
    /// Whatever is wrong with them.
    pub fn load(&self) -> Result<Policies, ReloadError> {
        let loaded = match &self.0 {
            Some(directory) => Policies::load(&read(directory)?),
            None => Policies::shipped(),
        };
        loaded.map_err(ReloadError::Rejected)
    }
}

/// The policy sources of a directory, by name. Other files in it are not looked at.
fn read(directory: &Path) -> Result<Vec<Source>, ReadPolicies> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| ReadPolicies::Io { path, source }
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed(directory))? {
        let path = entry.map_err(failed(directory))?.path();
        let is_policy = path
            .extension()
            .is_some_and(|extension| extension == "cedar");
        let is_beside = path
            .file_name()
            .is_some_and(|name| name == "masking.toml" || name == "signals.toml");
        if is_policy || is_beside {
            paths.push(path);
        }
    }
    if !paths.iter().any(|path| {
        path.extension()
            .is_some_and(|extension| extension == "cedar")
    }) {
        return Err(ReadPolicies::Empty(directory.to_owned()));
    }
    if paths.len() > MOST_FILES {
        let path = directory.to_owned();
        return Err(ReadPolicies::TooMuch {
            path,
            problem: "more than 1,000 policy files",
        });
    }
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let size = fs::metadata(&path).map_err(failed(&path))?.len();
            if size > LARGEST {
                return Err(ReadPolicies::TooMuch {
                    path,
                    problem: "larger than 4 MiB",
                });
            }
            let text = fs::read_to_string(&path).map_err(failed(&path))?;
            Ok(Source {
                name: path.display().to_string(),
                text,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_or_missing_directory_is_an_error_not_an_empty_policy() {
        let dir = tempfile::tempdir().unwrap();
        let files = |path: &Path| PolicyFiles::new(Some(path.to_owned()));
        assert!(matches!(
            files(dir.path()).load(),
            Err(ReloadError::Read(ReadPolicies::Empty(_)))
        ));
        let missing = dir.path().join("missing");
        let error = files(&missing).load().err().unwrap().to_string();
        assert!(error.contains("missing"), "{error}");
    }

    #[test]
    fn one_bad_file_rejects_the_directory_and_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(
            dir.path().join("a.cedar"),
            "@id(\"a\") permit(principal, action, resource);",
        )
        .unwrap();
        fs::write(
            dir.path().join("b.cedar"),
            "permit(principal, action resource);",
        )
        .unwrap();
        let error = PolicyFiles::new(Some(dir.path().to_owned()))
            .load()
            .err()
            .unwrap();
        assert!(error.to_string().contains("b.cedar"), "{error}");
    }
}
