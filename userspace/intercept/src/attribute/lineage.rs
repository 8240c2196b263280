//! From all the ancestors that the kernel noted to those that matter: the ones within the workload,
//! and who started it.

use std::path::{Path, PathBuf};

use super::caller::Ancestor;
use crate::{CgroupId, Facts, Pid, cgroup};

/// An ancestor of the calling process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kin {
    /// Its process id.
    pub pid: Pid,
    /// When it started, since boot. With its process id this names it for good.
    pub started: std::time::Duration,
    /// Its name. Chosen by the process itself: for display, never for a decision.
    pub comm: String,
    /// Whether it was in the workload at the call. The last one shown may not be: it is who brought
    /// the workload to life, or adopted a process whose parent is gone.
    pub inside: bool,
}

/// The parent first, up to and with the first one that is outside the workload.
pub(super) fn up_to_the_root(ancestors: &[Ancestor], facts: &Facts) -> Vec<Kin> {
    let mut inside = Inside::new(facts);
    let mut kin = Vec::new();
    for ancestor in ancestors {
        let inside = ancestor.cgroup.is_some_and(|id| inside.has(id));
        kin.push(Kin {
            pid: ancestor.pid,
            started: ancestor.started,
            comm: ancestor.comm.clone(),
            inside,
        });
        if !inside {
            break;
        }
    }
    kin
}

/// Which cgroups are the workload's.
struct Inside {
    /// Those that are known to be.
    known: Vec<CgroupId>,
    workload: Option<PathBuf>,
}

impl Inside {
    fn new(facts: &Facts) -> Self {
        Self {
            // The caller's own is: the kernel has looked.
            known: vec![facts.workload, facts.cgroup],
            workload: cgroup::path_of(facts.workload),
        }
    }

    /// A cgroup that is gone is taken to be outside.
    fn has(&mut self, id: CgroupId) -> bool {
        if self.known.contains(&id) {
            return true;
        }
        let below = |workload: &Path| cgroup::path_of(id).is_some_and(|p| p.starts_with(workload));
        let has = self.workload.as_deref().is_some_and(below);
        if has {
            self.known.push(id);
        }
        has
    }
}
