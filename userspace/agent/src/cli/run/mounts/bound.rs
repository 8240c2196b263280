//! Which Unix sockets have a name in the file system, as the kernel lists them.
//!
//! `/proc/PID/net/unix` (proc_net(5)) has those of one network namespace; what is bound in a
//! container's may lie in a directory of the host all the same, so all are read.

use std::{
    collections::{BTreeSet, HashSet},
    ffi::OsStr,
    fs, io,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use super::{MountError, at};

/// Columns before the name.
const COLUMNS: usize = 7;

/// The absolute names that sockets are bound to.
pub(super) fn everywhere() -> Result<BTreeSet<PathBuf>, MountError> {
    let own = Path::new("/proc/net/unix");
    let list = fs::read(own).map_err(at("read", own))?;
    let mut found: BTreeSet<_> = names(&list).collect();

    let processes = Path::new("/proc");
    let mut seen = HashSet::new();
    for process in fs::read_dir(processes).map_err(at("list", processes))? {
        let process = process.map_err(at("list", processes))?.path();
        // Not a process, or one that is gone.
        let Ok(namespace) = fs::read_link(process.join("ns/net")) else {
            continue;
        };
        if !seen.insert(namespace) {
            continue;
        }
        let path = process.join("net/unix");
        match fs::read(&path) {
            Ok(list) => found.extend(names(&list)),
            // Gone meanwhile. Another process of its namespace is no longer asked; the namespace
            // of a process that ends now has little to say.
            Err(error) if gone(&error) => {}
            Err(error) => return Err(at("read", &path)(error)),
        }
    }
    Ok(found)
}

fn gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ESRCH)
}

fn names(list: &[u8]) -> impl Iterator<Item = PathBuf> {
    list.split(|byte| *byte == b'\n')
        .filter_map(name)
        .map(|name| PathBuf::from(OsStr::from_bytes(name)))
}

/// The name in one line, if it is an absolute path: an abstract one begins with `@`.
///
/// A name may hold any byte, a newline too, and then reads as two lines; who takes these names
/// must see for himself what lies there.
fn name(line: &[u8]) -> Option<&[u8]> {
    let mut rest = line;
    for _ in 0..COLUMNS {
        rest = rest.trim_ascii_start();
        let width = rest.iter().position(|byte| *byte == b' ')?;
        rest = rest.get(width..)?;
    }
    let name = rest.get(1..)?;
    name.starts_with(b"/").then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_names_are_found_and_nothing_else() {
        let list = b"Num       RefCount Protocol Flags    Type St Inode Path\n\
            000000002b744075: 00000003 00000000 00000000 0001 03   640\n\
            0: 00000002 00000000 00010000 0001 01 17433 /run/a b/c \n\
            0: 00000002 00000000 00010000 0001 01 1743344 /tmp/.x\n\
            0: 00000002 00000000 00010000 0001 01   433 @/tmp/abstract\n\
            0: 00000002 00000000 00010000 0001 01   433 relative/path\n\
            0: 00000002 00000000 00010000 0001 01   433 /tmp/new\nline\n\
            /etc/passwd\n \n0: 1 2 3 4 5 6 \n";
        let found: Vec<_> = names(list).collect();
        assert_eq!(
            found,
            ["/run/a b/c ", "/tmp/.x", "/tmp/new"].map(PathBuf::from)
        );
    }
}
