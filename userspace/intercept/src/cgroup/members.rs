//! Who is in a cgroup and below it, thread by thread: the kernel's hooks go by thread, and a thread
//! can have descriptors and a network namespace of its own.
//!
//! Known limit: the lists are read one after the other, so whoever moves meanwhile may be missed, or
//! found twice. Ask again.

use std::{collections::BTreeMap, fs, io, path::PathBuf};

use super::{Cgroup, failed};
use crate::{CgroupId, InterceptError, Pid};

/// How many cgroups of one workload are looked through.
const MOST_CGROUPS: usize = 16_384;

/// A subtree as it was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Members {
    /// The cgroup itself and those below it, with their directories.
    pub(crate) cgroups: BTreeMap<CgroupId, PathBuf>,
    /// Threads, each by its own number. Those of one process mostly follow one another.
    pub(crate) threads: Vec<Pid>,
}

/// Reads the subtree. An error if the cgroup itself is gone, or there is more than can be read.
pub(crate) fn members(cgroup: &Cgroup) -> Result<Members, InterceptError> {
    let mut members = Members::default();
    // A list, not recursion: how deep the tree is was decided by whoever runs in it.
    let mut found = vec![cgroup.clone()];
    while let Some(next) = found.pop() {
        match read(&next, &mut members) {
            Ok(below) => found.extend(below),
            // Removed meanwhile, with nobody in it.
            Err(_) if next != *cgroup && !next.path().exists() => {}
            Err(error) => return Err(error),
        }
        if members.cgroups.len().saturating_add(found.len()) > MOST_CGROUPS {
            return Err(InterceptError::CgroupPath {
                path: cgroup.path().to_path_buf(),
                why: "more cgroups are below it than can be looked through",
            });
        }
    }
    Ok(members)
}

/// Adds one cgroup; gives those right below it.
fn read(cgroup: &Cgroup, members: &mut Members) -> Result<Vec<Cgroup>, InterceptError> {
    let below = fs::read_dir(cgroup.path())
        .and_then(Iterator::collect::<io::Result<Vec<_>>>)
        .map_err(failed("reading", cgroup.path()))?;
    members
        .cgroups
        .insert(cgroup.id()?, cgroup.path().to_path_buf());
    // Not cgroup.procs: it can't be read where threads of one process are in several cgroups.
    let threads = cgroup.read("cgroup.threads")?;
    let threads = threads.lines().filter_map(|line| line.parse().ok());
    members.threads.extend(threads.map(Pid::new));
    Ok(below
        .into_iter()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| Cgroup { path: entry.path() })
        .collect())
}
