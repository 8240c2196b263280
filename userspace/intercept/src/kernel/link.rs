//! Pinned links, for what aya has no call for: replacing a link's program in one step, so that no
//! connect ever falls between the old program and the new, detaching at once, and attaching to a hook
//! that it doesn't know.

use std::{
    ffi::CString,
    fs::File,
    io,
    os::{
        fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd},
        unix::ffi::OsStrExt as _,
    },
    path::Path,
};

use super::bpf::bpf;

/// `enum bpf_cmd`, include/uapi/linux/bpf.h.
const BPF_OBJ_PIN: libc::c_long = 6;
const BPF_OBJ_GET: libc::c_long = 7;
const BPF_LINK_CREATE: libc::c_long = 28;
const BPF_LINK_UPDATE: libc::c_long = 29;
const BPF_LINK_DETACH: libc::c_long = 34;

/// A link opened from its pin.
#[derive(Debug)]
pub(crate) struct Link(OwnedFd);

/// `union bpf_attr` for `BPF_OBJ_PIN` and `BPF_OBJ_GET`.
#[repr(C)]
struct ObjGet {
    path: u64,
    fd: u32,
    flags: u32,
}

/// `union bpf_attr` for `BPF_LINK_CREATE`.
#[repr(C)]
struct LinkCreate {
    program: RawFd,
    target: RawFd,
    hook: u32,
    flags: u32,
}

/// `union bpf_attr` for `BPF_LINK_UPDATE` and, with only the first field, `BPF_LINK_DETACH`.
#[repr(C)]
struct LinkUpdate {
    link: RawFd,
    program: RawFd,
    flags: u32,
    old_program: u32,
}

impl Link {
    /// Opens the link pinned at `path`.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let path = CString::new(path.as_os_str().as_bytes())?;
        let mut attr = ObjGet {
            path: path.as_ptr().expose_provenance() as u64,
            fd: 0,
            flags: 0,
        };
        let fd = bpf(BPF_OBJ_GET, &mut attr)?;
        // SAFETY: a new descriptor that nothing else owns.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Attaches a loaded program to a cgroup, at the hook of this number (`enum bpf_attach_type`).
    pub(crate) fn create(program: BorrowedFd<'_>, cgroup: &File, hook: u32) -> io::Result<Self> {
        let mut attr = LinkCreate {
            program: program.as_raw_fd(),
            target: cgroup.as_raw_fd(),
            hook,
            flags: 0,
        };
        let fd = bpf(BPF_LINK_CREATE, &mut attr)?;
        // SAFETY: a new descriptor that nothing else owns.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Pins it at `path`, so that it stays attached without this process.
    pub(crate) fn pin(&self, path: &Path) -> io::Result<()> {
        let path = CString::new(path.as_os_str().as_bytes())?;
        let mut attr = ObjGet {
            path: path.as_ptr().expose_provenance() as u64,
            fd: self.0.as_raw_fd().cast_unsigned(),
            flags: 0,
        };
        bpf(BPF_OBJ_PIN, &mut attr).map(drop)
    }

    /// Puts `program` in the place of the link's program, in one step.
    pub(crate) fn update(&self, program: BorrowedFd<'_>) -> io::Result<()> {
        let mut attr = LinkUpdate {
            link: self.0.as_raw_fd(),
            program: program.as_raw_fd(),
            flags: 0,
            old_program: 0,
        };
        bpf(BPF_LINK_UPDATE, &mut attr).map(drop)
    }

    /// Detaches the program now, not when the kernel gets round to it after the pin is gone.
    /// A link whose cgroup is gone is detached already.
    pub(crate) fn detach(&self) -> io::Result<()> {
        let mut attr = LinkUpdate {
            link: self.0.as_raw_fd(),
            program: 0,
            flags: 0,
            old_program: 0,
        };
        bpf(BPF_LINK_DETACH, &mut attr).map(drop)
    }
}
