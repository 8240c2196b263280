//! Processes and namespaces of an agent's own.

use std::{io, process::Command};

use nix::{
    sched::{CloneFlags, unshare},
    sys::wait::{WaitStatus, waitpid},
    unistd::{ForkResult, fork},
};

/// Does it in a child, which has one thread only: a user namespace can be entered only so. Its
/// error is its exit code.
pub(crate) fn in_child(act: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    // SAFETY: the other thread only waits for this one and holds no lock meanwhile; the child runs
    // `act` and exits without unwinding into the runner.
    match unsafe { fork() }? {
        ForkResult::Child => {
            let code = match act() {
                Ok(()) => 0,
                Err(error) => error.raw_os_error().unwrap_or(libc::EIO),
            };
            // SAFETY: takes a number and doesn't return.
            unsafe { libc::_exit(code) }
        }
        ForkResult::Parent { child } => match waitpid(child, None)? {
            WaitStatus::Exited(_, 0) => Ok(()),
            WaitStatus::Exited(_, code) => Err(io::Error::from_raw_os_error(code)),
            _ => Err(io::ErrorKind::Interrupted.into()),
        },
    }
}

/// Root in a user namespace of its own, and with these others.
pub(crate) fn become_root(others: CloneFlags) -> io::Result<()> {
    let (uid, gid) = (nix::unistd::getuid(), nix::unistd::getgid());
    unshare(CloneFlags::CLONE_NEWUSER | others)?;
    std::fs::write("/proc/self/setgroups", "deny")?;
    std::fs::write("/proc/self/uid_map", format!("0 {uid} 1"))?;
    std::fs::write("/proc/self/gid_map", format!("0 {gid} 1"))
}

/// Brings loopback up in a network namespace of its own.
pub(crate) fn loopback_up() -> io::Result<()> {
    let up = Command::new("ip")
        .args(["link", "set", "lo", "up"])
        .status()?;
    if up.success() {
        return Ok(());
    }
    Err(io::ErrorKind::PermissionDenied.into())
}
