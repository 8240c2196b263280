//! What happens in the child between fork and exec, and why it can't be undone.
//!
//! Every function here is async-signal-safe: system calls on values made before the fork, no
//! allocation, no lock, no panic.

use std::{
    fs::File,
    io::{self, PipeWriter},
    os::fd::AsFd as _,
};

use nix::{
    errno::Errno,
    sys::signal::SigSet,
    unistd::{self, Gid, Uid},
};

use super::{landlock::Scope, mounts::View, seccomp::Filter, user::Account};

/// Everything that the child needs, made before the fork.
pub(super) struct Confinement {
    /// `cgroup.procs` of the command's cgroup, open for writing.
    procs: File,
    /// Where the child reports a step that failed.
    report: PipeWriter,
    uid: Uid,
    gid: Gid,
    groups: Vec<Gid>,
    view: Option<View>,
    scope: Option<Scope>,
    filter: Filter,
}

/// A step of confining. Shown to a person by its `Display`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(in crate::cli) enum Step {
    JoinCgroup = 1,
    Mounts,
    Groups,
    Capabilities,
    User,
    Directory,
    NoNewPrivileges,
    Scope,
    SystemCalls,
    Signals,
    Descriptors,
    Verify,
}

/// `struct __user_cap_header_struct`, linux/capability.h.
#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: i32,
}

/// `struct __user_cap_data_struct`, linux/capability.h.
#[repr(C)]
#[derive(Clone, Copy)]
struct CapabilityData {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// `_LINUX_CAPABILITY_VERSION_3`, linux/capability.h.
const CAPABILITY_VERSION: u32 = 0x2008_0522;
/// Standard input, output and error stay.
const FIRST_CLOSED: libc::c_uint = 3;

impl Step {
    const ALL: [Self; 12] = [
        Self::JoinCgroup,
        Self::Mounts,
        Self::Groups,
        Self::Capabilities,
        Self::User,
        Self::Directory,
        Self::NoNewPrivileges,
        Self::Scope,
        Self::SystemCalls,
        Self::Signals,
        Self::Descriptors,
        Self::Verify,
    ];

    pub(super) fn of_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.code() == code)
    }

    fn code(self) -> u8 {
        self as u8
    }
}

impl Confinement {
    pub(super) fn new(
        procs: File,
        report: PipeWriter,
        account: &Account,
        view: Option<View>,
        scope: Option<Scope>,
    ) -> Self {
        let Account {
            uid, gid, groups, ..
        } = account;
        Self {
            procs,
            report,
            uid: *uid,
            gid: *gid,
            groups: groups.clone(),
            view,
            scope,
            filter: Filter::new(),
        }
    }

    /// Confines the calling process, or reports the step that failed.
    pub(super) fn enter(&mut self) -> io::Result<()> {
        self.steps().map_err(|(step, errno)| {
            // Without the report the error still ends the child; it only reads worse.
            unistd::write(self.report.as_fd(), &[step.code()]).ok();
            errno.into()
        })
    }

    fn steps(&mut self) -> Result<(), (Step, Errno)> {
        let at = |step| move |errno| (step, errno);
        // First, so that nothing after it happens outside; 0 is the writing process itself.
        unistd::write(self.procs.as_fd(), b"0").map_err(at(Step::JoinCgroup))?;
        if let Some(view) = &self.view {
            view.enter().map_err(at(Step::Mounts))?;
        }
        // A directory may be open to root alone, or, on some network file systems, to the user
        // alone.
        let here = self.go_back();
        unistd::setgroups(&self.groups).map_err(at(Step::Groups))?;
        unistd::setresgid(self.gid, self.gid, self.gid).map_err(at(Step::Groups))?;
        // The bounding set while there is still the capability to shrink it; the rest once the
        // user is set, since setting it may need some of them.
        empty_bounding_set().map_err(at(Step::Capabilities))?;
        unistd::setresuid(self.uid, self.uid, self.uid).map_err(at(Step::User))?;
        here.or_else(|_| self.go_back())
            .map_err(at(Step::Directory))?;
        drop_capabilities().map_err(at(Step::Capabilities))?;
        nix::sys::prctl::set_no_new_privs().map_err(at(Step::NoNewPrivileges))?;
        if let Some(scope) = &self.scope {
            scope.enter().map_err(at(Step::Scope))?;
        }
        self.filter.install().map_err(at(Step::SystemCalls))?;
        // Weir blocks those that it passes on; the command must be able to get them.
        SigSet::empty()
            .thread_set_mask()
            .map_err(at(Step::Signals))?;
        close_the_rest().map_err(at(Step::Descriptors))?;
        self.verify().map_err(at(Step::Verify))
    }

    fn go_back(&self) -> Result<(), Errno> {
        self.view.as_ref().map_or(Ok(()), View::go_back)
    }

    /// Trusts no return value alone: root must be out of reach.
    fn verify(&self) -> Result<(), Errno> {
        let ids = unistd::getresuid()?;
        let groups = unistd::getresgid()?;
        let user = [ids.real, ids.effective, ids.saved]
            .iter()
            .all(|uid| *uid == self.uid);
        let group = [groups.real, groups.effective, groups.saved]
            .iter()
            .all(|gid| *gid == self.gid);
        let stuck =
            unistd::setresuid(Uid::from_raw(0), Uid::from_raw(0), Uid::from_raw(0)).is_err();
        if user && group && stuck && !self.uid.is_root() {
            Ok(())
        } else {
            Err(Errno::EPERM)
        }
    }
}

/// Takes every capability that the kernel knows out of the bounding set: no program, whatever its
/// file capabilities, brings one back.
fn empty_bounding_set() -> Result<(), Errno> {
    for capability in 0..libc::c_ulong::from(u64::BITS) {
        // SAFETY: this prctl takes a number and touches no memory.
        let result = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
        match Errno::result(result) {
            Ok(_) => {}
            // Past the last one.
            Err(Errno::EINVAL) if capability > 0 => return Ok(()),
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Empties the permitted, effective, inheritable and ambient sets.
fn drop_capabilities() -> Result<(), Errno> {
    // SAFETY: this prctl takes numbers and touches no memory.
    let cleared = unsafe {
        libc::prctl(
            libc::PR_CAP_AMBIENT,
            libc::PR_CAP_AMBIENT_CLEAR_ALL,
            0,
            0,
            0,
        )
    };
    Errno::result(cleared)?;
    let header = CapabilityHeader {
        version: CAPABILITY_VERSION,
        pid: 0,
    };
    let none = [CapabilityData {
        effective: 0,
        permitted: 0,
        inheritable: 0,
    }; 2];
    // SAFETY: version 3 takes one header and two data structures of these layouts; both live
    // through the call.
    let set = unsafe { libc::syscall(libc::SYS_capset, &raw const header, none.as_ptr()) };
    Errno::result(set).map(drop)
}

/// Has the exec close everything but the standard streams: what was opened outside may be a socket
/// to anywhere. Not at once, since the report and the parent's own pipe are still needed.
fn close_the_rest() -> Result<(), Errno> {
    // SAFETY: a system call on numbers.
    let closed = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            FIRST_CLOSED,
            libc::c_uint::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    match Errno::result(closed) {
        Ok(_) => Ok(()),
        // Before 5.11.
        Err(Errno::ENOSYS | Errno::EINVAL) => close_one_by_one(),
        Err(errno) => Err(errno),
    }
}

fn close_one_by_one() -> Result<(), Errno> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is a valid rlimit that lives through the call.
    Errno::result(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) })?;
    let most = i32::try_from(limit.rlim_max).unwrap_or(i32::MAX);
    for fd in 3..most {
        // SAFETY: a system call on numbers; a descriptor that isn't open is an error that says so.
        let flagged = unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
        match Errno::result(flagged) {
            Ok(_) | Err(Errno::EBADF) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
