//! The file system as the command sees it: without the Unix sockets of the host.
//!
//! A Unix socket leads past every hook for IP, and many a one to root (`docker.sock`, the system
//! bus) or to data (a database's). The command gets a mount namespace of its own, in which
//!
//! - `/run` and `/var/run` are empty but for a few files (`runtime`),
//! - every socket that is bound elsewhere when the command starts lies under `/dev/null` (`bound`),
//! - what is declared stays where it is.
//!
//! Sockets that the command makes itself work as ever. The mounts are root's, and a user namespace
//! that the command makes holds them locked.
//!
//! The namespace is made by a thread of weir's own, so that nothing but joining it is left between
//! fork and exec.
//!
//! Known limits: a socket that others bind outside of `/run` while the command runs is in its reach
//! where file permissions let it. So is one that is bound anew, was bound by a relative name, was
//! renamed since (the kernel lists the name that it was bound by), or is seen under a second name by a
//! bind mount. The hook on connecting Unix sockets stands behind this where the kernel has it. A
//! declared socket that is bound anew is another one, and out of reach.

mod bound;
mod runtime;

use std::{
    env,
    ffi::CString,
    fs::File,
    io,
    os::{
        fd::AsRawFd as _,
        unix::{
            ffi::OsStrExt as _,
            fs::{FileTypeExt as _, MetadataExt as _},
        },
    },
    path::{Path, PathBuf},
    thread,
};

use nix::{
    errno::Errno,
    fcntl::{OFlag, open},
    mount::{MsFlags, mount},
    sched::{CloneFlags, setns, unshare},
    sys::stat::Mode,
    unistd::chdir,
};

use super::user::Account;

/// What the command sees of the host's runtime directories.
pub(super) struct Visible<'a> {
    /// Unix sockets that it may reach.
    pub(super) sockets: &'a [PathBuf],
    /// Files that it may read.
    pub(super) files: &'a [&'a Path],
    /// As whom it runs: the owner of what is made for it.
    pub(super) account: &'a Account,
}

/// A mount namespace, made before the fork.
pub(super) struct View {
    namespace: File,
    /// Where weir was called.
    directory: CString,
}

/// Why the host's sockets could not be hidden.
#[derive(Debug, thiserror::Error)]
#[error("can't {doing} {}: {source}", path.display())]
pub(in crate::cli) struct MountError {
    doing: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// Opens nothing, only names: a path that stays the same whatever is mounted over it.
const BY_NAME: OFlag = OFlag::O_PATH.union(OFlag::O_CLOEXEC);

impl View {
    /// Makes the namespace.
    ///
    /// # Errors
    /// Something could not be hidden, or made visible: then nothing is to be run.
    pub(super) fn make(visible: &Visible<'_>) -> Result<Self, MountError> {
        let directory = env::current_dir().map_err(at("tell", Path::new("the directory")))?;
        let directory = CString::new(directory.as_os_str().as_bytes())
            .map_err(|error| at("enter", &directory)(error.into()))?;
        // In another thread, since this one must stay in the host's namespace.
        let namespace = thread::scope(|scope| {
            let start = thread::Builder::new().name("weir-mounts".to_owned());
            let built = start.spawn_scoped(scope, || build(visible));
            let place = Path::new("a mount namespace");
            let built = built.map_err(at("start a thread for", place))?.join();
            built.unwrap_or_else(|_| Err(at("make", place)(io::ErrorKind::Other.into())))
        })?;
        Ok(Self {
            namespace,
            directory,
        })
    }

    /// Puts the calling process into the namespace, at its root. Async-signal-safe.
    pub(super) fn enter(&self) -> Result<(), Errno> {
        setns(&self.namespace, CloneFlags::CLONE_NEWNS)
    }

    /// Goes where weir was called, as the new namespace has it. Async-signal-safe.
    ///
    /// By its path: the directory itself may be one of those that were hidden.
    pub(super) fn go_back(&self) -> Result<(), Errno> {
        chdir(self.directory.as_c_str())
    }
}

/// Takes the calling thread into a namespace of its own and makes it what the command is to see.
fn build(visible: &Visible<'_>) -> Result<File, MountError> {
    let root = Path::new("/");
    // Before anything is hidden.
    let sockets = bound::everywhere()?;
    unshare(CloneFlags::CLONE_NEWNS).map_err(failed("leave the mounts of", root))?;
    // What is mounted here stays here. What the host mounts later still comes, or automatic mounts
    // would not; over a hidden directory it comes underneath.
    let flags = MsFlags::MS_REC | MsFlags::MS_SLAVE;
    mount(None::<&Path>, root, None::<&Path>, flags, None::<&Path>)
        .map_err(failed("set apart the mounts of", root))?;

    let declared = Declared::open(visible.sockets)?;
    runtime::hide(visible, &declared)?;
    for path in sockets {
        hide(&path, &declared)?;
    }
    let own = Path::new("/proc/thread-self/ns/mnt");
    File::open(own).map_err(at("keep", own))
}

/// Lays `/dev/null` over a socket.
fn hide(path: &Path, declared: &Declared) -> Result<(), MountError> {
    let socket = match open(path, BY_NAME | OFlag::O_NOFOLLOW, Mode::empty()) {
        Ok(socket) => File::from(socket),
        // Gone, hidden already, or never of this file system: bound in another mount namespace.
        Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => return Ok(()),
        Err(errno) => return Err(failed("see", path)(errno)),
    };
    let found = socket.metadata().map_err(at("see", path))?;
    // The name is its binder's word, and what lies there now may be somebody's file.
    if !found.file_type().is_socket() || declared.holds(&found) {
        return Ok(());
    }
    bind(Path::new("/dev/null"), &by_descriptor(&socket)).map_err(failed("hide", path))
}

/// The sockets that the command may reach, named before anything is hidden.
struct Declared(Vec<(PathBuf, File)>);

impl Declared {
    /// One that isn't there can't be reached later either: it is told and left out.
    fn open(paths: &[PathBuf]) -> Result<Self, MountError> {
        let mut sockets = Vec::new();
        for path in paths {
            // Where it lies, whatever links lead there: that is where it is put back.
            let found = path.canonicalize().and_then(|real| {
                let socket = File::from(open(&real, BY_NAME, Mode::empty())?);
                Ok((real, socket))
            });
            match found {
                Ok(socket) => sockets.push(socket),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    tracing::warn!(path = %path.display(), "a declared Unix socket isn't there");
                }
                Err(error) => return Err(at("see", path)(error)),
            }
        }
        Ok(Self(sockets))
    }

    fn holds(&self, found: &std::fs::Metadata) -> bool {
        let same = |one: &File| {
            one.metadata()
                .is_ok_and(|one| (one.dev(), one.ino()) == (found.dev(), found.ino()))
        };
        self.0.iter().any(|(_, socket)| same(socket))
    }

    fn iter(&self) -> impl Iterator<Item = (&Path, &File)> {
        self.0.iter().map(|(path, socket)| (&**path, socket))
    }
}

fn bind(what: &Path, over: &Path) -> Result<(), Errno> {
    mount(
        Some(what),
        over,
        None::<&Path>,
        MsFlags::MS_BIND,
        None::<&Path>,
    )
}

/// A path that means the opened file itself.
fn by_descriptor(file: &File) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

fn at(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> MountError {
    move |source| MountError {
        doing,
        path: path.to_owned(),
        source,
    }
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(Errno) -> MountError {
    move |errno| at(doing, path)(errno.into())
}
