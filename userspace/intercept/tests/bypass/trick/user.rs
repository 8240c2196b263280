//! Processes and namespaces of an agent's own.

use std::{io, process::Command};

use nix::{
    sched::{CloneFlags, unshare},
    sys::wait::{WaitStatus, waitpid},
    unistd::{ForkResult, Pid, fork},
};

/// Acts in a child, which has one thread only: a user namespace can be entered only so.
pub(crate) fn in_child(act: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    // SAFETY: the other thread only waits for this one and holds no lock meanwhile; the child exits
    // without unwinding into the runner.
    match unsafe { fork() }? {
        ForkResult::Child => leave(act()),
        ForkResult::Parent { child } => wait_for(child.as_raw()),
    }
}

/// Ends a child, its error being its exit code.
pub(crate) fn leave(outcome: io::Result<()>) -> ! {
    let code = match outcome {
        Ok(()) => 0,
        Err(error) => error.raw_os_error().unwrap_or(libc::EIO),
    };
    // SAFETY: takes a number and doesn't return.
    unsafe { libc::_exit(code) }
}

/// How a child ended.
pub(crate) fn wait_for(child: i32) -> io::Result<()> {
    match waitpid(Pid::from_raw(child), None)? {
        WaitStatus::Exited(_, 0) => Ok(()),
        WaitStatus::Exited(_, code) => Err(io::Error::from_raw_os_error(code)),
        _ => Err(io::ErrorKind::Interrupted.into()),
    }
}

/// Becomes root in a user namespace of its own, and in others.
pub(crate) fn become_root(others: CloneFlags) -> io::Result<()> {
    let (uid, gid) = (nix::unistd::getuid(), nix::unistd::getgid());
    unshare(CloneFlags::CLONE_NEWUSER | others)?;
    std::fs::write("/proc/self/setgroups", "deny")?;
    std::fs::write("/proc/self/uid_map", format!("0 {uid} 1"))?;
    std::fs::write("/proc/self/gid_map", format!("0 {gid} 1"))
}

/// Runs ip(8) with these words.
pub(crate) fn ip(words: &str) -> io::Result<()> {
    let done = Command::new("ip").args(words.split(' ')).status()?;
    if done.success() {
        return Ok(());
    }
    Err(io::ErrorKind::PermissionDenied.into())
}
