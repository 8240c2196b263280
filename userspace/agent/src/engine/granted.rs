//! Grants in force: the policies as they are on disk, and what is granted beside them.
//!
//! Whoever changes either puts both in force under one lock, so that neither is lost to the other.
//! Live sessions see it as any other change of policies, and are judged anew: what only a grant
//! allowed ends with it.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, Mutex, Weak},
};

use jiff::Timestamp;
use tokio::sync::watch;
use weir_policy::{Policies, PolicyVersion};

use super::{Engine, Inner, lock};
use crate::{
    access::{AccessDesk, AccessError},
    audit::{Audit, AuditEvent},
    config::Config,
    identity::Acting,
};

/// What is granted, and to which policies it is added.
pub(super) struct Granted {
    pub(super) access: Arc<AccessDesk>,
    /// Without grants.
    base: Mutex<Arc<Policies>>,
}

impl Granted {
    /// Reads what was granted before, and adds what still holds of it to the policies.
    pub(super) fn open(
        journals: &Path,
        config: &Config,
        acting: &Arc<Acting>,
        policies: &watch::Sender<Arc<Policies>>,
    ) -> Result<Self, AccessError> {
        let now = Timestamp::now();
        let targets: BTreeSet<String> = config
            .targets
            .iter()
            .map(|target| target.name.to_string())
            .collect();
        let path = journals.join("access.jsonl");
        let acting = Arc::clone(acting);
        let access = AccessDesk::open(&path, policies.subscribe(), targets, acting, now)?;
        let base = Arc::clone(&policies.borrow());
        let linked = base.with_grants(&access.grants(now));
        policies.send_replace(Arc::new(linked));
        Ok(Self {
            access: Arc::new(access),
            base: Mutex::new(base),
        })
    }
}

impl Engine {
    /// The log of events.
    pub(crate) fn audit(&self) -> &Audit {
        &self.0.audit
    }

    /// Where access is asked for and granted.
    #[must_use]
    pub fn access(&self) -> &AccessDesk {
        &self.0.granted.access
    }

    /// Puts these policies in force, with the grants that hold. The version that then is.
    pub(super) fn put_in_force(&self, fresh: Policies) -> String {
        let mut base = lock(&self.0.granted.base);
        *base = Arc::new(fresh);
        let linked = base.with_grants(&self.0.granted.access.grants(Timestamp::now()));
        let version = linked.version().to_string();
        self.0.policies.send_replace(Arc::new(linked));
        version
    }

    /// The version of the policies as they were read, whatever is granted beside them.
    pub(super) fn ungranted_version(&self) -> PolicyVersion {
        lock(&self.0.granted.base).version().clone()
    }

    /// Puts the grants in force that hold now, and ends what others did.
    pub fn refresh_grants(&self) {
        let base = lock(&self.0.granted.base);
        let linked = base.with_grants(&self.0.granted.access.grants(Timestamp::now()));
        let from = self.0.policies.borrow().version().to_string();
        let to = linked.version().to_string();
        if from == to {
            return;
        }
        self.0.policies.send_replace(Arc::new(linked));
        self.0.audit.write(&AuditEvent::PolicyLoaded {
            from: &from,
            to: &to,
        });
    }
}

/// Keeps up with grants for as long as there is an engine.
pub(super) async fn follow(engine: Weak<Inner>) {
    loop {
        let Some(inner) = engine.upgrade() else {
            return;
        };
        let access = Arc::clone(&inner.granted.access);
        Engine(inner).refresh_grants();
        access.changed(Timestamp::now()).await;
    }
}
