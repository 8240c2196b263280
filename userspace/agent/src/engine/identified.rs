//! Who a connection or a flow is of, followed for as long as its session lives.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    task::{JoinSet, spawn_blocking},
    time::{MissedTickBehavior, interval},
};
use weir_identity::SignIns;
use weir_intercept::{CgroupId, cgroup::Cgroup};
use weir_policy::Subject;

use super::Engine;
use crate::{
    config::Workload,
    identity::{IdentityError, RegistryError},
    session::Switch,
};

/// How often it is looked whether a workload has processes.
const LOOK: Duration = Duration::from_secs(1);

/// Who a session is of.
pub(super) struct Identified {
    /// Who; or why it can't be told.
    pub(super) subject: Result<Subject, IdentityError>,
    /// What changes of it while the session lives.
    pub(super) heard: watch::Receiver<Arc<Subject>>,
    /// What follows it; ends when dropped.
    pub(super) following: JoinSet<()>,
}

impl Engine {
    /// By what people sign in.
    #[must_use]
    pub fn sign_ins(&self) -> &SignIns {
        &self.0.sign_ins
    }

    /// Revokes an identity, or takes that back: true if anything changed. Live sessions of a revoked
    /// one end at once.
    ///
    /// # Errors
    /// When there is none of this name, or it can't be kept.
    pub fn revoke(&self, name: &str, revoked: bool) -> Result<bool, RegistryError> {
        self.0.identities.revoke(name, revoked)
    }

    /// Who a workload's connection of this user is of. `switch` ends its session once that holds
    /// no more, or once the workload has no process left.
    pub(super) async fn identified(
        &self,
        (id, workload): (CgroupId, &Workload),
        uid: u32,
        switch: Switch,
    ) -> Identified {
        let mut watching = self.0.identities.watch(&workload.identity);
        let subject = watching.subject(uid).await;
        let mut following = JoinSet::new();
        let known = subject.clone().unwrap_or_else(|_| nobody());
        let (told, heard) = watch::channel(Arc::new(known.clone()));
        if subject.is_ok() {
            let populated = self.0.workloads.get(&id).map(|tagged| {
                let mut populated = tagged.populated.subscribe();
                populated.borrow_and_update();
                populated
            });
            // One task for both: each connection has one.
            following.spawn(async move {
                let stops = async {
                    if let Some(populated) = populated {
                        stopped(populated, switch.clone()).await;
                    }
                };
                tokio::join!(watching.follow(uid, known, told, switch.clone()), stops);
            });
        }
        Identified {
            subject,
            heard,
            following,
        }
    }
}

fn nobody() -> Subject {
    Subject {
        id: "unverified".to_owned(),
        groups: Vec::new(),
        on_behalf_of: None,
    }
}

/// Ends a session whose workload has no process left: whoever holds its socket now is none of it.
async fn stopped(mut populated: watch::Receiver<bool>, switch: Switch) {
    // Only that it stops counts: at first it may look as it was before its process came.
    while populated.changed().await.is_ok() {
        if !*populated.borrow_and_update() {
            switch.stop();
        }
    }
}

/// Looks again and again whether a workload has processes. Empty in two looks is stopped: a process
/// that just ended may have left its last bytes on the way.
pub(super) async fn look(cgroup: Cgroup, populated: watch::Sender<bool>) {
    let mut turns = interval(LOOK);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before = true;
    loop {
        turns.tick().await;
        let looked = cgroup.clone();
        let Ok(found) = spawn_blocking(move || looked.populated()).await else {
            continue;
        };
        // A cgroup that is gone has no process either.
        let now = found.unwrap_or(false);
        populated.send_if_modified(|known| {
            let fresh = now || before;
            let changed = *known != fresh;
            *known = fresh;
            changed
        });
        before = now;
    }
}
