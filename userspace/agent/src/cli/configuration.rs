//! `--config`, of commands that can do without a configuration.
//!
//! Only where nobody named a file, and none is at the usual place, do defaults hold: a name that was
//! typed wrong, or a file that can't be seen, must not look like a host without one.

use std::{
    io,
    path::{Path, PathBuf},
};

use clap::Args;

use super::args::DEFAULT_CONFIG;
use crate::config::{Config, ConfigErrors};

/// Which configuration is read.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Configuration {
    /// The configuration [default: /etc/weir/weir.toml, where there is one]
    #[arg(long, value_name = "FILE", env = "WEIR_CONFIG")]
    pub(super) config: Option<PathBuf>,
}

impl Configuration {
    /// What the file says; nothing, where none was named and none is at the usual place.
    pub(super) fn load(&self) -> Result<Option<Config>, ConfigErrors> {
        load(self.config.as_deref(), Path::new(DEFAULT_CONFIG))
    }

    /// The file that [`load`](Self::load) reads.
    pub(super) fn path(&self) -> &Path {
        self.config.as_deref().unwrap_or(Path::new(DEFAULT_CONFIG))
    }
}

fn load(named: Option<&Path>, usual: &Path) -> Result<Option<Config>, ConfigErrors> {
    match Config::load(named.unwrap_or(usual)) {
        Err(ConfigErrors::Unreadable { source, .. })
            if named.is_none() && source.kind() == io::ErrorKind::NotFound =>
        {
            Ok(None)
        }
        loaded => loaded.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_the_usual_file_may_be_missing() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("weir.toml");
        assert!(matches!(load(None, &missing), Ok(None)));
        let Err(ConfigErrors::Unreadable { path, source }) = load(Some(&missing), &missing) else {
            panic!("what was named must be there");
        };
        assert_eq!((path, source.kind()), (missing, io::ErrorKind::NotFound));
    }

    #[test]
    fn a_usual_file_that_cannot_be_seen_is_not_a_missing_one() {
        let dir = tempfile::tempdir().unwrap();
        // As of a file in a directory that is closed to this user, and also for root: the system
        // refuses for another reason than that there is none.
        let file = dir.path().join("a-file");
        fs::write(&file, "").unwrap();
        assert!(matches!(
            load(None, &file.join("weir.toml")),
            Err(ConfigErrors::Unreadable { .. })
        ));
    }

    #[test]
    fn a_directory_is_told_as_one_whoever_may_write_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let told = load(Some(dir.path()), dir.path()).unwrap_err().to_string();
        let file = dir.path().join("weir.toml");
        let is = format!("{} is a directory", dir.path().display());
        assert!(
            told.starts_with(&is) && told.ends_with(&file.display().to_string()),
            "{told}"
        );
    }
}
