//! One server's directory: what is in it, who may read which part, and its end.
//!
//! A test that is killed can't remove its directory, so each server that starts sweeps away what
//! dead ones left. Whether a directory is still in use is told by a lock that its process holds and
//! that the kernel drops with it: a process id could belong to somebody else by now.
//!
//! It is in memory where there is enough: a server is a thousand small files, and a disk's file
//! system is slow at making those again right after they were removed, which is all that a run of
//! tests does.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;
use nix::unistd::geteuid;
use tempfile::TempDir;

use super::installation::Installation;
use crate::Result;
use crate::error::At;
use crate::process::Identity;

const PREFIX: &str = "weir-postgres-";
const LOCK: &str = "in-use.lock";
/// Ten servers and more, in bytes.
const ROOM: u64 = 1 << 30;

/// The paths of one server.
#[derive(Debug)]
pub(super) struct Directory {
    data: PathBuf,
    socket: PathBuf,
    log: PathBuf,
    ca_pem: PathBuf,
    chain: PathBuf,
    key: PathBuf,
    owner: Option<Identity>,
    // The lock last: a directory without it would be swept while it is being removed, harmlessly,
    // but noisily.
    root: TempDir,
    _in_use: File,
}

impl Directory {
    /// A new one, its data directory still missing.
    pub(super) fn create(installation: &Installation) -> Result<Self> {
        let parent = parent();
        sweep(&parent);
        let root = tempfile::Builder::new()
            .prefix(PREFIX)
            // Anyone may pass through, to read the authority's certificate.
            .permissions(Permissions::from_mode(0o711))
            .tempdir_in(&parent)
            .at("make a directory in", &parent)?;
        let in_use = lock(root.path()).at("lock", root.path())?;
        let at = |name: &str| root.path().join(name);
        let directory = Self {
            data: at("data"),
            socket: at("socket"),
            log: at("server.log"),
            ca_pem: at("ca.pem"),
            chain: at("server.pem"),
            key: at("server.key"),
            owner: installation.owner(),
            root,
            _in_use: in_use,
        };
        // The agent that is being tested must not find a way round by this socket.
        DirBuilder::new()
            .mode(0o700)
            .create(&directory.socket)
            .at("make", &directory.socket)?;
        directory.give_to_owner(&directory.socket)?;
        Ok(directory)
    }

    pub(super) fn path(&self) -> &Path {
        self.root.path()
    }

    pub(super) fn data(&self) -> &Path {
        &self.data
    }

    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    pub(super) fn log(&self) -> &Path {
        &self.log
    }

    pub(super) fn ca_pem(&self) -> &Path {
        &self.ca_pem
    }

    pub(super) fn chain(&self) -> &Path {
        &self.chain
    }

    pub(super) fn key(&self) -> &Path {
        &self.key
    }

    /// An empty log that only the caller may read: statements hold what is to be masked.
    pub(super) fn new_log(&self) -> Result<File> {
        // A log that several processes write must be appended to.
        fs::remove_file(&self.log).ok();
        OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(&self.log)
            .at("make", &self.log)
    }

    /// Writes a file that anyone may read.
    pub(super) fn write_public(&self, path: &Path, text: &str) -> Result<()> {
        write_new(path, 0o644, text).at("write", path)
    }

    /// Writes a file, over an earlier one if need be, that only the server may read.
    pub(super) fn write_private(&self, path: &Path, text: &str) -> Result<()> {
        write_new(path, 0o600, text).at("write", path)?;
        self.give_to_owner(path)
    }

    /// Removes everything, and says if that fails.
    pub(super) fn remove(self) -> Result<()> {
        let path = self.root.path().to_owned();
        self.root.close().at("remove", &path)
    }

    /// Makes the account that runs the server its owner.
    pub(super) fn give_to_owner(&self, path: &Path) -> Result<()> {
        let Some(owner) = self.owner else {
            return Ok(());
        };
        chown(path, Some(owner.uid().as_raw()), Some(owner.gid().as_raw())).at("give away", path)
    }
}

/// `/dev/shm` if it has room for a few servers; in a container it may be tiny.
fn parent() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let roomy = |free: u64| free >= ROOM;
    let free = statvfs(memory).map(|fs| fs.blocks_available().saturating_mul(fs.fragment_size()));
    if free.is_ok_and(roomy) {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    }
}

/// Never through a link, and never with the mode of a file that was there before.
fn write_new(path: &Path, mode: u32, text: &str) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    // The mode as asked for, whatever the caller's umask.
    file.set_permissions(Permissions::from_mode(mode))?;
    file.write_all(text.as_bytes())
}

/// The lock appears under its name only once it is held, so no sweeper can get it first.
fn lock(dir: &Path) -> io::Result<File> {
    let unlocked = dir.join("new.lock");
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unlocked)?;
    file.lock()?;
    fs::rename(unlocked, dir.join(LOCK))?;
    Ok(file)
}

/// Removes what servers of dead processes left. What can't be removed is left: it is not this
/// server's business.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let ours = entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.starts_with(PREFIX))
            && entry
                .metadata()
                .is_ok_and(|meta| meta.is_dir() && meta.uid() == geteuid().as_raw());
        if ours
            && let Ok(lock) = File::open(entry.path().join(LOCK))
            && lock.try_lock().is_ok()
        {
            fs::remove_dir_all(entry.path()).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sweeping_takes_what_is_abandoned_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let dir = parent.path().join(name);
            fs::create_dir(&dir).unwrap();
            fs::write(dir.join("something"), "x").unwrap();
            dir
        };
        let abandoned = make("weir-postgres-abandoned");
        drop(lock(&abandoned).unwrap());
        let in_use = make("weir-postgres-in-use");
        let _held = lock(&in_use).unwrap();
        let starting = make("weir-postgres-starting");
        let foreign = make("somebody-else");
        drop(lock(&foreign).unwrap());

        sweep(parent.path());

        assert!(!abandoned.exists());
        assert!(in_use.exists() && starting.exists() && foreign.exists());
    }

    #[test]
    fn a_private_file_replaces_a_public_one_with_its_own_mode() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        write_new(&path, 0o644, "old").unwrap();
        write_new(&path, 0o600, "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }
}
