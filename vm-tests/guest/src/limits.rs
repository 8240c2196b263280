//! What a host's services may have, and a kernel alone doesn't give.

use std::io;

/// Open files at once, as systemd lets a service have.
const FILES: libc::rlim_t = 524_288;

/// For this process and those that it starts.
pub(crate) fn raise() -> io::Result<()> {
    let limit = libc::rlimit {
        rlim_cur: FILES,
        rlim_max: FILES,
    };
    // SAFETY: a valid pointer to an initialised struct, read only.
    let failed = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    if failed == 0 {
        return Ok(());
    }
    Err(io::Error::last_os_error())
}
