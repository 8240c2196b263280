//! What the kernel says that the processes of a cgroup have used.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use nix::unistd::Pid;

/// A cgroup whose processes are measured together.
#[derive(Debug, Clone)]
pub(super) struct Measured {
    dir: PathBuf,
}

impl Measured {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Takes a process in; what it starts from here on is in it, too.
    pub(super) fn take(&self, pid: Pid) -> Result<()> {
        let procs = self.dir.join("cgroup.procs");
        fs::write(&procs, pid.to_string())
            .with_context(|| format!("cannot add to {}", procs.display()))
    }

    /// The CPU time that it has used, in microseconds: cgroup v2's `usage_usec` of `cpu.stat`,
    /// which the kernel counts with or without a controller.
    pub(super) fn cpu(&self) -> Result<f64> {
        let file = self.dir.join("cpu.stat");
        let text =
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        text.lines()
            .find_map(|line| line.strip_prefix("usage_usec ")?.parse().ok())
            .with_context(|| format!("{} tells no usage", file.display()))
    }

    /// The physical memory that its processes hold now, in KiB: the sum of their `Pss`, so that what
    /// is shared counts once.
    pub(super) fn memory(&self) -> Result<f64> {
        let procs = fs::read_to_string(self.dir.join("cgroup.procs")).context("cannot list")?;
        let mut sum = 0.0;
        for pid in procs.lines() {
            let file = format!("/proc/{pid}/smaps_rollup");
            let text = fs::read_to_string(&file).with_context(|| format!("cannot read {file}"))?;
            let pss: Option<f64> = text.lines().find_map(|line| {
                let rest = line.strip_prefix("Pss:")?;
                rest.trim().strip_suffix(" kB")?.trim().parse().ok()
            });
            sum += pss.with_context(|| format!("{file} tells no Pss"))?;
        }
        Ok(sum)
    }
}
