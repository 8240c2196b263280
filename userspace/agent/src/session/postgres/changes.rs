//! How the sessions of one database tell one another that its shape has changed, or may be changing.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// How many changes the sessions of one database have told of, and how many of them may be making one.
#[derive(Debug, Default)]
pub(super) struct Changes {
    told: AtomicU64,
    under_way: AtomicU64,
}

impl Changes {
    pub(super) fn count(&self) -> u64 {
        self.told.load(Ordering::Acquire)
    }

    pub(super) fn tell(&self) -> u64 {
        self.told.fetch_add(1, Ordering::AcqRel)
    }

    /// How many sessions may be making one that others see before it is told of.
    pub(super) fn under_way(&self) -> u64 {
        self.under_way.load(Ordering::Acquire)
    }

    /// Tells that something has changed by the reading before which `told` changes were told of, and
    /// returns how many that tells of: no more where others came meanwhile.
    pub(super) fn tell_of(&self, told: u64) -> u64 {
        if self.tell() == told { told + 1 } else { told }
    }
}

/// A session has sent what may change the shape for others long before it is answered.
#[derive(Debug)]
pub(super) struct UnderWay(Arc<Changes>);

impl UnderWay {
    pub(super) fn new(changes: &Arc<Changes>) -> Self {
        changes.under_way.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(changes))
    }

    /// Tells the others that it has taken effect, if it has.
    pub(super) fn tell(self) {
        self.0.tell();
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::AcqRel);
    }
}
