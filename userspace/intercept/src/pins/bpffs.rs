//! The filesystem that pins live on.

use std::{
    fs::{DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::Path,
};

use nix::{
    fcntl::{Flock, FlockArg},
    mount::{MsFlags, mount},
    sys::statfs::{BPF_FS_MAGIC, statfs},
};

use super::failed;
use crate::InterceptError;

/// Where a bpffs belongs; the only place where one is mounted if it is missing.
const STANDARD: &str = "/sys/fs/bpf";

/// Whether this directory lies on a bpffs.
pub(crate) fn is_bpffs(directory: &Path) -> bool {
    statfs(directory).is_ok_and(|fs| fs.filesystem_type() == BPF_FS_MAGIC)
}

/// Makes `directory`, and those above it, on a bpffs, for root's eyes only.
pub(super) fn make(directory: &Path) -> Result<(), InterceptError> {
    let standard = Path::new(STANDARD);
    if directory.starts_with(standard) && !is_bpffs(standard) {
        mount_standard(standard)?;
    }
    let existing = directory.ancestors().find(|ancestor| ancestor.exists());
    if !existing.is_some_and(is_bpffs) {
        return Err(InterceptError::PinDir {
            path: directory.to_path_buf(),
            why: "not on a bpffs; use a directory below /sys/fs/bpf",
        });
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(failed("creating", directory))
}

/// Mounts a bpffs. Two engines starting at once must not mount one over the other's pins: so under
/// a lock on the directory that is mounted over, and only if it is not mounted by then.
fn mount_standard(standard: &Path) -> Result<(), InterceptError> {
    let below = File::open(standard).map_err(failed("opening", standard))?;
    let _lock = Flock::lock(below, FlockArg::LockExclusive)
        .map_err(|(_, errno)| failed("locking", standard)(errno.into()))?;
    if is_bpffs(standard) {
        return Ok(());
    }
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("bpf"), standard, Some("bpf"), flags, Some("mode=0700"))
        .map_err(io::Error::from)
        .map_err(failed("mounting a bpffs at", standard))
}
