//! Where the cgroup v2 hierarchy is mounted: `/sys/fs/cgroup` on most hosts, below it on hybrid
//! ones. Read from the kernel's own table, never assumed.

use std::{
    ffi::OsString,
    fs,
    os::unix::ffi::OsStringExt as _,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use crate::InterceptError;

const MOUNTINFO: &str = "/proc/self/mountinfo";

/// The directory of the v2 root cgroup. Looked up until found, then remembered: a host does not
/// move it while running.
pub fn root() -> Result<&'static Path, InterceptError> {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    if let Some(root) = ROOT.get() {
        return Ok(root);
    }
    let table = fs::read(MOUNTINFO).map_err(|source| InterceptError::Cgroup {
        doing: "reading",
        path: MOUNTINFO.into(),
        source,
    })?;
    let found = find(&table).ok_or(InterceptError::NoCgroupV2)?;
    Ok(ROOT.get_or_init(|| found))
}

/// The first mount of type cgroup2 that shows the hierarchy's root (proc_pid_mountinfo(5)).
fn find(table: &[u8]) -> Option<PathBuf> {
    table.split(|byte| *byte == b'\n').find_map(|line| {
        let mut fields = line.split(|byte| *byte == b' ');
        let (root, point) = (fields.nth(3)?, fields.next()?);
        // Optional fields end with a lone hyphen; the type follows it.
        let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
        (kind == b"cgroup2" && root == b"/")
            .then(|| PathBuf::from(OsString::from_vec(unescape(point))))
    })
}

/// Undoes the table's escapes: a backslash and three octal digits stand for one byte.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    loop {
        rest = match rest {
            [
                b'\\',
                a @ b'0'..=b'3',
                b @ b'0'..=b'7',
                c @ b'0'..=b'7',
                tail @ ..,
            ] => {
                out.push(((a - b'0') << 6) | ((b - b'0') << 3) | (c - b'0'));
                tail
            }
            [byte, tail @ ..] => {
                out.push(*byte);
                tail
            }
            [] => return out,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hybrid_host_has_it_below() {
        let table = b"37 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n\
            38 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
        assert_eq!(find(table), Some("/sys/fs/cgroup/unified".into()));
    }

    #[test]
    fn optional_fields_and_escapes_are_read() {
        let table = b"30 23 0:26 / /mnt/a\\040b\\134 rw shared:9 master:1 - cgroup2 cgroup2 rw\n";
        assert_eq!(find(table), Some("/mnt/a b\\".into()));
    }

    #[test]
    fn a_part_of_the_hierarchy_is_not_its_root() {
        let table = b"30 23 0:26 /docker/x /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n";
        assert_eq!(find(table), None);
    }

    #[test]
    fn nonsense_finds_nothing() {
        for table in ["", "\n\n", "a b c", "1 2 3 / /x rw - ", "- - - - - - -"] {
            assert_eq!(find(table.as_bytes()), None, "{table:?}");
        }
    }

    #[test]
    fn unfinished_escapes_are_kept_as_they_are() {
        assert_eq!(unescape(b"\\04"), b"\\04");
        assert_eq!(unescape(b"\\999"), b"\\999");
        assert_eq!(unescape(b"x\\"), b"x\\");
    }
}
