//! Starts the command: in its cgroup before its first instruction, as its user, with no way back.
//!
//! Not its job: what the cgroup is governed by. Every step is done between fork and exec in the
//! child, and any that fails ends it there: nothing runs half confined.

use std::{
    ffi::OsString,
    fmt,
    fs::OpenOptions,
    io::{self, PipeReader, Read as _},
    os::unix::process::CommandExt as _,
    path::Path,
    process::Command,
};

use tokio::process::Child;
use weir_intercept::{UnixRule, cgroup::Cgroup};

use super::{
    confine::{Confinement, Step as Confining},
    error::RunError,
    landlock::Scope,
    mounts::{View, Visible},
    user::Account,
};

pub(super) use super::confine::Step;

/// What would tell the command of weir's caller, its service manager or its session, none of which
/// is the command's.
const WITHHELD: [&str; 12] = [
    "SUDO_COMMAND",
    "SUDO_GID",
    "SUDO_UID",
    "SUDO_USER",
    "CREDENTIALS_DIRECTORY",
    "DBUS_SESSION_BUS_ADDRESS",
    "INVOCATION_ID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "LISTEN_PID",
    "NOTIFY_SOCKET",
    "XDG_RUNTIME_DIR",
];

/// Starts the command in the cgroup, as the user. `authority` is the file of weir's own
/// certificate authority, which the command finds as `WEIR_CA`; `sockets` says which
/// Unix sockets of the host it may reach; if all, it sees the host's files as they are.
pub(super) fn spawn(
    command: &[OsString],
    account: &Account,
    cgroup: &Cgroup,
    authority: &Path,
    sockets: &UnixRule,
) -> Result<Child, RunError> {
    let (program, arguments) = command
        .split_first()
        .ok_or(RunError::Prepare(io::ErrorKind::InvalidInput.into()))?;
    let procs = OpenOptions::new()
        .write(true)
        .open(cgroup.path().join("cgroup.procs"))
        .map_err(RunError::Prepare)?;
    let (failures, report) = io::pipe().map_err(RunError::Prepare)?;
    let (view, scope) = match sockets {
        UnixRule::Open => (None, None),
        UnixRule::Only(sockets) => {
            let visible = Visible {
                sockets,
                files: &[authority],
                account,
            };
            (
                Some(View::make(&visible)?),
                Scope::new().map_err(RunError::Scope)?,
            )
        }
    };
    let mut confinement = Confinement::new(procs, report, account, view, scope);

    let mut prepared = Command::new(program);
    prepared.args(arguments);
    for name in WITHHELD {
        prepared.env_remove(name);
    }
    prepared
        .env("HOME", &account.home)
        .env("USER", &account.name)
        .env("LOGNAME", &account.name)
        .env("SHELL", &account.shell)
        .env("WEIR_CA", authority);
    // SAFETY: between fork and exec only async-signal-safe calls are made: `Confinement::enter`
    // makes system calls on what it holds, and neither allocates, locks nor panics.
    unsafe { prepared.pre_exec(move || confinement.enter()) };

    let mut prepared = tokio::process::Command::from(prepared);
    let spawned = prepared.spawn();
    // With the confinement in it goes the last writing end in this process.
    drop(prepared);
    spawned.map_err(|source| match failed_step(failures) {
        Some(step) => RunError::Confine { step, source },
        None => RunError::Exec {
            program: program.into(),
            source,
        },
    })
}

/// Which step the child reported as failed, if it was one of these and not the exec.
fn failed_step(mut failures: PipeReader) -> Option<Step> {
    let mut code = [0];
    failures.read_exact(&mut code).ok()?;
    let [code] = code;
    Confining::of_code(code)
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::JoinCgroup => "enter the cgroup",
            Self::Mounts => "hide the host's sockets (this takes CAP_SYS_ADMIN and CAP_SYS_CHROOT)",
            Self::Groups => "set the groups",
            Self::Capabilities => "drop the capabilities (this takes CAP_SETPCAP)",
            Self::User => "become the user",
            Self::Directory => {
                "enter the directory that weir was called in (of /run, nothing is there)"
            }
            Self::NoNewPrivileges => "rule out new privileges",
            Self::Scope => "keep abstract Unix sockets out of reach",
            Self::SystemCalls => "filter the system calls (this takes seccomp)",
            Self::Signals => "unblock the signals",
            Self::Descriptors => "close what was open",
            Self::Verify => "see that root is gone",
        })
    }
}

#[cfg(test)]
mod tests;
