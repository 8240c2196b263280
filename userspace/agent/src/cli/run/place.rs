//! The cgroup of one run: made for it, emptied and removed after it.

use std::{fs, io, process};

use weir_intercept::{InterceptError, cgroup::Cgroup};

use super::error::RunError;
use crate::config::CgroupPath;

/// The parent of every run's cgroup.
const PARENT: &str = "/weir.run";

/// The cgroup of one run.
pub(super) struct Place {
    pub(super) cgroup: Cgroup,
    pub(super) path: CgroupPath,
    /// What names this run, the cgroup's last part: the process id and something random.
    pub(super) name: String,
}

impl Place {
    /// Makes one, and clears away those of runs that were killed.
    pub(super) fn make() -> Result<Self, RunError> {
        sweep();
        let name = format!("{}-{}", process::id(), random()?);
        let text = format!("{PARENT}/{name}");
        let path = text
            .parse()
            .map_err(|_| RunError::CgroupName(text.clone()))?;
        let cgroup = Cgroup::resolve(&text)?;
        cgroup.create()?;
        Ok(Self { cgroup, path, name })
    }

    /// Ends whatever still runs there.
    pub(super) fn end(&self) -> Result<(), InterceptError> {
        self.cgroup.kill_all()
    }

    /// Whether a cgroup, as a record names it, is this one or below it.
    pub(super) fn holds(&self, cgroup: &str) -> bool {
        cgroup.parse().is_ok_and(|cgroup| self.path.holds(&cgroup))
    }
}

fn random() -> Result<String, RunError> {
    let path = "/dev/urandom";
    let mut bytes = [0; 4];
    fs::File::open(path)
        .and_then(|mut file| io::Read::read_exact(&mut file, &mut bytes))
        .map_err(|source| RunError::Read {
            path: path.into(),
            source,
        })?;
    Ok(format!("{:08x}", u32::from_be_bytes(bytes)))
}

/// Removes the empty cgroups of runs whose process is gone. What can't be removed is not empty,
/// and stays governed.
fn sweep() {
    let Ok(parent) = Cgroup::resolve(PARENT) else {
        return;
    };
    for entry in fs::read_dir(parent.path()).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.split('-').next())
            .map(str::parse::<u32>);
        if let Some(Ok(pid)) = owner
            && !fs::exists(format!("/proc/{pid}")).unwrap_or(true)
            && let Ok(left) = Cgroup::resolve(entry.path())
            && let Err(error) = left.remove()
        {
            tracing::debug!(%error, "a killed run's cgroup stays");
        }
    }
}
