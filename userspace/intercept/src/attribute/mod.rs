//! From an accepted connection to its origin: the process behind it.
//!
//! What the kernel noted in the call itself is certain, whatever became of the process since: user,
//! group, cgroup, workload, process, executable, command line, ancestors. Where a kernel can't tell the
//! latter ([`Attribution`]), they are read afterwards from `/proc`, and believed only
//! while the process id still means the process that called: its start time, read before and after,
//! must not be later than the call.
//!
//! Known limits: a command line is the process's own memory, and it may have rewritten it. A path is
//! as the process's own mount namespace has it, where something else may be mounted over what is
//! meant: the hash is what to trust. A process with capabilities over its own user namespace can name
//! another file as its executable (prctl(2), `PR_SET_MM_EXE_FILE`). Read afterwards from `/proc`, a process
//! that called `execve` right after `connect` is shown with its new executable.

mod caller;
mod hash;
mod lineage;
mod proc;

use std::{
    fmt,
    path::PathBuf,
    time::{Duration, SystemTime},
};

pub use caller::{Ancestor, Arguments, Caller, Executable};
pub use hash::{ExeHash, Unhashed};
pub use lineage::Kin;

use crate::{CgroupId, Facts, Gid, Intercepted, NetnsCookie, Pid, Uid, cgroup};

/// How processes are told on this kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attribution {
    /// By the kernel, in the call itself.
    AtConnect,
    /// From `/proc`, when the connection is accepted: a process that exits or calls `execve` at once
    /// is missed.
    Afterwards {
        /// What this kernel lacks.
        why: String,
    },
}

impl Attribution {
    /// What this kernel can do.
    pub fn here() -> Self {
        match crate::kernel::layout::running() {
            Ok(_) => Self::AtConnect,
            Err(error) => Self::Afterwards {
                why: error.to_string(),
            },
        }
    }
}

impl fmt::Display for Attribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtConnect => f.write_str("at connect"),
            Self::Afterwards { why } => write!(f, "afterwards, from /proc: {why}"),
        }
    }
}

/// Where a connection came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The tagged cgroup.
    pub workload: CgroupId,
    /// The caller's own cgroup at the call, as a path below the v2 root; `None` when it is gone.
    pub cgroup: Option<String>,
    /// The network namespace of the client's socket.
    pub netns: NetnsCookie,
    /// The calling process.
    pub pid: Pid,
    /// When it started, since boot, suspend included: with the process id this names it for good.
    /// `None` when it can't be told.
    pub started_since_boot: Option<Duration>,
    /// The same as a time of day.
    pub started: Option<SystemTime>,
    /// Its user at the call.
    pub uid: Uid,
    /// Its group at the call.
    pub gid: Gid,
    /// The calling thread's name. For display, never for a decision.
    pub comm: String,
    /// Its executable's path at the call, made printable: for display. `None` when it can't be told.
    pub exe: Option<PathBuf>,
    /// The hash of that file.
    pub exe_hash: Result<ExeHash, Unhashed>,
    /// Its command line.
    pub arguments: Arguments,
    /// Its parent, that one's parent and so on, up to and with the first one outside the workload.
    pub ancestry: Vec<Kin>,
    /// Whether the kernel noted the process in the call. If not, executable, start and command line
    /// were read afterwards, and are missing if it was gone by then. Where the kernel notes callers at
    /// all, such an executable has no hash: it may not be the one that called.
    pub at_connect: bool,
}

/// Who made a connection. Never fails: what can't be told is missing. Waits until the executable has
/// been hashed, five seconds at most; the second connection from one executable does not wait.
pub async fn origin(intercepted: &Intercepted) -> Origin {
    of(&intercepted.facts, intercepted.caller.as_ref()).await
}

/// As [`origin`], from what the kernel noted.
pub async fn of(facts: &Facts, caller: Option<&Caller>) -> Origin {
    let cgroup = cgroup::path_of(facts.cgroup)
        .and_then(|path| cgroup::Cgroup::resolve(path).ok())
        .and_then(|cgroup| cgroup.inner_path().ok());
    let process = match caller {
        Some(caller) => noted(facts, caller).await,
        None => afterwards(facts).await,
    };
    Origin {
        workload: facts.workload,
        cgroup,
        netns: facts.netns,
        pid: facts.pid.unwrap_or(Pid::new(0)),
        started_since_boot: process.started,
        started: process.started.and_then(proc::since_boot),
        uid: facts.uid,
        gid: facts.gid,
        comm: facts.comm.clone(),
        exe: process.exe,
        exe_hash: process.hash,
        arguments: process.arguments,
        ancestry: process.ancestry,
        at_connect: caller.is_some(),
    }
}

/// What is told of a process in one of two ways.
struct Process {
    started: Option<Duration>,
    exe: Option<PathBuf>,
    hash: Result<ExeHash, Unhashed>,
    arguments: Arguments,
    ancestry: Vec<Kin>,
}

async fn noted(facts: &Facts, caller: &Caller) -> Process {
    let hash = match &caller.executable {
        Some(executable) => hash::of(executable, facts.pid).await,
        None => Err(Unhashed::Unknown),
    };
    Process {
        started: Some(caller.started),
        exe: caller.executable.as_ref().map(Executable::shown),
        hash,
        arguments: caller.arguments.clone(),
        ancestry: lineage::up_to_the_root(&caller.ancestors, facts),
    }
}

async fn afterwards(facts: &Facts) -> Process {
    let (pid, called) = (facts.pid, facts.since_boot);
    let looked = tokio::task::spawn_blocking(move || proc::look(pid?, called)).await;
    let process = looked.ok().flatten();
    let (started, exe, arguments, handle) = process.map_or_else(Default::default, |process| {
        let proc::Process {
            started,
            exe,
            arguments,
            file,
        } = process;
        (Some(started), exe, arguments, file)
    });
    // Where the kernel notes callers, one that it did not note had to make room, and whoever calls can
    // see to that: it may have become another program since, whose hash would be taken for its own.
    let handle = handle.filter(|_| Attribution::here() != Attribution::AtConnect);
    Process {
        started,
        exe,
        hash: match handle {
            Some(handle) => hash::of_handle(handle).await,
            None => Err(Unhashed::Unknown),
        },
        arguments,
        ancestry: Vec::new(),
    }
}
