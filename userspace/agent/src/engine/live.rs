//! The sessions that are open.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use weir_record::SessionId;

use super::status::LiveSession;

/// The open sessions, by id.
#[derive(Default)]
pub(super) struct Live(Mutex<BTreeMap<SessionId, LiveSession>>);

/// A session that is open until this is dropped.
pub(super) struct Registered {
    live: Arc<Live>,
    id: SessionId,
}

impl Live {
    pub(super) fn register(self: &Arc<Self>, id: SessionId, session: LiveSession) -> Registered {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, session);
        Registered {
            live: Arc::clone(self),
            id,
        }
    }

    pub(super) fn all(&self) -> Vec<LiveSession> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect()
    }

    pub(super) fn count(&self) -> u64 {
        let live = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        u64::try_from(live.len()).unwrap_or(u64::MAX)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.live
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.id);
    }
}
