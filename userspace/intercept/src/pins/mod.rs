//! The pin directory of one engine: what must outlive it.
//!
//! ```text
//! <pin_dir>/maps/<MAP>              the maps
//! <pin_dir>/engine/<cgroup id>      the link on the engine's own cgroup, and on those of earlier
//!                                   engines whose listeners were handed over
//! <pin_dir>/root/<program>          the links on the v2 root
//! <pin_dir>/cgroup-<id>/<program>   the links on a tagged cgroup
//! ```
//!
//! A live engine holds a lock on the directory, so whether one lives is never guessed from a
//! process id. Known limit: dots can't be in names (a bpffs rule), so not in an instance's either.

mod bpffs;

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use aya::maps::MapInfo;
use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
};

pub(crate) use bpffs::is_bpffs;

use crate::{
    CgroupId, InterceptError,
    kernel::{link::Link, programs},
};

const CGROUP: &str = "cgroup-";

/// A pin directory that this process has locked.
#[derive(Debug)]
pub(crate) struct PinDir {
    path: PathBuf,
    instance: String,
    _lock: Flock<File>,
}

impl PinDir {
    /// Makes the directory if need be, and locks it.
    pub(crate) fn claim(path: &Path) -> Result<Self, InterceptError> {
        let instance = instance(path)?;
        bpffs::make(path)?;
        let pins = Self::lock(path, instance)?;
        let maps = pins.maps();
        if !maps.exists() {
            fs::create_dir(&maps).map_err(failed("creating", &maps))?;
        }
        Ok(pins)
    }

    /// Locks a directory that exists. [`InterceptError::InUse`] while an engine lives there.
    pub(crate) fn of_the_dead(path: &Path) -> Result<Self, InterceptError> {
        let instance = instance(path)?;
        if !is_bpffs(path) {
            return Err(InterceptError::PinDir {
                path: path.to_path_buf(),
                why: "nothing is pinned there",
            });
        }
        Self::lock(path, instance)
    }

    fn lock(path: &Path, instance: String) -> Result<Self, InterceptError> {
        let directory = File::open(path).map_err(failed("opening", path))?;
        match Flock::lock(directory, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Self {
                path: path.to_path_buf(),
                instance,
                _lock: lock,
            }),
            Err((_, Errno::EWOULDBLOCK)) => Err(InterceptError::InUse {
                path: path.to_path_buf(),
            }),
            Err((_, errno)) => Err(failed("locking", path)(errno.into())),
        }
    }

    /// Keeps other engines below the same base from tagging until dropped.
    pub(crate) fn lock_base(&self) -> Result<Flock<File>, InterceptError> {
        let base = self.base();
        let directory = File::open(base).map_err(failed("opening", base))?;
        Flock::lock(directory, FlockArg::LockExclusive)
            .map_err(|(_, errno)| failed("locking", base)(errno.into()))
    }

    /// The directory that this and the other engines' are in.
    pub(crate) fn base(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn instance(&self) -> &str {
        &self.instance
    }

    pub(crate) fn maps(&self) -> PathBuf {
        self.path.join("maps")
    }

    fn engine(&self) -> PathBuf {
        self.path.join("engine")
    }

    fn root(&self) -> PathBuf {
        self.path.join("root")
    }

    fn cgroup(&self, id: CgroupId) -> PathBuf {
        self.path.join(format!("{CGROUP}{id}"))
    }

    /// The directory for the links on the cgroups of engines.
    pub(crate) fn make_engine(&self) -> Result<PathBuf, InterceptError> {
        make(self.engine())
    }

    /// The directory for the links on the v2 root.
    pub(crate) fn make_root(&self) -> Result<PathBuf, InterceptError> {
        make(self.root())
    }

    /// The directory for a tagged cgroup's links.
    pub(crate) fn make_cgroup(&self, id: CgroupId) -> Result<PathBuf, InterceptError> {
        make(self.cgroup(id))
    }

    /// The cgroups that links are pinned for.
    pub(crate) fn tagged(&self) -> Vec<CgroupId> {
        tagged(&self.path)
    }

    /// Refuses maps pinned by a version that shaped them otherwise: their entries would be read
    /// askew.
    pub(crate) fn check_maps(&self) -> Result<(), InterceptError> {
        for shape in weir_abi::maps::ALL {
            let path = self.maps().join(shape.name);
            if !path.exists() {
                continue;
            }
            let fits = MapInfo::from_pin(&path).is_ok_and(|info| {
                let is = [info.key_size(), info.value_size(), info.max_entries()];
                info.map_type().is_ok_and(|kind| kind as u32 == shape.kind)
                    && is.map(usize::try_from) == [shape.key, shape.value, shape.entries].map(Ok)
            });
            if !fits {
                return Err(InterceptError::Incompatible { path });
            }
        }
        Ok(())
    }

    /// Lifts the link pinned at `pin`, at once. One that is not there is as good.
    pub(crate) fn lift(pin: &Path) -> Result<(), InterceptError> {
        if !pin.exists() {
            return Ok(());
        }
        match Link::open(pin).and_then(|link| link.detach()) {
            // Without this call (before 5.9) the link goes when the pin does.
            Ok(()) => {}
            Err(error) => tracing::debug!(pin = %pin.display(), %error, "not detached ahead"),
        }
        fs::remove_file(pin).map_err(failed("unpinning", pin))
    }

    /// Lifts every link of a cgroup, the backstop last.
    pub(crate) fn lift_cgroup(&self, id: CgroupId) -> Result<(), InterceptError> {
        lift_directory(&self.cgroup(id), &programs::WORKLOAD)
    }

    /// Lifts and unpins everything and removes the directory. Says what it did.
    ///
    /// What is on the root goes after what is on the tagged cgroups, whose processes' connects are
    /// refused in between: none is free while any of them still is not.
    pub(crate) fn remove(self) -> Result<Vec<String>, InterceptError> {
        let mut done = Vec::new();
        for id in self.tagged() {
            self.lift_cgroup(id)?;
            done.push(format!("lifted the programs from cgroup {id}"));
        }
        lift_directory(&self.root(), &programs::ROOT)?;
        lift_directory(&self.engine(), &[])?;
        for map in entries(&self.maps()) {
            fs::remove_file(&map).map_err(failed("unpinning", &map))?;
        }
        for directory in [self.maps(), self.path.clone()] {
            if directory.exists() {
                fs::remove_dir(&directory).map_err(failed("removing", &directory))?;
            }
        }
        done.push(format!("removed {}", self.path.display()));
        Ok(done)
    }
}

/// Makes a directory for links, unless it is there.
fn make(directory: PathBuf) -> Result<PathBuf, InterceptError> {
    match fs::create_dir(&directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(failed("creating", &directory)(error))
        }
        _ => Ok(directory),
    }
}

/// Lifts every link in a directory, those with these names last and in the reverse of their order,
/// and removes it. Others there are of a version that knew other names.
fn lift_directory(directory: &Path, order: &[&str]) -> Result<(), InterceptError> {
    if directory.is_file() {
        // Of a version that pinned one link where this one has several.
        return PinDir::lift(directory);
    }
    let last = |pin: &PathBuf| {
        let name = pin.file_name().and_then(|name| name.to_str());
        order.iter().any(|one| Some(*one) == name)
    };
    for pin in entries(directory).into_iter().filter(|pin| !last(pin)) {
        PinDir::lift(&pin)?;
    }
    for program in order.iter().rev() {
        PinDir::lift(&directory.join(program))?;
    }
    match fs::remove_dir(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(failed("removing", directory)(error))
        }
        _ => Ok(()),
    }
}

/// The cgroups that links are pinned for in this pin directory, whoever's it is.
pub(crate) fn tagged(pin_dir: &Path) -> Vec<CgroupId> {
    entries(pin_dir)
        .iter()
        .filter_map(|path| {
            path.file_name()?
                .to_str()?
                .strip_prefix(CGROUP)?
                .parse()
                .ok()
        })
        .map(CgroupId::new)
        .collect()
}

/// What is in a directory; nothing, if it is not there.
pub(crate) fn entries(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory)
        .map(|entries| {
            entries
                .filter_map(Result::ok)
                .map(|entry| entry.path())
                .collect()
        })
        .unwrap_or_default()
}

/// The instance that a pin directory names.
fn instance(path: &Path) -> Result<String, InterceptError> {
    const WHY: &str =
        "the last part names the instance: 1 to 64 letters, digits, hyphens and underscores";
    path.file_name()
        .and_then(|name| name.to_str())
        .filter(|name| (1..=64).contains(&name.len()))
        .filter(|name| {
            name.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        })
        .map(str::to_owned)
        .ok_or_else(|| InterceptError::PinDir {
            path: path.to_path_buf(),
            why: WHY,
        })
}

/// Turns an I/O error into this crate's, naming what was being done to what.
fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> InterceptError {
    let path = path.to_path_buf();
    move |source| match source.kind() {
        io::ErrorKind::PermissionDenied => InterceptError::NotPrivileged { doing, path },
        _ => InterceptError::Pin {
            doing,
            path,
            source,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_part_names_the_instance() {
        assert_eq!(
            instance(Path::new("/sys/fs/bpf/weir/ci-1")).ok().as_deref(),
            Some("ci-1")
        );
    }

    #[test]
    fn names_that_bpffs_or_a_cgroup_would_refuse_are_refused_first() {
        let long = "x".repeat(65);
        for name in ["a.b", "..", "", "a b", "a\n", "é", &long] {
            let path = Path::new("/sys/fs/bpf/weir").join(name);
            // An empty name is no part at all: the path then names its parent, which is fine.
            assert_eq!(instance(&path).is_err(), !name.is_empty(), "{name:?}");
        }
        assert!(instance(Path::new("/")).is_err());
    }
}
