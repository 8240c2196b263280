//! Listeners that outlive a daemon: systemd keeps them across a restart (sd_notify(3), `FDSTORE=1`)
//! and hands them to the next one (sd_listen_fds(3)), so that what is dialled in between waits
//! instead of failing.
//!
//! Not its job: knowing a listener from another; the engine looks at what it is given. Nothing of
//! it is needed: without systemd, connects fail while no daemon runs.

use std::{
    env,
    os::fd::{FromRawFd as _, OwnedFd, RawFd},
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, FdFlag, fcntl},
};

/// What the listeners are called in systemd's store.
pub(super) const NAME: &str = "weir-listeners";

/// The first descriptor that systemd passes.
const FIRST: RawFd = 3;
/// Most that are looked at: an engine has four.
const MOST: RawFd = 64;

/// What an earlier daemon left with the service manager, if this process was started by it. Call
/// it once, before the process opens anything: it takes the descriptors' ownership.
pub(super) fn inherited() -> Vec<OwnedFd> {
    let text = |name| env::var(name).unwrap_or_default();
    named(
        &text("LISTEN_PID"),
        &text("LISTEN_FDS"),
        &text("LISTEN_FDNAMES"),
    )
    .into_iter()
    .filter_map(take)
    .collect()
}

/// The numbers of the descriptors that are called [`NAME`].
fn named(pid: &str, count: &str, names: &str) -> Vec<RawFd> {
    // The variables are inherited, too, by whatever a service starts: they are only for one.
    if pid.parse() != Ok(std::process::id()) {
        return Vec::new();
    }
    let count = count.parse().unwrap_or(0).clamp(0, MOST);
    (FIRST..FIRST + count)
        .zip(names.split(':'))
        .filter_map(|(fd, name)| (name == NAME).then_some(fd))
        .collect()
}

fn take(fd: RawFd) -> Option<OwnedFd> {
    // SAFETY: systemd passed this descriptor to this very process, and nothing else here owns it;
    // one that is not open is closed in vain.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    match fcntl(&fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)) {
        Ok(_) => Some(fd),
        Err(errno) => {
            if errno == Errno::EBADF {
                // Not open, so not to be closed.
                std::mem::forget(fd);
            }
            tracing::warn!(%errno, "a descriptor that systemd names is not there");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_process_s_and_only_the_listeners_are_taken() {
        let own = std::process::id().to_string();
        let names = "connection:weir-listeners:weir-listeners:stored";
        assert_eq!(named(&own, "4", names), [4, 5]);
        assert_eq!(named(&own, "2", names), [4]);
        assert_eq!(named("1", "4", names), [0; 0]);
        assert_eq!(named("", "", ""), [0; 0]);
        assert_eq!(named(&own, "-3", names), [0; 0]);
        assert_eq!(named(&own, "99999999999999999999", names), [0; 0]);
        let many = vec![NAME; 200].join(":");
        assert_eq!(named(&own, "200", &many).len(), 64);
    }
}
