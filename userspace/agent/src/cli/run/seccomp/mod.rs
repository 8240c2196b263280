//! The system calls that the command is refused: `EPERM`, and it goes on.
//!
//! The hooks on its cgroup see IPv4 and IPv6. Whatever leads to the network, or to the host, by
//! another way must not begin: sockets of other families, `io_uring` (which makes and connects
//! sockets without their system calls), the taking of other processes' descriptors, typing into
//! the terminal that the command shares with its caller, multicast groups by 32-bit calls (of which
//! the kernel itself tells the network), and keys (for some of which it runs the host's resolver, as
//! root).
//!
//! `calls` says what is refused, for every calling convention that the machine serves; `assemble`
//! turns that into a filter. What belongs to no convention known here is refused whole.
//!
//! Not its job: what a file name can lead to (`mounts`), and abstract Unix sockets (`landlock`).

mod assemble;
mod calls;

use nix::errno::Errno;

/// The filter, made before the fork.
pub(super) struct Filter(Vec<libc::sock_filter>);

impl Filter {
    pub(super) fn new() -> Self {
        Self(assemble::program(calls::CONVENTIONS))
    }

    /// Puts the calling process, and all that it becomes, behind the filter. Async-signal-safe.
    /// New privileges must have been ruled out before.
    pub(super) fn install(&mut self) -> Result<(), Errno> {
        let program = libc::sock_fprog {
            len: libc::c_ushort::try_from(self.0.len()).map_err(|_| Errno::E2BIG)?,
            filter: self.0.as_mut_ptr(),
        };
        // SAFETY: the kernel copies the program, whose length is that of the vector, and both live
        // through the call.
        let installed = unsafe {
            libc::prctl(
                libc::PR_SET_SECCOMP,
                libc::SECCOMP_MODE_FILTER,
                &raw const program,
                0,
                0,
            )
        };
        Errno::result(installed).map(drop)
    }
}
