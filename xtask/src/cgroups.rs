//! Cgroups to play in: one for weir, as a service manager would give it, and beside it the
//! agent's, which weir makes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpid};

/// How long the kernel may take to bury what was killed.
const BURIED_WITHIN: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(5);

/// A subtree of the cgroup v2 hierarchy. Whatever is left in it is killed, and it is removed, when
/// dropped.
#[derive(Debug)]
pub(crate) struct Cgroups {
    base: PathBuf,
    /// The path below the mount.
    name: String,
}

impl Cgroups {
    /// Makes it, but for the agent's. Its name says what it is for.
    pub(crate) fn make(what: &str) -> Result<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").context("cannot list mounts")?;
        let mount = v2_mount(&mounts).context("cgroup v2 is not mounted on this machine")?;
        let name = format!("/weir-{what}-{}", getpid());
        let base = PathBuf::from(format!("{mount}{name}"));
        fs::create_dir(&base).with_context(|| format!("cannot make {}", base.display()))?;
        let cgroups = Self { base, name };
        let daemon = cgroups.daemon();
        fs::create_dir(&daemon).with_context(|| format!("cannot make {}", daemon.display()))?;
        Ok(cgroups)
    }

    /// Weir's directory.
    pub(crate) fn daemon(&self) -> PathBuf {
        self.base.join("daemon")
    }

    /// The agent's directory.
    pub(crate) fn agent(&self) -> PathBuf {
        self.base.join("agent")
    }

    /// Makes another beside them.
    pub(crate) fn beside(&self, name: &str) -> Result<PathBuf> {
        let dir = self.base.join(name);
        fs::create_dir(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        Ok(dir)
    }

    /// The agent's path as weir's configuration has it.
    pub(crate) fn agent_name(&self) -> String {
        format!("{}/agent", self.name)
    }

    /// The directory of all of it.
    pub(crate) fn base(&self) -> &Path {
        &self.base
    }

    /// Kills what is left in it and removes it.
    pub(crate) fn remove(&self) -> Result<()> {
        let below = fs::read_dir(&self.base)
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()).filter(|path| path.is_dir()));
        for dir in below.chain([self.base.clone()]) {
            remove(&dir).with_context(|| format!("cannot remove {}", dir.display()))?;
        }
        Ok(())
    }
}

impl Drop for Cgroups {
    fn drop(&mut self) {
        self.remove().ok();
    }
}

fn remove(dir: &Path) -> io::Result<()> {
    let since = Instant::now();
    loop {
        match fs::remove_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            // A process lives in it, or is not buried yet.
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                if since.elapsed() > BURIED_WITHIN {
                    return Err(error);
                }
                kill_all(dir);
                thread::sleep(POLL);
            }
            removed => return removed,
        }
    }
}

/// In one step where the kernel can (5.14), else one by one.
fn kill_all(dir: &Path) {
    if fs::write(dir.join("cgroup.kill"), "1").is_ok() {
        return;
    }
    for pid in fs::read_to_string(dir.join("cgroup.procs"))
        .unwrap_or_default()
        .lines()
    {
        if let Ok(pid) = pid.parse() {
            kill(Pid::from_raw(pid), Signal::SIGKILL).ok();
        }
    }
}

/// Where cgroup v2 is mounted, by `/proc/self/mountinfo` (proc(5)): the fifth field is the place,
/// and the file system's type is the first behind the lone dash.
fn v2_mount(mounts: &str) -> Option<&str> {
    mounts.lines().find_map(|line| {
        let (mount, system) = line.split_once(" - ")?;
        system
            .starts_with("cgroup2 ")
            .then(|| mount.split(' ').nth(4))
            .flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::v2_mount;

    #[test]
    fn the_mount_is_found_wherever_it_is() {
        let hybrid = "30 24 0:26 / /sys/fs/cgroup rw shared:9 - tmpfs tmpfs ro,mode=755\n\
                      31 30 0:27 / /sys/fs/cgroup/unified rw,nosuid shared:10 - cgroup2 cgroup2 rw\n\
                      33 30 0:29 / /sys/fs/cgroup/cpu rw shared:15 - cgroup cgroup rw,cpu\n";
        assert_eq!(v2_mount(hybrid), Some("/sys/fs/cgroup/unified"));
        assert_eq!(
            v2_mount("31 30 0:27 / /sys/fs/cgroup rw - cgroup2 none rw"),
            Some("/sys/fs/cgroup")
        );
        assert_eq!(
            v2_mount("33 30 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu"),
            None
        );
        assert_eq!(v2_mount(""), None);
    }
}
