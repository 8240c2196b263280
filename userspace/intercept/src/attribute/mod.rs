//! From the facts of a connection to its origin: the process behind it, as far as it can still be
//! told.
//!
//! What the kernel captured in the call itself (user, group, cgroup, workload) is certain. What is
//! read afterwards from `/proc` (the executable) is believed only while the process id still means
//! the process that called: its start time, read before and after, must not be later than the call.
//!
//! Known limits: a process that calls `execve` right after `connect` is shown with its new
//! executable; the executable's path is as seen from its own mount namespace.

mod proc;

use std::{path::PathBuf, time::SystemTime};

use crate::{CgroupId, Facts, Gid, Intercepted, Pid, Uid, cgroup};

/// Where a connection came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The tagged cgroup.
    pub workload: CgroupId,
    /// The caller's own cgroup at the call, as a path below the v2 root; `None` when it is gone.
    pub cgroup: Option<String>,
    /// The calling process.
    pub pid: Pid,
    /// When it started; `None` when it is gone or its pid was recycled.
    pub started: Option<SystemTime>,
    /// Its user at the call.
    pub uid: Uid,
    /// Its group at the call.
    pub gid: Gid,
    /// Its executable; `None` when it is gone or its pid was recycled.
    pub exe: Option<PathBuf>,
    /// The calling thread's name. For display, never for a decision.
    pub comm: String,
}

/// Looks the caller up. Never fails: what can't be told is `None`.
pub fn origin(intercepted: &Intercepted) -> Origin {
    of(&intercepted.facts)
}

fn of(facts: &Facts) -> Origin {
    let process = facts.pid.and_then(|pid| proc::look(pid, facts.since_boot));
    let cgroup = cgroup::path_of(facts.cgroup)
        .and_then(|path| cgroup::Cgroup::resolve(path).ok())
        .and_then(|cgroup| cgroup.inner_path().ok());
    Origin {
        workload: facts.workload,
        cgroup,
        pid: facts.pid.unwrap_or(Pid::new(0)),
        started: process.as_ref().and_then(|process| process.started),
        uid: facts.uid,
        gid: facts.gid,
        exe: process.and_then(|process| process.exe),
        comm: facts.comm.clone(),
    }
}
