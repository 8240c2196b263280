//! bpf(2), for what aya has no call for.

use std::{io, os::fd::RawFd};

/// bpf(2) with an attribute struct of one of its commands. What comes back is what the command
/// gives: a new descriptor, or zero.
pub(super) fn bpf<T>(command: libc::c_long, attr: &mut T) -> io::Result<RawFd> {
    // SAFETY: `attr` is a fully initialised struct of the size that is passed, laid out as the
    // kernel expects for this command, and what it points to outlives the call: each caller's job.
    let outcome = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_mut(attr),
            size_of::<T>(),
        )
    };
    RawFd::try_from(outcome)
        .ok()
        .filter(|fd| *fd >= 0)
        .ok_or_else(io::Error::last_os_error)
}
