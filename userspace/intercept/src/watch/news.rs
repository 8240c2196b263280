//! Being told when cgroups below workloads are made or filled.
//!
//! Known limit: a process that is made right into a cgroup (`CLONE_INTO_CGROUP`), or forks, is not
//! told of.

use std::{
    collections::BTreeMap,
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
    path::PathBuf,
};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use tokio::io::unix::AsyncFd;

use crate::CgroupId;

/// How many cgroups are followed; those beyond are only found by going through them.
const MOST: usize = 1024;

/// A cgroup made or removed, a process moved by writing to one's file, the first one in or the last
/// one out.
const CHANGES: AddWatchFlags = AddWatchFlags::IN_CREATE
    .union(AddWatchFlags::IN_MODIFY)
    .union(AddWatchFlags::IN_ONLYDIR);

/// The cgroups that are followed.
pub(super) struct News {
    events: AsyncFd<Events>,
    followed: BTreeMap<CgroupId, WatchDescriptor>,
}

/// nix's own type has no raw descriptor, which tokio asks for.
struct Events(Inotify);

impl AsRawFd for Events {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl AsFd for Events {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl News {
    /// Follows none yet. Needs a tokio runtime.
    pub(super) fn new() -> io::Result<Self> {
        let events = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        // SAFETY: the descriptor is the one that nix's type owns and never replaces.
        let events = unsafe { AsyncFd::register(Events(events)) }?;
        Ok(Self {
            events,
            followed: BTreeMap::new(),
        })
    }

    /// Follows these and no others.
    pub(super) fn follow(&mut self, cgroups: &BTreeMap<CgroupId, PathBuf>) {
        let events = &self.events.get_ref().0;
        self.followed.retain(|id, watch| {
            let stays = cgroups.contains_key(id);
            if !stays {
                // One that is gone is not watched any more anyway.
                let _gone = events.rm_watch(*watch);
            }
            stays
        });
        for (id, path) in cgroups {
            if self.followed.len() >= MOST {
                return;
            }
            if !self.followed.contains_key(id)
                && let Ok(watch) = events.add_watch(path, CHANGES)
            {
                self.followed.insert(*id, watch);
            }
        }
    }

    /// Waits until something changes in one of them. Several changes may be told as one.
    pub(super) async fn next(&self) {
        loop {
            let Ok(mut ready) = self.events.readable().await else {
                // The runtime ends.
                return std::future::pending().await;
            };
            match ready.get_inner().0.read_events() {
                Ok(events) if !events.is_empty() => return,
                Ok(_) => {}
                Err(_) => ready.clear_ready(),
            }
        }
    }
}
