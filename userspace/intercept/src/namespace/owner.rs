//! Whose a network namespace is.

use std::{
    fs::{self, File},
    io,
    os::{
        fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
        unix::fs::MetadataExt as _,
    },
};

/// `_IO(NSIO, 1)`, include/uapi/linux/nsfs.h: the user namespace that owns another namespace.
const NS_GET_USERNS: libc::c_ulong = 0xb701;

/// Whether it belongs to the user namespace that this process is in. What can't be told does not.
pub(super) fn is_ours(namespace: &File) -> bool {
    owner(namespace)
        .and_then(|owner| owner.metadata())
        .and_then(|owner| Ok((owner, fs::metadata("/proc/self/ns/user")?)))
        .is_ok_and(|(owner, own)| (owner.dev(), owner.ino()) == (own.dev(), own.ino()))
}

fn owner(namespace: &File) -> io::Result<File> {
    // SAFETY: an open descriptor; the request takes no argument and gives a new descriptor.
    let fd = unsafe { libc::ioctl(namespace.as_raw_fd(), NS_GET_USERNS) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a new descriptor that nothing else owns.
    Ok(File::from(unsafe { OwnedFd::from_raw_fd(fd) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_one_is_ours_and_what_is_no_namespace_is_not() {
        let own = File::open("/proc/self/ns/net").expect("a namespace");
        assert!(is_ours(&own));
        let none = File::open("/proc/self/exe").expect("a file");
        assert!(!is_ours(&none));
    }
}
