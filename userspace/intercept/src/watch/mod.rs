//! Finding the network namespaces that workloads are in, so that the engine listens there before
//! anything is dialled, and letting go of those that nobody is in any more.
//!
//! Nothing in the kernel tells when a thread changes its namespace. So every thread of every workload
//! is asked now and then, and at once where something hints at a change: a cgroup below a workload
//! that is made or filled, a tag, and a connect that was refused for its namespace.
//!
//! Known limits: a process that makes a namespace in a cgroup where nothing else changes may find its
//! first connects refused for up to half a second. A socket in a namespace that no thread of a
//! workload is in stays refused. A workload can be in 64 namespaces at once.

mod news;
mod scan;

use std::{
    collections::BTreeSet,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::Notify,
    task::{JoinHandle, spawn_blocking},
    time::{sleep, timeout},
};

use crate::{
    kernel::maps::Maps,
    namespace::{
        enter::NetnsInode,
        others::{Arrivals, Others},
    },
};
use news::News;
use scan::{Scan, Seen};

/// Between two scans while something changes, and for this long after it did.
const BUSY: Duration = Duration::from_millis(5);
const BUSY_FOR: Duration = Duration::from_secs(2);
/// Between two scans otherwise.
const IDLE: Duration = Duration::from_millis(500);
/// So many times as long as a scan took passes until the next, whatever happens.
const REST: u32 = 20;
/// A namespace is let go when so many scans in a row found nobody in it.
const GONE_AFTER: u32 = 2;

/// Watches until dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    arrivals: Arrivals,
    hint: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Watch {
    /// Serves what workloads are in now, and watches. Call it when the programs know the port, inside
    /// a tokio runtime. `hint` brings the next scan forward.
    pub(crate) fn start(maps: Arc<Maps>, port: u16, hint: Arc<Notify>) -> io::Result<Self> {
        let (others, arrivals) = Others::new(Arc::clone(&maps));
        let mut watching = Watching {
            others,
            scan: Scan::new(maps, port)?,
            missed: BTreeSet::new(),
            news: News::new()?,
        };
        let seen = watching.scan.look(&BTreeSet::new());
        watching.act(seen);
        let task = tokio::spawn(watching.on(Arc::clone(&hint)));
        Ok(Self {
            arrivals,
            hint,
            task,
        })
    }

    /// What arrives in the namespaces that are served.
    pub(crate) fn arrivals(&self) -> &Arrivals {
        &self.arrivals
    }

    /// Says that something may have changed.
    pub(crate) fn hint(&self) {
        self.hint.notify_one();
    }
}

struct Watching {
    others: Others,
    scan: Scan,
    /// In which the last scan found nobody.
    missed: BTreeSet<(NetnsInode, u32)>,
    news: News,
}

impl Watching {
    async fn on(mut self, hint: Arc<Notify>) {
        let mut busy_until = Instant::now() + BUSY_FOR;
        loop {
            let began = Instant::now();
            let served: BTreeSet<NetnsInode> = self.others.inodes().collect();
            let mut scan = self.scan;
            let looked = spawn_blocking(move || {
                let seen = scan.look(&served);
                (scan, seen)
            });
            let Ok((scan, seen)) = looked.await else {
                // The runtime ends, or a scan panicked: what is served is let go with this task, and
                // refused then.
                tracing::error!("workloads' network namespaces are not watched any more");
                return;
            };
            self.scan = scan;
            self.news.follow(&seen.cgroups);
            let took = began.elapsed();
            if self.act(seen) {
                busy_until = Instant::now() + BUSY_FOR;
            }

            let now = Instant::now();
            let pause = if now < busy_until { BUSY } else { IDLE };
            sleep(BUSY.max(took.saturating_mul(REST))).await;
            let rest = pause.saturating_sub(BUSY);
            let changed = async {
                tokio::select! {
                    () = hint.notified() => {}
                    () = self.news.next() => {}
                }
            };
            if timeout(rest, changed).await.is_ok() {
                busy_until = Instant::now() + BUSY_FOR;
            }
        }
    }

    /// Serves what is new and lets go of what is gone. Says whether anything was.
    fn act(&mut self, seen: Seen) -> bool {
        let mut changed = false;
        for made in seen.made {
            changed = true;
            let cookie = made.cookie;
            if let Err(error) = self.others.serve(made) {
                tracing::warn!(namespace = %cookie, %error, "a network namespace can't be served");
            }
        }
        let before = std::mem::take(&mut self.missed);
        let missing: Vec<NetnsInode> = self
            .others
            .inodes()
            .filter(|inode| !seen.inhabited.contains(inode))
            .collect();
        for inode in missing {
            let times = before
                .range((inode, 0)..=(inode, u32::MAX))
                .next()
                .map_or(1, |(_, times)| times.saturating_add(1));
            if times < GONE_AFTER {
                self.missed.insert((inode, times));
            } else {
                self.others.let_go(inode);
            }
            changed = true;
        }
        changed
    }
}
