//! The cgroup of one run: made for it, emptied and removed after it.

use std::{fs, io, process};

use weir_intercept::{InterceptError, cgroup::Cgroup};

use super::{error::RunError, sweep};
use crate::config::CgroupPath;

/// The parent of every run's cgroup.
pub(super) const PARENT: &str = CgroupPath::RUNS;

/// What the names of runs' engines begin with.
pub(super) const INSTANCE: &str = "run-";

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
        sweep::dead_runs();
        let name = format!("{}-{}", process::id(), random()?);
        let text = format!("{PARENT}/{name}");
        let path = text
            .parse()
            .map_err(|_| RunError::CgroupName(text.clone()))?;
        let cgroup = Cgroup::resolve(&text)?;
        cgroup.create()?;
        Ok(Self { cgroup, path, name })
    }

    /// The name of the engine that governs it.
    pub(super) fn instance(&self) -> String {
        format!("{INSTANCE}{}", self.name)
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
