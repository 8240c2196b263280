//! Which session a cancel key stands for. The agent never sees the target's own key, which could
//! cancel from anywhere, but one of weir's, which works for its own workload only.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use rustls::crypto::ring;
use tokio::sync::Notify;
use weir_wire::postgres::{CancelRequest, backend::BackendKeyData};

use crate::{
    config::{TargetName, WorkloadName},
    session::until::until,
};

/// The keys of all live sessions.
#[derive(Default)]
pub struct Cancels(Mutex<HashMap<(u32, Bytes), Cancellable>>);

/// How long a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyLength {
    /// 4 bytes, as protocol 3.0 has it.
    Short,
    /// 32 bytes, as a server gives who speaks 3.2.
    Long,
}

impl KeyLength {
    fn bytes(self) -> usize {
        match self {
            Self::Short => 4,
            Self::Long => 32,
        }
    }
}

/// What one key stands for.
#[derive(Clone)]
pub struct Cancellable {
    /// Whose session it is.
    pub workload: WorkloadName,
    /// Where.
    pub target: TargetName,
    /// The target's own key.
    pub theirs: BackendKeyData,
    /// What the session waits for in weir itself.
    pub interrupt: Arc<Interrupt>,
}

/// Cancels what a session holds for people: the target has nothing of it.
#[derive(Debug, Default)]
pub struct Interrupt {
    holds: AtomicBool,
    /// How often something was cancelled: what was meant for one message must not meet the next.
    cancelled: AtomicU64,
    told: Notify,
}

impl Interrupt {
    /// The session holds a message from here on. What is given back tells this hold from others.
    pub(super) fn begin(&self) -> u64 {
        let before = self.cancelled.load(Ordering::SeqCst);
        self.holds.store(true, Ordering::SeqCst);
        before
    }

    /// It does not any more.
    pub(super) fn end(&self) {
        self.holds.store(false, Ordering::SeqCst);
    }

    /// Cancels what is held. False where nothing is: then it is the target's to cancel.
    pub(super) fn interrupt(&self) -> bool {
        let held = self.holds.swap(false, Ordering::SeqCst);
        if held {
            self.cancelled.fetch_add(1, Ordering::SeqCst);
            self.told.notify_waiters();
        }
        held
    }

    /// Resolves when the hold that began so is cancelled. Safe to cancel.
    pub(super) async fn interrupted(&self, began: u64) {
        let is_cancelled = || (self.cancelled.load(Ordering::SeqCst) != began).then_some(());
        until(&self.told, is_cancelled).await;
    }
}

/// A key that is in force until this is dropped.
pub struct Registered {
    cancels: Arc<Cancels>,
    pid: u32,
    key: Bytes,
}

impl Cancels {
    /// Makes a key for a session. `None` without randomness, or for an id and key that are in use:
    /// then the session can't be cancelled.
    #[must_use]
    pub fn register(
        self: &Arc<Self>,
        session: Cancellable,
        length: KeyLength,
    ) -> Option<Registered> {
        let mut key = vec![0; length.bytes()];
        ring::default_provider().secure_random.fill(&mut key).ok()?;
        let key = Bytes::from(key);
        let pid = session.theirs.pid();
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.contains_key(&(pid, key.clone())) {
            return None;
        }
        keys.insert((pid, key.clone()), session);
        Some(Registered {
            cancels: Arc::clone(self),
            pid,
            key,
        })
    }

    /// The session that a request means, if it is the caller's to cancel.
    #[must_use]
    pub fn find(&self, request: &CancelRequest, workload: &WorkloadName) -> Option<Cancellable> {
        let keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.get(&(request.pid, request.key.clone()))
            .filter(|found| found.workload == *workload)
            .cloned()
    }
}

impl Registered {
    /// The key as the agent gets it.
    #[must_use]
    pub fn message(&self) -> Option<BackendKeyData> {
        BackendKeyData::new(self.pid, &self.key).ok()
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut keys = self
            .cancels
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        keys.remove(&(self.pid, self.key.clone()));
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn session(workload: &str) -> Cancellable {
        Cancellable {
            workload: workload.parse().unwrap(),
            target: "db".parse().unwrap(),
            theirs: BackendKeyData::new(7, b"real").unwrap(),
            interrupt: Arc::default(),
        }
    }

    fn request(pid: u32, key: &[u8]) -> CancelRequest {
        let key = Bytes::copy_from_slice(key);
        CancelRequest { pid, key }
    }

    #[test]
    fn a_key_works_for_its_own_workload_as_long_as_its_session_lives() {
        let cancels = Arc::new(Cancels::default());
        let (mine, theirs) = ("mine".parse().unwrap(), "theirs".parse().unwrap());
        let given = cancels.register(session("mine"), KeyLength::Short).unwrap();
        let asked = request(7, given.message().unwrap().key());
        assert_eq!(cancels.find(&asked, &mine).unwrap().theirs.key(), "real");
        assert!(cancels.find(&asked, &theirs).is_none());
        drop(given);
        assert!(cancels.find(&asked, &mine).is_none());
    }

    #[tokio::test]
    async fn what_cancels_one_hold_does_not_meet_the_next() {
        let interrupt = Interrupt::default();
        assert!(!interrupt.interrupt(), "nothing is held");
        let first = interrupt.begin();
        assert!(interrupt.interrupt());
        interrupt.interrupted(first).await;
        interrupt.end();
        let second = interrupt.begin();
        let none = std::time::Duration::from_millis(20);
        let met = tokio::time::timeout(none, interrupt.interrupted(second)).await;
        assert!(met.is_err());
    }

    #[test]
    fn the_targets_own_key_and_lengths_that_none_has_are_unknown() {
        let cancels = Arc::new(Cancels::default());
        let mine = "mine".parse().unwrap();
        let given = cancels.register(session("mine"), KeyLength::Long).unwrap();
        let key = given.message().unwrap().key().to_vec();
        assert_eq!(key.len(), 32);
        for wrong in [&b"real"[..], b"", &key[..4], &[&key[..], &[0]].concat()] {
            assert!(cancels.find(&request(7, wrong), &mine).is_none());
        }
        assert!(cancels.find(&request(8, &key), &mine).is_none());
    }
}
