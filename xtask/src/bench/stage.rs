//! What the benchmark plays on: a weir as it is shipped, and its files.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use nix::unistd::getpid;
use tempfile::TempDir;
use testbed::Spawn;

use crate::cgroups::Cgroups;
use crate::weir::{Files, Weir};

/// This program's copy.
const PROGRAM: &str = "bench";

/// A place for a weir: its cgroups and its directory. Taken down when dropped.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) cgroups: Cgroups,
    dir: TempDir,
    instance: String,
}

impl Stage {
    /// Makes the place.
    pub(super) fn raise() -> Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("weir-bench-")
            .tempdir()
            .context("cannot make a directory")?;
        // An agent without rights runs this program from there, and can't list what else there is.
        fs::set_permissions(dir.path(), Permissions::from_mode(0o711))
            .and_then(|()| fs::copy(std::env::current_exe()?, dir.path().join(PROGRAM)))
            .context("cannot copy this program")?;
        let cgroups = Cgroups::make("bench")?;
        Ok(Self {
            cgroups,
            dir,
            instance: format!("bench-{}", getpid()),
        })
    }

    /// One of the benchmark's own processes.
    pub(super) fn part(&self, args: &[&str]) -> Spawn {
        Spawn::new(self.dir.path().join(PROGRAM))
            .arg("bench-part")
            .args(args)
    }

    /// Where its files are.
    pub(super) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Starts a weir that governs the agent's cgroup, with these lines in `[engine]` and these
    /// targets.
    pub(super) fn weir(&self, binary: &Path, engine: &str, targets: &str) -> Result<Weir> {
        let at = |name: &str| self.dir.path().join(name);
        let text = format!(
            r#"[engine]
state = "{dir}/state"
socket = "{dir}/weir.sock"
{engine}

[[identity]]
name = "bench"
kind = "static"

[[workload]]
name = "bench"
cgroup = "{cgroup}"
create = true
identity = "bench"

{targets}"#,
            dir = self.dir.path().display(),
            cgroup = self.cgroups.agent_name(),
        );
        let (config, socket, log) = (at("weir.toml"), at("weir.sock"), at("weir.log"));
        fs::write(&config, text).context("cannot write weir's configuration")?;
        // Each start has a log of its own.
        if log.exists() {
            fs::remove_file(&log).context("cannot remove the last log")?;
        }
        let files = Files {
            config: &config,
            socket: &socket,
            log: &log,
        };
        Weir::start(binary, &self.instance, &files, &self.cgroups.daemon())
    }
}
