//! Keeps the command from abstract Unix sockets, and from processes, that are not its own.
//!
//! An abstract socket (unix(7)) has a name that is no file's, so no mount hides it. A Landlock
//! scope (landlock(7), Linux 6.12) does: whoever is in it connects to no abstract socket of anyone
//! outside. Being in any Landlock domain also rules out ptrace(2) of those outside, and with it
//! their `/proc/PID/root`, through which a hidden file would be in reach again.
//!
//! No other right is restricted. Known limit: where the kernel lacks it, both stay open, and
//! [`missing`] says so.

use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

use nix::errno::Errno;

/// linux/landlock.h. The numbers of the calls are the same on every machine.
const CREATE_RULESET: libc::c_long = 444;
const RESTRICT_SELF: libc::c_long = 446;
const CREATE_RULESET_VERSION: libc::c_uint = 1;
const SCOPE_ABSTRACT_UNIX_SOCKET: u64 = 1;
/// The first version with scopes.
const SCOPES: libc::c_long = 6;

/// `struct landlock_ruleset_attr`, linux/landlock.h.
#[repr(C)]
struct Attributes {
    handled_access_fs: u64,
    handled_access_net: u64,
    scoped: u64,
}

/// What the command can reach because this kernel has no scopes; `None` where it has.
pub(in crate::cli) fn missing() -> Option<&'static str> {
    // SAFETY: with this flag the call takes no memory.
    let version = unsafe {
        libc::syscall(
            CREATE_RULESET,
            std::ptr::null::<Attributes>(),
            0_usize,
            CREATE_RULESET_VERSION,
        )
    };
    (version < SCOPES).then_some(
        "abstract Unix sockets, and other processes of the same user, are in the command's reach: \
         this kernel has no Landlock scopes (Linux 6.12)",
    )
}

/// What the command is put into, made before the fork.
pub(super) struct Scope(OwnedFd);

impl Scope {
    /// Makes one; `None` where the kernel can't.
    ///
    /// # Errors
    /// The kernel knows scopes and yet made none.
    pub(super) fn new() -> Result<Option<Self>, Errno> {
        if missing().is_some() {
            return Ok(None);
        }
        let attributes = Attributes {
            handled_access_fs: 0,
            handled_access_net: 0,
            scoped: SCOPE_ABSTRACT_UNIX_SOCKET,
        };
        // SAFETY: the kernel reads a struct of this layout and size, which lives through the call.
        let made = unsafe {
            libc::syscall(
                CREATE_RULESET,
                &raw const attributes,
                size_of::<Attributes>(),
                0,
            )
        };
        let fd = Errno::result(made)?;
        let fd = i32::try_from(fd).map_err(|_| Errno::EBADF)?;
        // SAFETY: a new descriptor that nothing else owns.
        Ok(Some(Self(unsafe { OwnedFd::from_raw_fd(fd) })))
    }

    /// Puts the calling process, and all that it becomes, into the scope. Async-signal-safe. New
    /// privileges must have been ruled out before.
    pub(super) fn enter(&self) -> Result<(), Errno> {
        // SAFETY: a system call on numbers.
        let entered = unsafe { libc::syscall(RESTRICT_SELF, self.0.as_raw_fd(), 0) };
        Errno::result(entered).map(drop)
    }
}
