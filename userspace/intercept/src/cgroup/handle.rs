//! From a cgroup's id back to its directory, in one call and without walking the tree.

use std::{
    fs::{self, File},
    io,
    os::{
        fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
        unix::fs::MetadataExt as _,
    },
    path::PathBuf,
};

use super::mount;
use crate::CgroupId;

/// A kernfs file handle (name_to_handle_at(2)): its payload is the node's id.
#[repr(C)]
struct Handle {
    bytes: libc::c_uint,
    kind: libc::c_int,
    id: u64,
}

/// `FILEID_KERNFS`, include/linux/exportfs.h.
const KERNFS: libc::c_int = 0xfe;

/// The directory of the cgroup with this id, if it still exists.
pub fn path_of(id: CgroupId) -> Option<PathBuf> {
    let root = File::open(mount::root().ok()?).ok()?;
    let opened = open(&root, id).ok()?;
    let path = fs::read_link(format!("/proc/self/fd/{}", opened.as_raw_fd())).ok()?;
    // Removed meanwhile, the link names something else; made anew, another cgroup.
    (fs::metadata(&path).ok()?.ino() == id.get()).then_some(path)
}

fn open(root: &File, id: CgroupId) -> io::Result<OwnedFd> {
    let mut handle = Handle {
        bytes: 8,
        kind: KERNFS,
        id: id.get(),
    };
    // SAFETY: `handle` has the layout of struct file_handle with the eight bytes of payload that
    // it says it has, and lives through the call.
    let fd = unsafe {
        libc::open_by_handle_at(
            root.as_raw_fd(),
            (&raw mut handle).cast(),
            libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC,
        )
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a new descriptor that nothing else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
