//! cgroup v2: find the hierarchy, and make, name, fill, empty and remove cgroups.
//!
//! Not its job: attaching programs. Known limit: ids are inode numbers, so a 64-bit host is needed.

mod handle;
pub(crate) mod members;
mod mount;

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Component, Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use nix::sys::signal::{Signal, kill};

pub use handle::{find, path_of};
pub use mount::root;

use crate::{CgroupId, InterceptError, Pid};

/// How long [`Cgroup::kill_all`] waits for the killed to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(5);

/// One cgroup directory, which may not exist yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// The cgroup of this path: `/weir/ci` below the v2 root, or the directory's absolute path.
    /// It need not exist yet. A path with `..` in it is refused: it can't be what is meant.
    pub fn resolve(path: impl AsRef<Path>) -> Result<Self, InterceptError> {
        Self::below(root()?, path.as_ref())
    }

    fn below(root: &Path, given: &Path) -> Result<Self, InterceptError> {
        let inner = given.strip_prefix(root).unwrap_or(given);
        let mut path = root.to_path_buf();
        for part in inner.components() {
            match part {
                Component::Normal(name) => path.push(name),
                Component::RootDir | Component::CurDir => {}
                Component::ParentDir | Component::Prefix(_) => {
                    return Err(InterceptError::CgroupPath {
                        path: given.to_path_buf(),
                        why: "a cgroup's path may not contain `..`",
                    });
                }
            }
        }
        Ok(Self { path })
    }

    /// The cgroup this process is in.
    pub fn current() -> Result<Self, InterceptError> {
        let file = Path::new("/proc/self/cgroup");
        let text = fs::read_to_string(file).map_err(failed("reading", file))?;
        let inner = text.lines().find_map(|line| line.strip_prefix("0::"));
        Self::resolve(inner.ok_or(InterceptError::NoCgroupV2)?)
    }

    /// Makes it, and those above it, unless they exist.
    pub fn create(&self) -> Result<(), InterceptError> {
        fs::create_dir_all(&self.path).map_err(failed("creating", &self.path))
    }

    /// Its id.
    pub fn id(&self) -> Result<CgroupId, InterceptError> {
        let metadata = fs::metadata(&self.path).map_err(failed("looking at", &self.path))?;
        Ok(CgroupId::new(metadata.ino()))
    }

    /// Moves a process, with all its threads, into it.
    pub fn add(&self, pid: Pid) -> Result<(), InterceptError> {
        let file = self.path.join("cgroup.procs");
        fs::write(&file, pid.to_string()).map_err(failed("moving a process into", &self.path))
    }

    /// The processes in it, not those below it.
    pub fn procs(&self) -> Result<Vec<Pid>, InterceptError> {
        let text = self.read("cgroup.procs")?;
        Ok(text
            .lines()
            .filter_map(|line| line.parse().ok())
            .map(Pid::new)
            .collect())
    }

    /// Whether any process lives in it or below it.
    pub fn populated(&self) -> Result<bool, InterceptError> {
        if self.is_root()? {
            return Ok(true);
        }
        Ok(!self
            .read("cgroup.events")?
            .lines()
            .any(|line| line == "populated 0"))
    }

    /// Kills every process in it and below it, and waits (blocking, up to five seconds) until they
    /// are gone.
    pub fn kill_all(&self) -> Result<(), InterceptError> {
        if self.is_root()? {
            return Err(InterceptError::CgroupPath {
                path: self.path.clone(),
                why: "killing the root cgroup would kill the host",
            });
        }
        let file = self.path.join("cgroup.kill");
        let has_kill = file.exists();
        if has_kill {
            fs::write(&file, "1").map_err(failed("killing the processes of", &self.path))?;
        }
        let deadline = Instant::now() + GONE_WITHIN;
        while self.populated()? {
            if Instant::now() > deadline {
                let source = io::Error::from(io::ErrorKind::TimedOut);
                return Err(failed("killing the processes of", &self.path)(source));
            }
            if !has_kill {
                // Before 5.14: by hand, again and again, since they may fork meanwhile.
                self.each_below(&mut |cgroup| cgroup.kill_own())?;
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn kill_own(&self) -> Result<(), InterceptError> {
        for pid in self
            .procs()?
            .iter()
            .filter_map(|pid| i32::try_from(pid.get()).ok())
        {
            // Gone already is what is wanted; anything else shows as still populated.
            let _outcome = kill(nix::unistd::Pid::from_raw(pid), Signal::SIGKILL);
        }
        Ok(())
    }

    /// Removes it and the cgroups below it. Fails while a process lives in any of them.
    pub fn remove(&self) -> Result<(), InterceptError> {
        self.each_below(&mut |cgroup| match fs::remove_dir(&cgroup.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("removing", &cgroup.path)(error))
            }
            _ => Ok(()),
        })
    }

    /// Calls `act` on every cgroup below this one and then on itself, children first.
    fn each_below(
        &self,
        act: &mut impl FnMut(&Self) -> Result<(), InterceptError>,
    ) -> Result<(), InterceptError> {
        // A list, not recursion: how deep the tree is was decided by whoever runs in it.
        let mut found = vec![self.clone()];
        let mut next = 0;
        while let Some(cgroup) = found.get(next) {
            let children: Vec<Self> = match fs::read_dir(&cgroup.path) {
                Ok(entries) => entries
                    .filter_map(Result::ok)
                    .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
                    .map(|entry| Self { path: entry.path() })
                    .collect(),
                Err(_gone) => Vec::new(),
            };
            found.extend(children);
            next += 1;
        }
        found.iter().rev().try_for_each(act)
    }

    /// Opens its directory, as attaching a program wants it.
    pub(crate) fn open(&self) -> Result<fs::File, InterceptError> {
        fs::File::open(&self.path).map_err(failed("opening", &self.path))
    }

    /// How many levels it is below the root.
    pub(crate) fn depth(&self) -> Result<usize, InterceptError> {
        Ok(self
            .path
            .strip_prefix(root()?)
            .map_or(0, |inner| inner.components().count()))
    }

    /// Whether someone without root may move processes out of it: moving takes the right to write
    /// the `cgroup.procs` of a common ancestor (cgroups(7), "Delegation containment").
    pub(crate) fn escapable(&self) -> Result<bool, InterceptError> {
        let root = root()?;
        for above in self
            .path
            .ancestors()
            .skip(1)
            .take_while(|above| above.starts_with(root))
        {
            let file = above.join("cgroup.procs");
            let metadata = fs::metadata(&file).map_err(failed("looking at", &file))?;
            if metadata.uid() != 0 || metadata.mode() & 0o022 != 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether this is the root of the hierarchy.
    pub fn is_root(&self) -> Result<bool, InterceptError> {
        Ok(self.path == root()?)
    }

    /// Its directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its path below the v2 root, beginning with a slash.
    pub fn inner_path(&self) -> Result<String, InterceptError> {
        Ok(inner(root()?, &self.path))
    }

    fn read(&self, name: &str) -> Result<String, InterceptError> {
        let file = self.path.join(name);
        fs::read_to_string(&file).map_err(failed("reading", &file))
    }
}

/// The path below the root of the hierarchy, beginning with a slash.
fn inner(root: &Path, path: &Path) -> String {
    format!("/{}", path.strip_prefix(root).unwrap_or(path).display())
}

/// Turns an I/O error into this crate's, naming what was being done to what.
fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> InterceptError {
    let path = path.to_path_buf();
    move |source| match source.kind() {
        io::ErrorKind::PermissionDenied => InterceptError::NotPrivileged { doing, path },
        _ => InterceptError::Cgroup {
            doing,
            path,
            source,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(path: &str) -> Result<PathBuf, InterceptError> {
        Cgroup::below(Path::new("/sys/fs/cgroup/unified"), Path::new(path)).map(|c| c.path)
    }

    #[test]
    fn both_spellings_name_the_same_directory() {
        for path in [
            "/weir/ci",
            "weir/ci",
            "weir//ci/",
            "/sys/fs/cgroup/unified/weir/./ci",
        ] {
            let found = resolve(path).expect("a path");
            assert_eq!(found, Path::new("/sys/fs/cgroup/unified/weir/ci"), "{path}");
        }
        assert_eq!(
            resolve("/").expect("a path"),
            Path::new("/sys/fs/cgroup/unified")
        );
    }

    #[test]
    fn a_path_that_climbs_out_is_refused() {
        for path in ["..", "/weir/../..", "/sys/fs/cgroup/unified/../x"] {
            assert!(
                matches!(resolve(path), Err(InterceptError::CgroupPath { .. })),
                "{path}"
            );
        }
    }

    #[test]
    fn the_inner_path_begins_at_the_root() {
        let root = Path::new("/sys/fs/cgroup");
        assert_eq!(inner(root, Path::new("/sys/fs/cgroup/weir/ci")), "/weir/ci");
        assert_eq!(inner(root, root), "/");
    }
}
