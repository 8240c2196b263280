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
use crate::{CgroupId, InterceptError};

/// A kernfs file handle (name_to_handle_at(2)): its payload is the node's id.
#[repr(C)]
struct Handle {
    bytes: libc::c_uint,
    kind: libc::c_int,
    id: u64,
}

/// `FILEID_KERNFS`, include/linux/exportfs.h.
const KERNFS: libc::c_int = 0xfe;

/// The directory of the cgroup with this id; `None` if it doesn't exist any more.
///
/// # Errors
/// When that can't be told, as where open_by_handle_at(2) is forbidden: whoever lifts something of a
/// cgroup that is gone must not take this for it.
pub fn find(id: CgroupId) -> Result<Option<PathBuf>, InterceptError> {
    let root = mount::root()?;
    let found = File::open(root).and_then(|mount| {
        let opened = open(&mount, id)?;
        let path = fs::read_link(format!("/proc/self/fd/{}", opened.as_raw_fd()))?;
        // Removed meanwhile, the link names something else; made anew, another cgroup.
        Ok((fs::metadata(&path)?.ino() == id.get()).then_some(path))
    });
    match found {
        Err(error) if is_gone(&error) => Ok(None),
        Err(source) => Err(InterceptError::FindCgroup { id, source }),
        Ok(path) => Ok(path),
    }
}

/// As [`find`], for display: what can't be told has no path.
pub fn path_of(id: CgroupId) -> Option<PathBuf> {
    find(id)
        .inspect_err(|error| tracing::debug!(%error, "a cgroup's path"))
        .ok()
        .flatten()
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ESTALE | libc::ENOENT))
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
