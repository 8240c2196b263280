//! One round through the threads of all workloads.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::PathBuf,
    sync::Arc,
};

use weir_abi::maps::MAX_SERVED;

use crate::{
    CgroupId, Pid,
    cgroup::{self, Cgroup, members},
    kernel::maps::Maps,
    namespace::{
        enter::{self, NetnsInode},
        make::{Made, make},
    },
};

/// How many namespaces of one workload are served.
const MOST_OF_ONE: usize = 64;

/// What is needed to look, and what was said already.
pub(super) struct Scan {
    maps: Arc<Maps>,
    port: u16,
    own: NetnsInode,
    /// Namespaces that could not be served, so that each is told of once.
    failed: BTreeSet<NetnsInode>,
    /// Workloads with more than can be served, likewise.
    crowded: BTreeSet<CgroupId>,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Namespaces that somebody is in, beside the engine's own.
    pub(super) inhabited: BTreeSet<NetnsInode>,
    /// Those among them that were not served yet, and can be now.
    pub(super) made: Vec<Made>,
    /// The cgroups of all workloads.
    pub(super) cgroups: BTreeMap<CgroupId, PathBuf>,
}

impl Scan {
    pub(super) fn new(maps: Arc<Maps>, port: u16) -> io::Result<Self> {
        Ok(Self {
            maps,
            port,
            own: enter::open_own()?.0,
            failed: BTreeSet::new(),
            crowded: BTreeSet::new(),
        })
    }

    /// Goes through all threads once; makes listeners in each namespace that is not among `served`.
    pub(super) fn look(&mut self, served: &BTreeSet<NetnsInode>) -> Seen {
        let mut seen = Seen::default();
        let mut inhabited = BTreeMap::new();
        for workload in self.maps.workloads() {
            self.look_at(workload, served, &mut inhabited, &mut seen.cgroups);
        }
        self.failed.retain(|inode| inhabited.contains_key(inode));
        let mut room = MAX_SERVED.saturating_sub(served.len());
        for (inode, thread) in &inhabited {
            if served.contains(inode) || room == 0 {
                continue;
            }
            match make(*thread, *inode, self.port) {
                Ok(made) => {
                    room = room.saturating_sub(1);
                    self.failed.remove(inode);
                    seen.made.push(made);
                }
                // It moved on, or ended.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    if self.failed.insert(*inode) {
                        tracing::warn!(
                            pid = %thread, %error,
                            "can't listen in the network namespace of a workload's process: its \
                             connections are refused"
                        );
                    }
                }
            }
        }
        seen.inhabited = inhabited.into_keys().collect();
        seen
    }

    fn look_at(
        &mut self,
        workload: CgroupId,
        served: &BTreeSet<NetnsInode>,
        inhabited: &mut BTreeMap<NetnsInode, Pid>,
        cgroups: &mut BTreeMap<CgroupId, PathBuf>,
    ) {
        let Some(members) = cgroup::path_of(workload)
            .and_then(|path| Cgroup::resolve(path).ok())
            .and_then(|cgroup| members::members(&cgroup).ok())
        else {
            // It is gone; the next engine forgets it.
            return;
        };
        let mut of_this = BTreeMap::new();
        for thread in members.threads {
            if let Ok(inode) = enter::of(thread)
                && inode != self.own
            {
                of_this.insert(inode, thread);
            }
        }
        // What is served stays so; of the others, as many as there is room for.
        let (standing, new): (Vec<_>, Vec<_>) = of_this
            .into_iter()
            .partition(|(inode, _)| served.contains(inode));
        let room = MOST_OF_ONE.saturating_sub(standing.len());
        if new.len() <= room {
            self.crowded.remove(&workload);
        } else if self.crowded.insert(workload) {
            tracing::warn!(
                cgroup = %workload,
                "a workload is in more than {MOST_OF_ONE} network namespaces: from the others it \
                 is refused"
            );
        }
        inhabited.extend(standing.into_iter().chain(new.into_iter().take(room)));
        cgroups.extend(members.cgroups);
    }
}
