//! From the facts of a connection to its origin: the process behind it, as far as it can still be
//! told.

use std::{path::PathBuf, time::SystemTime};

use crate::{CgroupId, Gid, Intercepted, Pid, Uid};

/// Where a connection came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The tagged cgroup.
    pub workload: CgroupId,
    /// The caller's own cgroup, as a path below the v2 root; `None` when it is gone.
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
    let facts = &intercepted.facts;
    Origin {
        workload: facts.workload,
        cgroup: None,
        pid: facts.pid.unwrap_or(Pid::new(0)),
        started: None,
        uid: facts.uid,
        gid: facts.gid,
        exe: None,
        comm: facts.comm.clone(),
    }
}
