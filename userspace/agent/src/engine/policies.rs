//! Policy files on disk: a directory of `*.cedar`, `masking.toml` and `signals.toml`, or the shipped
//! ones.
//!
//! Job: read a bundle, all or none, hold it against its signature where keys are configured, and
//! remember what was in force. Not its job: what a bundle means (`weir-policy`).

mod accepted;
mod kept;
mod reload;
mod watch;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use weir_policy::{Diagnostics, Policies, Source};

use self::watch::Print;
use crate::config::{kept_policies, may_everybody_write};
use crate::signing::{MANIFEST, Manifest, NotSigned, PublicKey, SIGNATURE};

/// Largest policy file, in bytes.
const LARGEST: u64 = 4 << 20;
/// Most files in one directory.
const MOST_FILES: usize = 1000;

/// Where an engine's policies come from.
#[derive(Clone, Debug)]
pub struct PolicyFiles {
    directory: Option<PathBuf>,
    /// Whose signature a directory needs; none means that it needs no signature.
    keys: Vec<PublicKey>,
    /// Where is remembered what was in force.
    memory: Option<PathBuf>,
}

/// A bundle that holds, and what it was read from.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) policies: Policies,
    sources: Vec<Source>,
    manifest: Option<Manifest>,
}

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
    /// Nobody vouches for them.
    #[error("{}: {why}", path.display())]
    NotSigned {
        /// The directory.
        path: PathBuf,
        /// Why.
        why: NotSigned,
    },
    /// Which bundle was taken last can't be read or written, so an older one might pass.
    #[error("can't remember which bundle was taken last, in {}: {source}", path.display())]
    Memory {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
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
    /// Anybody of the host could change what is permitted, an agent too.
    #[error("{} may be written by everybody; run: chmod o-w {}", .0.display(), .0.display())]
    Writable(PathBuf),
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
        Self {
            directory,
            keys: Vec::new(),
            memory: None,
        }
    }

    /// The policy sources of a directory, by name.
    ///
    /// # Errors
    /// When they can't be read, or there are none.
    pub fn sources_of(directory: &Path) -> Result<Vec<Source>, ReadPolicies> {
        read(directory)
    }

    /// To be taken only as one of these keys signed them. With none, as they are. What weir ships
    /// needs no signature.
    #[must_use]
    pub fn signed_by(mut self, keys: Vec<PublicKey>) -> Self {
        self.keys = keys;
        self
    }

    /// To be remembered in this state directory: the number of the last signed bundle, below which
    /// none is taken, and the texts of what was in force.
    #[must_use]
    pub fn remembered_in(mut self, state: &Path) -> Self {
        self.memory = Some(kept_policies(state));
        self
    }

    /// Where they come from, for people.
    #[must_use]
    pub fn source(&self) -> String {
        self.directory
            .as_ref()
            .map_or_else(|| "shipped".to_owned(), |path| path.display().to_string())
    }

    /// Reads and validates them, all or none.
    ///
    /// # Errors
    /// Whatever is wrong with them.
    pub fn load(&self) -> Result<Policies, ReloadError> {
        self.read().map(|loaded| loaded.policies)
    }

    /// As [`load`](Self::load), with what it was read from.
    pub(super) fn read(&self) -> Result<Loaded, ReloadError> {
        let (sources, manifest) = match &self.directory {
            None => (Policies::shipped_sources(), None),
            Some(directory) if self.keys.is_empty() => (read(directory)?, None),
            Some(directory) => {
                let (sources, manifest) = self.read_signed(directory)?;
                (sources, Some(manifest))
            }
        };
        Ok(Loaded {
            policies: Policies::load(&sources).map_err(ReloadError::Rejected)?,
            sources,
            manifest,
        })
    }

    fn read_signed(&self, directory: &Path) -> Result<(Vec<Source>, Manifest), ReloadError> {
        let not_signed = |why| ReloadError::NotSigned {
            path: directory.to_owned(),
            why,
        };
        let part = |name| match bounded(&directory.join(name)) {
            Err(ReadPolicies::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Err(not_signed(NotSigned::Missing(name)))
            }
            read => read.map_err(ReloadError::from),
        };
        let (text, signature) = (part(MANIFEST)?, part(SIGNATURE)?);
        let manifest = Manifest::verified(text.as_bytes(), signature.as_bytes(), &self.keys)
            .map_err(not_signed)?;
        // What is verified is what was read, whatever becomes of the files meanwhile.
        let sources = read(directory)?;
        manifest.covers(&sources).map_err(not_signed)?;
        if let Some(memory) = &self.memory {
            accepted::may_follow(memory, &manifest)?.map_err(not_signed)?;
        }
        Ok((sources, manifest))
    }

    /// Notes that these are in force from here on. The number of a signed bundle must be noted
    /// before it is: else the one before could come back.
    pub(super) fn note(&self, loaded: &Loaded) -> Result<(), ReloadError> {
        let Some(memory) = &self.memory else {
            return Ok(());
        };
        if let Some(manifest) = &loaded.manifest {
            accepted::note(memory, manifest)?;
        }
        let version = loaded.policies.version().as_str();
        if let Err(error) = kept::keep(memory, version, &loaded.sources) {
            tracing::warn!(%error, "the policies can't be kept for `weir policy explain`");
        }
        Ok(())
    }

    /// The bundle of this version, if it was in force on this host and is kept.
    ///
    /// # Errors
    /// When what is kept can't be read.
    pub fn remembered(state: &Path, version: &str) -> io::Result<Option<Policies>> {
        let sources = kept::find(&kept_policies(state), version)?;
        let policies = sources.and_then(|sources| Policies::load(&sources).ok());
        // What weir ships beside a bundle may have changed since.
        Ok(policies.filter(|policies| policies.version().as_str() == version))
    }

    /// What the directory looks like now; none for what can't change.
    fn print(&self) -> Option<Print> {
        self.directory.as_deref().map(Print::of)
    }
}

/// The text of a file that is not too large.
fn bounded(path: &Path) -> Result<String, ReadPolicies> {
    let failed = |source| ReadPolicies::Io {
        path: path.to_owned(),
        source,
    };
    let facts = fs::metadata(path).map_err(failed)?;
    not_for_everybody(path, &facts)?;
    if facts.len() > LARGEST {
        return Err(ReadPolicies::TooMuch {
            path: path.to_owned(),
            problem: "larger than 4 MiB",
        });
    }
    fs::read_to_string(path).map_err(failed)
}

fn not_for_everybody(path: &Path, facts: &fs::Metadata) -> Result<(), ReadPolicies> {
    if may_everybody_write(facts) {
        return Err(ReadPolicies::Writable(path.to_owned()));
    }
    Ok(())
}

/// The policy sources of a directory, by name. Other files in it are not looked at.
fn read(directory: &Path) -> Result<Vec<Source>, ReadPolicies> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| ReadPolicies::Io { path, source }
    };
    let facts = fs::metadata(directory).map_err(failed(directory))?;
    not_for_everybody(directory, &facts)?;
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
            let text = bounded(&path)?;
            Ok(Source {
                name: path.display().to_string(),
                text,
            })
        })
        .collect()
}

#[cfg(test)]
mod signed;

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
    fn what_everybody_could_change_is_not_taken() {
        use std::os::unix::fs::PermissionsExt as _;

        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.cedar");
        fs::write(&file, "@id(\"a\") permit(principal, action, resource);").unwrap();
        let load = || PolicyFiles::new(Some(dir.path().to_owned())).load();
        assert!(load().is_ok());
        for (path, open, closed) in [(&*file, 0o666, 0o644), (dir.path(), 0o1777, 0o755)] {
            let set = |mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
            set(open);
            let told = load().err().unwrap().to_string();
            assert!(
                told.ends_with(&format!("chmod o-w {}", path.display())),
                "{told}"
            );
            set(closed);
        }
        assert!(load().is_ok());
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
