//! One file: found again, known to be the same, and read.

use std::{
    fs::{File, OpenOptions},
    io::Read as _,
    os::{
        fd::AsRawFd as _,
        unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    },
    path::Path,
};

use weir_abi::ProcessFacts;

use super::{ExeHash, MOST_BYTES, Unhashed, device::Device};
use crate::Pid;

/// FUSE_SUPER_MAGIC, include/uapi/linux/magic.h.
const FUSE: u32 = 0x6573_5546;

/// Since 6.13 this bit of an inode's nanoseconds says that somebody has asked for them
/// (`I_CTIME_QUERIED`, include/linux/fs.h).
const ASKED_FOR: u32 = 1 << 31;

/// A file and its content: what is written to it, or done to it, changes its time of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FileId {
    pub(super) device: Device,
    pub(super) inode: u64,
    pub(super) changed_s: i64,
    pub(super) changed_ns: i64,
    pub(super) filesystem: u32,
}

impl FileId {
    /// The file that a process ran; `None` if it ran none.
    pub(crate) fn of(raw: &ProcessFacts) -> Option<Self> {
        (raw.inode != 0).then(|| Self {
            device: Device::internal(raw.device),
            inode: raw.inode,
            changed_s: raw.changed_s,
            changed_ns: i64::from(raw.changed_ns & !ASKED_FOR),
            filesystem: raw.filesystem,
        })
    }

    /// An open file.
    pub(super) fn stat(file: &File) -> Option<Self> {
        let metadata = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
        Some(Self {
            device: Device::shown(metadata.dev()),
            inode: metadata.ino(),
            changed_s: metadata.ctime(),
            changed_ns: metadata.ctime_nsec(),
            filesystem: 0,
        })
    }

    /// Whether its content is whatever some process says at the time.
    pub(super) fn is_served(&self) -> bool {
        self.filesystem == FUSE
    }

    /// Whether an open file is this one. `viewer` is a process that sees the mount it was opened on.
    fn is(&self, file: &File, viewer: &str) -> bool {
        let Some(found) = Self::stat(file) else {
            return false;
        };
        let same_but_device = Self {
            device: self.device,
            filesystem: self.filesystem,
            ..found
        };
        // Some file systems (btrfs, overlayfs) show another device than is theirs.
        same_but_device == *self
            && (found.device == self.device || Device::of_mount(file, viewer) == Some(self.device))
    }
}

/// Opens the file where it may still be: as what the process runs, or at its path.
pub(super) fn open(id: &FileId, pid: Option<Pid>, path: Option<&Path>) -> Result<File, Unhashed> {
    let running = pid.and_then(|pid| {
        let file = handle(Path::new(&format!("/proc/{pid}/exe")), 0)?;
        id.is(&file, &pid.to_string()).then_some(file)
    });
    running
        .or_else(|| {
            let file = handle(path?, libc::O_NOFOLLOW)?;
            id.is(&file, "self").then_some(file)
        })
        .ok_or(Unhashed::Gone)
        .and_then(|file| reopen(&file).ok_or(Unhashed::Unreadable))
}

/// Opens a file without doing anything to it: it may be a device or a pipe by now.
pub(crate) fn handle(path: &Path, flags: libc::c_int) -> Option<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_PATH | flags)
        .open(path)
        .ok()
}

/// Opens for reading what is open as a handle. Its owner may hold a lease on it (fcntl(2),
/// `F_SETLEASE`), for which opening would wait 45 seconds.
pub(super) fn reopen(file: &File) -> Option<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(format!("/proc/self/fd/{}", file.as_raw_fd()))
        .ok()
}

/// Hashes the content, if it is that of `id` from beginning to end.
pub(super) fn hash(file: &File, id: &FileId) -> Result<ExeHash, Unhashed> {
    let before = FileId::stat(file).ok_or(Unhashed::Unreadable)?;
    if file.metadata().map_or(true, |is| is.len() > MOST_BYTES) {
        return Err(Unhashed::TooLarge);
    }
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 128 * 1024];
    // It may grow meanwhile.
    let mut content = file.take(MOST_BYTES);
    loop {
        match content.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => hasher.update(buffer.get(..read).ok_or(Unhashed::Unreadable)?),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => return Err(Unhashed::Unreadable),
        };
    }
    let after = FileId::stat(file).ok_or(Unhashed::Unreadable)?;
    let unchanged = before == after
        && (after.inode, after.changed_s, after.changed_ns)
            == (id.inode, id.changed_s, id.changed_ns);
    unchanged
        .then(|| ExeHash(*hasher.finalize().as_bytes()))
        .ok_or(Unhashed::Gone)
}
