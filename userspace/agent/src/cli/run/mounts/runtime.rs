//! The runtime directories, `/run` and `/var/run`: emptied, and given back what does no harm.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _, chown, symlink},
    path::{Path, PathBuf},
};

use nix::mount::{MsFlags, mount};

use super::{Declared, MountError, Visible, at, bind, by_descriptor, failed};

/// Where services have their sockets. On most hosts the second is a link to the first.
const DIRECTORIES: [&str; 2] = ["/run", "/var/run"];

/// How programs find the resolvers, and who is logged in: `/etc/resolv.conf` is often a link to one
/// of these, and a program may read another by name.
const FILES: [&str; 8] = [
    "/etc/resolv.conf",
    "/run/systemd/resolve/resolv.conf",
    "/run/systemd/resolve/stub-resolv.conf",
    "/run/resolvconf/resolv.conf",
    "/run/NetworkManager/resolv.conf",
    "/run/NetworkManager/no-stub-resolv.conf",
    "/run/connman/resolv.conf",
    "/run/utmp",
];

/// Links out of it that programs are found by: shared memory, and NixOS' system.
const LINKS: [&str; 4] = [
    "/run/shm",
    "/run/current-system",
    "/run/booted-system",
    "/run/opengl-driver",
];

/// No file of [`FILES`] is larger than this; one that is is left out.
const LARGEST: u64 = 1024 * 1024;

/// What a file system holds that the command may fill.
const OPTIONS: &str = "mode=0755,size=64m,nr_inodes=16k";

/// Puts an empty file system over each runtime directory, with what is visible in it.
pub(super) fn hide(visible: &Visible<'_>, declared: &Declared) -> Result<(), MountError> {
    let directories = real_directories()?;
    // All is read while it is still in sight.
    let files = files(visible, &directories);
    let links = links();
    for directory in &directories {
        cover(directory)?;
    }
    for (path, contents, mode) in files {
        write(&path, &contents, mode).map_err(at("copy", &path))?;
    }
    for (path, target) in links {
        symlink(target, &path).map_err(at("link", &path))?;
    }
    for (path, socket) in declared.iter() {
        if within(path, &directories) {
            // A mount needs something to lie on.
            write(path, b"", 0o600).map_err(at("make", path))?;
            bind(&by_descriptor(socket), path).map_err(failed("show", path))?;
        }
    }
    own_places(visible, &directories)
}

fn real_directories() -> Result<Vec<PathBuf>, MountError> {
    let mut directories = Vec::new();
    for name in DIRECTORIES.map(Path::new) {
        match name.canonicalize() {
            Ok(real) if directories.contains(&real) => {}
            Ok(real) => directories.push(real),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(at("see", name)(error)),
        }
    }
    Ok(directories)
}

/// Files as they are now: where they lie, what is in them, and their mode. A copy, not the file,
/// since most are replaced by a new one when they change, and the old one would go.
fn files(visible: &Visible<'_>, directories: &[PathBuf]) -> Vec<(PathBuf, Vec<u8>, u32)> {
    let usual = FILES.iter().map(Path::new);
    let mut files: Vec<(PathBuf, Vec<u8>, u32)> = Vec::new();
    for name in usual.chain(visible.files.iter().copied()) {
        let Ok(path) = name.canonicalize() else {
            continue;
        };
        let known = files.iter().any(|(known, ..)| *known == path);
        if !known
            && within(&path, directories)
            && let Ok(metadata) = fs::metadata(&path)
            && metadata.is_file()
            && metadata.len() <= LARGEST
            && let Ok(contents) = fs::read(&path)
        {
            files.push((path, contents, metadata.permissions().mode() & 0o777));
        }
    }
    files
}

fn links() -> Vec<(PathBuf, PathBuf)> {
    let links = LINKS.iter().map(PathBuf::from);
    links
        .filter_map(|link| Some((link.clone(), fs::read_link(link).ok()?)))
        .collect()
}

fn within(path: &Path, directories: &[PathBuf]) -> bool {
    directories
        .iter()
        .any(|directory| path != directory && path.starts_with(directory))
}

fn cover(directory: &Path) -> Result<(), MountError> {
    mount(
        Some("tmpfs"),
        directory,
        Some("tmpfs"),
        MsFlags::MS_NOSUID | MsFlags::MS_NODEV,
        Some(OPTIONS),
    )
    .map_err(failed("empty", directory))
}

/// What the command's user finds of its own there on any host: a lock directory for all, a runtime
/// directory for itself.
fn own_places(visible: &Visible<'_>, directories: &[PathBuf]) -> Result<(), MountError> {
    let lock = Path::new("/run/lock");
    let account = visible.account;
    let own = PathBuf::from(format!("/run/user/{}", account.uid));
    if !within(lock, directories) {
        // A host without `/run`: nothing is to be made on it.
        return Ok(());
    }
    directory(lock, 0o1777).map_err(at("make", lock))?;
    directory(&own, 0o700)
        .and_then(|()| chown(&own, Some(account.uid.as_raw()), Some(account.gid.as_raw())))
        .map_err(at("make", &own))
}

fn directory(path: &Path, mode: u32) -> io::Result<()> {
    parents(path)?;
    DirBuilder::new().recursive(true).create(path)?;
    // Whatever the mask of weir's caller says.
    fs::set_permissions(path, Permissions::from_mode(mode))
}

fn write(path: &Path, contents: &[u8], mode: u32) -> io::Result<()> {
    parents(path)?;
    let mut file: File = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(path)?;
    io::Write::write_all(&mut file, contents)?;
    file.set_permissions(Permissions::from_mode(mode))
}

/// The directories above, for all to pass through.
fn parents(path: &Path) -> io::Result<()> {
    let above: Vec<&Path> = path.ancestors().skip(1).collect();
    for directory in above.into_iter().rev() {
        match DirBuilder::new().mode(0o755).create(directory) {
            Ok(()) => fs::set_permissions(directory, Permissions::from_mode(0o755))?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
