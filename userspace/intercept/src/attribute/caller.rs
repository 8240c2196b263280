//! The calling process as the kernel noted it in the call, in userspace's words.
//!
//! All text in it was chosen by processes that may be hostile. What is for display is made printable
//! here; only an executable's path is kept as it is, since it may have to be opened.

use std::{
    ffi::OsStr,
    fmt::Write as _,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use weir_abi::{Ancestor as RawAncestor, PATH_DETACHED, PATH_WHOLE, ProcessFacts};

use super::hash::FileId;
use crate::{CgroupId, InterceptError, Pid, facts::printable};

/// The process behind a call, as it was at the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// When it started, since boot, suspend included (`CLOCK_BOOTTIME`). With its process id this
    /// names it for good.
    pub started: Duration,
    /// The program that it ran; `None` for one of the kernel's own.
    pub executable: Option<Executable>,
    /// Its command line, as it stood in its own memory.
    pub arguments: Arguments,
    /// Its parent, that one's parent and so on: eight at most.
    pub ancestors: Vec<Ancestor>,
}

/// The program that a process runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executable {
    /// Its path in the mount namespace of the process, or the end of it.
    path: PathBuf,
    place: Place,
    pub(super) file: FileId,
}

/// What an executable's path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Whole, from the root.
    Whole,
    /// The end of a longer one.
    Cut,
    /// The name of a file in no directory.
    Detached,
}

/// A command line. It is recorded as it is: what programs are given on it, secrets among it, is in
/// the record. No more than 512 bytes of it are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// Each argument, made printable, the program's own name first.
    pub list: Vec<String>,
    /// Whether there was more than is kept.
    pub cut: bool,
}

/// An ancestor of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ancestor {
    /// Its process id.
    pub pid: Pid,
    /// When it started, since boot.
    pub started: Duration,
    /// Its name. Chosen by the process itself: for display, never for a decision.
    pub comm: String,
    /// The cgroup that it was in; `None` where that could not be read.
    pub cgroup: Option<CgroupId>,
}

impl From<&ProcessFacts> for Caller {
    fn from(raw: &ProcessFacts) -> Self {
        let line = first(&raw.arguments, raw.arguments_length);
        Self {
            started: Duration::from_nanos(raw.start_boot_ns),
            executable: Executable::of(raw),
            arguments: Arguments::parse(line, raw.arguments_whole == 0 && !line.is_empty()),
            ancestors: raw
                .ancestors
                .iter()
                .take_while(|ancestor| ancestor.tgid != 0)
                .map(Ancestor::from)
                .collect(),
        }
    }
}

impl Caller {
    /// What a look at the map gave. A map that can't be read is no reason to drop a connection: its
    /// facts are there, and who called can still be read from `/proc`.
    pub(crate) fn told(found: Result<Option<ProcessFacts>, InterceptError>) -> Option<Self> {
        found
            .inspect_err(|error| tracing::warn!(%error, "what was noted of a caller can't be read"))
            .ok()?
            .as_ref()
            .map(Self::from)
    }
}

impl Executable {
    fn of(raw: &ProcessFacts) -> Option<Self> {
        let file = FileId::of(raw)?;
        let path = last(&raw.executable, raw.executable_length);
        let (place, path) = match raw.path {
            PATH_WHOLE => (Place::Whole, path),
            PATH_DETACHED => (Place::Detached, path.strip_prefix(b"/").unwrap_or(path)),
            _ => (Place::Cut, path),
        };
        Some(Self {
            path: PathBuf::from(OsStr::from_bytes(path)),
            place,
            file,
        })
    }

    /// Where it may be opened, if that can be known.
    pub(super) fn path(&self) -> Option<&Path> {
        (self.place == Place::Whole).then_some(&*self.path)
    }

    /// Its path, made printable: `/usr/bin/psql`; `…/bin/psql` if the beginning is missing;
    /// `memfd:psql` for a file that is in no directory.
    pub fn shown(&self) -> PathBuf {
        let mut shown = String::new();
        if self.place == Place::Cut {
            shown.push('…');
        }
        // Writing into a string can't fail.
        let _infallible = shown.write_str(&printable(self.path.as_os_str().as_bytes()));
        PathBuf::from(shown)
    }
}

impl Arguments {
    /// Splits what lies in a process's memory.
    pub(super) fn parse(line: &[u8], cut: bool) -> Self {
        let list = if line.is_empty() {
            Vec::new()
        } else {
            // Each ends with a NUL; one that doesn't is the last of a line that is cut.
            let line = line.strip_suffix(b"\0").unwrap_or(line);
            line.split(|byte| *byte == 0).map(printable).collect()
        };
        Self { list, cut }
    }
}

impl From<&RawAncestor> for Ancestor {
    fn from(raw: &RawAncestor) -> Self {
        Self {
            pid: Pid::new(raw.tgid),
            started: Duration::from_nanos(raw.start_boot_ns),
            comm: printable(&raw.comm),
            cgroup: (raw.cgroup != 0).then(|| CgroupId::new(raw.cgroup)),
        }
    }
}

/// The first `length` bytes, or all.
fn first(bytes: &[u8], length: u16) -> &[u8] {
    bytes.get(..usize::from(length)).unwrap_or(bytes)
}

/// The last `length` bytes, or all.
fn last(bytes: &[u8], length: u16) -> &[u8] {
    bytes
        .len()
        .checked_sub(usize::from(length))
        .and_then(|from| bytes.get(from..))
        .unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(path: &[u8], place: u8, line: &[u8]) -> ProcessFacts {
        let mut raw = ProcessFacts {
            start_boot_ns: 5,
            inode: 7,
            path: place,
            executable_length: u16::try_from(path.len()).expect("short"),
            arguments_length: u16::try_from(line.len()).expect("short"),
            arguments_whole: 1,
            ..ProcessFacts::NONE
        };
        let from = raw.executable.len() - path.len();
        raw.executable[from..].copy_from_slice(path);
        raw.arguments[..line.len()].copy_from_slice(line);
        raw
    }

    fn arguments(line: &[u8]) -> Vec<String> {
        Caller::from(&raw(b"/x", PATH_WHOLE, line)).arguments.list
    }

    #[test]
    fn arguments_are_split_at_their_ends() {
        assert_eq!(
            arguments(b"psql\0-c\0select 1\0"),
            ["psql", "-c", "select 1"]
        );
        assert_eq!(arguments(b"a\0\0b\0\0"), ["a", "", "b", ""]);
        assert_eq!(arguments(b"cut sho"), ["cut sho"]);
        assert_eq!(arguments(b"\0"), [""]);
        assert!(arguments(b"").is_empty());
    }

    #[test]
    fn what_steers_a_terminal_is_not_shown() {
        assert_eq!(
            arguments(b"\x1b[2J\n\0\xff\r\0"),
            ["\u{fffd}[2J\u{fffd}", "\u{fffd}\u{fffd}"]
        );
        let caller = Caller::from(&raw(b"/tmp/a\nb\x1b", PATH_WHOLE, b""));
        let executable = caller.executable.expect("one");
        assert_eq!(executable.shown(), Path::new("/tmp/a\u{fffd}b\u{fffd}"));
        // What is opened is the file of that very name.
        assert_eq!(executable.path(), Some(Path::new("/tmp/a\nb\x1b")));
    }

    #[test]
    fn a_path_that_can_not_be_whole_is_not_opened() {
        for (place, shown) in [
            (PATH_DETACHED, "memfd:x"),
            (0, "…/memfd:x"),
            (77, "…/memfd:x"),
        ] {
            let caller = Caller::from(&raw(b"/memfd:x", place, b""));
            let executable = caller.executable.expect("one");
            assert_eq!(executable.shown(), Path::new(shown));
            assert_eq!(executable.path(), None);
        }
    }

    #[test]
    fn lengths_past_the_end_are_no_harm() {
        let facts = ProcessFacts {
            inode: 1,
            executable_length: u16::MAX,
            arguments_length: u16::MAX,
            ..ProcessFacts::NONE
        };
        let caller = Caller::from(&facts);
        assert_eq!(caller.arguments.list.len(), weir_abi::ARGUMENTS_BYTES);
        assert!(caller.executable.is_some() && caller.ancestors.is_empty());
    }

    #[test]
    fn nothing_known_is_nothing_said() {
        let caller = Caller::from(&ProcessFacts::NONE);
        assert_eq!(caller.executable, None);
        assert_eq!(caller.arguments, Arguments::default());
    }
}
