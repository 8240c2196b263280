//! The socket file: made so that nobody else can use it, replace it, or share it.
//!
//! Job: bind, refuse to take a live daemon's place, take a dead one's, and remove the file at the
//! end. The lock beside the socket decides between two daemons that start at once; it is held as
//! long as the daemon lives and is never removed, since a removed lock file could be held twice.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io,
    os::unix::{
        fs::{
            DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _,
            PermissionsExt as _,
        },
        net::UnixStream,
    },
    path::{Path, PathBuf},
};

use nix::fcntl::{Flock, FlockArg};
use tokio::net::UnixListener;

use super::error::ControlError;

/// Write permission for the group or for all.
const OTHERS_WRITE: u32 = 0o022;

/// Whom the file system lets connect. Who may ask for what is decided for each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The daemon's own user.
    Private,
    /// Every user of the host: people sign in here.
    Everybody,
}

impl Access {
    fn socket(self) -> u32 {
        match self {
            Self::Private => 0o600,
            Self::Everybody => 0o666,
        }
    }

    fn directory(self) -> u32 {
        match self {
            Self::Private => 0o700,
            Self::Everybody => 0o711,
        }
    }
}

/// A bound socket, its file, and the lock that keeps others off it.
pub(super) struct Socket {
    pub(super) listener: UnixListener,
    pub(super) file: SocketFile,
}

/// The socket's file, removed when dropped unless another has taken its place.
pub(super) struct SocketFile {
    path: PathBuf,
    inode: u64,
    _lock: Flock<File>,
}

impl Socket {
    /// Binds `path`, mode 0600, in a directory that is made with mode 0700 if it isn't there. Where
    /// everybody may connect: mode 0666, in a directory that is made, or made to be, passable.
    ///
    /// # Errors
    /// A live daemon there, something there that is no socket, a directory in which others may
    /// write, or what the system refuses.
    pub(super) fn bind(path: &Path, access: Access) -> Result<Self, ControlError> {
        let directory = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        private_directory(directory.unwrap_or(Path::new(".")), access)?;
        let lock = lock(path)?;
        refuse_to_replace_the_living(path)?;

        // Under another name first, so that no moment shows the socket open to others, and the
        // rename puts it in a dead one's place in one step.
        let unready = beside(path, "new");
        remove_if_there(&unready)?;
        let listener = UnixListener::bind(&unready).map_err(failed("bind the socket", &unready))?;
        fs::set_permissions(&unready, Permissions::from_mode(access.socket()))
            .map_err(failed("protect the socket", &unready))?;
        let inode = fs::symlink_metadata(&unready)
            .map_err(failed("look at the socket", &unready))?
            .ino();
        fs::rename(&unready, path).map_err(failed("put in place the socket", path))?;
        Ok(Self {
            listener,
            file: SocketFile {
                path: path.to_owned(),
                inode,
                _lock: lock,
            },
        })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode);
        if ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "can't remove the API's socket");
        }
    }
}

fn private_directory(path: &Path, access: Access) -> Result<(), ControlError> {
    if !path.exists() {
        DirBuilder::new()
            .recursive(true)
            .mode(access.directory())
            .create(path)
            .map_err(failed("make the directory", path))?;
    }
    let mode = fs::metadata(path).map_err(failed("look at", path))?.mode() & 0o7777;
    if mode & OTHERS_WRITE != 0 {
        return Err(ControlError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    // Passing through shows nothing of what else is in it.
    if access == Access::Everybody && mode & 0o001 == 0 {
        fs::set_permissions(path, Permissions::from_mode(mode | 0o011))
            .map_err(failed("make passable the directory", path))?;
    }
    Ok(())
}

fn lock(socket: &Path) -> Result<Flock<File>, ControlError> {
    let path = beside(socket, "lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(failed("open the lock", &path))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| match errno {
        nix::errno::Errno::EWOULDBLOCK => ControlError::Live {
            path: socket.to_owned(),
        },
        errno => failed("lock", &path)(errno.into()),
    })
}

/// The lock is weir's own custom; whatever else may listen there shows by answering.
fn refuse_to_replace_the_living(path: &Path) -> Result<(), ControlError> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("look at", path)(error)),
    };
    if !found.file_type().is_socket() {
        return Err(ControlError::NotASocket {
            path: path.to_owned(),
        });
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Ok(_) => Err(ControlError::Live {
            path: path.to_owned(),
        }),
        Err(error) => Err(failed("tell whether a daemon listens at", path)(error)),
    }
}

fn remove_if_there(path: &Path) -> Result<(), ControlError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path)(error)),
        _ => Ok(()),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ControlError {
    let path = path.to_owned();
    move |source| ControlError::Io {
        doing,
        path,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn the_socket_and_its_directory_are_for_the_daemon_alone() {
        let _in = runtime();
        let _in = _in.enter();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run/weir/weir.sock");
        let socket = Socket::bind(&path, Access::Private).unwrap();
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        drop(socket);
        assert!(!path.exists(), "a daemon that stops leaves no socket");
    }

    #[test]
    fn where_people_sign_in_everybody_reaches_the_socket_and_sees_nothing_else() {
        let _in = runtime();
        let _in = _in.enter();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("weir.sock");
        fs::set_permissions(dir.path(), Permissions::from_mode(0o700)).unwrap();
        let _socket = Socket::bind(&path, Access::Everybody).unwrap();
        assert_eq!(mode(&path), 0o666);
        assert_eq!(mode(dir.path()), 0o711);
        assert_eq!(mode(&beside(&path, "lock")), 0o600);
    }

    #[test]
    fn a_live_daemon_s_place_is_not_taken() {
        let _in = runtime();
        let _in = _in.enter();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("weir.sock");
        let first = Socket::bind(&path, Access::Private).unwrap();
        assert!(matches!(
            Socket::bind(&path, Access::Private),
            Err(ControlError::Live { .. })
        ));
        drop(first);

        // Not weir's, so without its lock; yet alive.
        let _other = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert!(matches!(
            Socket::bind(&path, Access::Private),
            Err(ControlError::Live { .. })
        ));
    }

    #[test]
    fn a_dead_daemon_s_place_is_taken() {
        let _in = runtime();
        let _in = _in.enter();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("weir.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        drop(std::os::unix::net::UnixListener::bind(beside(&path, "new")).unwrap());
        assert!(path.exists(), "what a killed daemon leaves");
        let _socket = Socket::bind(&path, Access::Private).unwrap();
        assert!(UnixStream::connect(&path).is_ok());
    }

    #[test]
    fn a_successor_s_socket_is_not_removed() {
        let _in = runtime();
        let _in = _in.enter();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("weir.sock");
        let socket = Socket::bind(&path, Access::Private).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "another's").unwrap();
        drop(socket);
        assert!(path.exists());
    }

    #[test]
    fn what_is_no_socket_is_left_alone() {
        let _in = runtime();
        let _in = _in.enter();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("weir.sock");
        fs::write(&path, "precious").unwrap();
        assert!(matches!(
            Socket::bind(&path, Access::Private),
            Err(ControlError::NotASocket { .. })
        ));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn a_directory_that_others_may_write_is_refused() {
        let _in = runtime();
        let _in = _in.enter();
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o1777)).unwrap();
        let error = Socket::bind(&dir.path().join("weir.sock"), Access::Private)
            .map(|_| ())
            .unwrap_err();
        assert!(
            matches!(error, ControlError::Exposed { mode: 0o1777, .. }),
            "{error}"
        );
    }
}
