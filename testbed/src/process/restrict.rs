//! What happens in the child between fork and exec, in the one order that works.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{self, Pid};

use super::Identity;

/// Cgroup, user, and death with the parent.
#[derive(Debug)]
pub(super) struct Restrictions {
    /// An open `cgroup.procs`.
    cgroup: Option<File>,
    identity: Option<Identity>,
    on_parent_death: Signal,
    parent: Pid,
}

impl Restrictions {
    pub(super) fn new(
        cgroup: Option<File>,
        identity: Option<Identity>,
        on_parent_death: Signal,
    ) -> Self {
        Self {
            cgroup,
            identity,
            on_parent_death,
            parent: unistd::getpid(),
        }
    }

    pub(super) fn install(self, command: &mut Command) {
        // SAFETY: `apply` runs in the forked child of a process that may have other threads, where
        // only async-signal-safe calls are sound. It makes system calls and nothing else: it takes
        // no lock and allocates nothing.
        unsafe { command.pre_exec(move || self.apply()) };
    }

    fn apply(&self) -> io::Result<()> {
        // First the cgroup, while still allowed to.
        if let Some(procs) = &self.cgroup {
            unistd::write(procs, b"0")?;
        }
        if let Some(identity) = self.identity {
            unistd::setgroups(&[])?;
            unistd::setgid(identity.gid())?;
            unistd::setuid(identity.uid())?;
        }
        // Only now: the kernel forgets this signal when a process changes its user.
        prctl::set_pdeathsig(self.on_parent_death)?;
        // The parent may have died before the line above; then nobody would ever send it.
        if unistd::getppid() != self.parent {
            return Err(Errno::ESRCH.into());
        }
        Ok(())
    }
}
