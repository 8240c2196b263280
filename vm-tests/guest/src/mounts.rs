//! The file systems that a host has.

use std::{ffi::CString, fs, io, path::Path};

/// Where, and of which type, in this order.
const MOUNTS: [(&str, &str); 9] = [
    ("/proc", "proc"),
    ("/sys", "sysfs"),
    ("/dev", "devtmpfs"),
    ("/dev/pts", "devpts"),
    ("/run", "tmpfs"),
    ("/tmp", "tmpfs"),
    ("/sys/fs/cgroup", "cgroup2"),
    ("/sys/fs/bpf", "bpf"),
    ("/sys/kernel/security", "securityfs"),
];

pub(crate) fn make() -> io::Result<()> {
    for (path, kind) in MOUNTS {
        if !Path::new(path).exists() {
            fs::create_dir_all(path)?;
        }
        mount(path, kind)
            .map_err(|error| io::Error::new(error.kind(), format!("{kind} at {path}: {error}")))?;
    }
    // Open to everyone, as a host's is: agents are not root.
    fs::set_permissions("/tmp", std::os::unix::fs::PermissionsExt::from_mode(0o1777))
}

fn mount(path: &str, kind: &str) -> io::Result<()> {
    let (path, kind) = (CString::new(path)?, CString::new(kind)?);
    // SAFETY: three strings that end with a zero, and no data.
    let failed = unsafe {
        libc::mount(
            kind.as_ptr(),
            path.as_ptr(),
            kind.as_ptr(),
            0,
            std::ptr::null(),
        )
    };
    if failed == 0 {
        return Ok(());
    }
    Err(io::Error::last_os_error())
}
