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
            // Removed meanwhile, with nobody in it. It may be there again by now, with others in it.
            Err(error) if next != *cgroup && is_gone(&error) => {}
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

/// Whether a cgroup went while it was looked at: before its files were opened, or after.
fn is_gone(error: &InterceptError) -> bool {
    let InterceptError::Cgroup { source, .. } = error else {
        return false;
    };
    matches!(source.raw_os_error(), Some(libc::ENOENT | libc::ENODEV))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn cgroups_that_come_and_go_fail_no_walk() {
        let top = format!("/weir-test-members-{}", std::process::id());
        let top = Cgroup::resolve(top).expect("a cgroup v2 mount");
        top.create().expect("this test needs root, to make cgroups");
        let done = AtomicBool::new(false);
        let walked = std::thread::scope(|scope| {
            scope.spawn(|| {
                let flickering = top.path().join("flickering");
                while !done.load(Ordering::Relaxed) {
                    fs::create_dir(&flickering).expect("a cgroup");
                    fs::remove_dir(&flickering).expect("to remove it");
                }
            });
            let walked: Result<Vec<_>, _> = (0..2000).map(|_| members(&top)).collect();
            done.store(true, Ordering::Relaxed);
            walked
        });
        top.remove().expect("to remove it");
        let found = walked.expect("the cgroup itself was there").into_iter();
        let most = found.map(|members| members.cgroups.len()).max();
        assert_eq!(most, Some(2), "it was met");
        assert!(members(&top).is_err(), "one that is gone is an error");
    }
}
