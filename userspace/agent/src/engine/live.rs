//! The sessions that are open, and the switch that ends each.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{task::spawn_blocking, time::timeout};
use weir_record::{RecordError, SessionId};
use weir_store::Indexer;

use super::{Engine, status::LiveSession};
use crate::{
    audit::AuditEvent,
    session::{Cut, Killed, Switch},
};

/// How long is waited for a session to end that was ended. It takes no longer than its last words.
const ENDING: Duration = Duration::from_secs(10);

/// The open sessions, by id.
#[derive(Default)]
pub(super) struct Live {
    open: Mutex<BTreeMap<SessionId, Open>>,
    /// Hears when a session is over, where an index is kept.
    index: Option<Indexer>,
}

struct Open {
    session: LiveSession,
    switch: Switch,
}

/// A session that is open until this is dropped.
pub(super) struct Registered {
    live: Arc<Live>,
    id: SessionId,
}

/// Why a session can't be ended.
#[derive(Debug, thiserror::Error)]
pub enum KillError {
    /// None that is open has an id that begins so.
    #[error("no open session has an id that begins with {0}")]
    NotLive(String),
    /// Several have.
    #[error("{0} begins the ids of several open sessions")]
    Ambiguous(String),
    /// Its end can't be recorded.
    #[error(transparent)]
    Unrecorded(#[from] RecordError),
}

impl Engine {
    /// The index of its records, where it keeps one.
    #[must_use]
    pub fn index(&self) -> Option<&Indexer> {
        self.0.live.index.as_ref()
    }

    /// The sessions that are open.
    #[must_use]
    pub fn live(&self) -> Vec<SessionId> {
        self.0.live.open().keys().copied().collect()
    }

    /// Ends the live session whose id begins so, and waits for its end: which it was, and whether
    /// it is over.
    ///
    /// # Errors
    /// No session is live under that name, or several are.
    pub async fn kill(&self, prefix: &str, killed: Killed) -> Result<(SessionId, bool), KillError> {
        let Killed { by, reason } = &killed;
        tracing::info!(session = prefix, by, reason, "to be ended");
        // Those of questions to the DNS are nobody's connection.
        let asked = self.0.resolver.beginning(prefix);
        let (id, switch) = match (self.0.live.find(prefix), asked.as_slice()) {
            (Err(KillError::NotLive(_)), [id]) => (*id, None),
            (Ok(_), [_, ..]) | (Err(_), [_, _, ..]) => {
                return Err(KillError::Ambiguous(prefix.to_owned()));
            }
            (found, _) => found.map(|(id, switch)| (id, Some(switch)))?,
        };
        // Before it is done: who asked for it is known whatever becomes of it.
        self.0.audit.write(&AuditEvent::SessionKilled {
            session: id,
            by,
            reason: reason.as_deref(),
        });
        let over = match switch {
            Some(switch) => ended(&switch, killed).await,
            None => self.end_questions(id, killed).await?,
        };
        Ok((id, over))
    }

    async fn end_questions(&self, id: SessionId, killed: Killed) -> Result<bool, KillError> {
        let (engine, end) = (self.clone(), Cut::Killed(killed).end());
        let ended = spawn_blocking(move || engine.0.resolver.end(id, &end)).await;
        if let Some(index) = self.index() {
            index.wake();
        }
        // Over by itself meanwhile is over, too.
        ended.map_or(Ok(false), |ended| Ok(ended.map(|_| true)?))
    }
}

/// Ends a session and waits for its end: whether it is over.
async fn ended(switch: &Switch, killed: Killed) -> bool {
    switch.kill(killed);
    timeout(ENDING, switch.over()).await.is_ok()
}

impl Live {
    /// None yet.
    pub(super) fn new(index: Option<Indexer>) -> Self {
        Self {
            open: Mutex::default(),
            index,
        }
    }

    /// The session counts as open from here on, and can be ended by its switch.
    pub(super) fn register(
        self: &Arc<Self>,
        id: SessionId,
        session: LiveSession,
        switch: Switch,
    ) -> Registered {
        self.open().insert(id, Open { session, switch });
        Registered {
            live: Arc::clone(self),
            id,
        }
    }

    fn find(&self, prefix: &str) -> Result<(SessionId, Switch), KillError> {
        let open = self.open();
        let mut found = open
            .iter()
            .filter(|(id, _)| id.to_string().starts_with(prefix));
        match (found.next(), found.next()) {
            (Some((id, open)), None) => Ok((*id, open.switch.clone())),
            (None, _) => Err(KillError::NotLive(prefix.to_owned())),
            (Some(_), Some(_)) => Err(KillError::Ambiguous(prefix.to_owned())),
        }
    }

    pub(super) fn all(&self) -> Vec<LiveSession> {
        let open = self.open();
        open.values().map(|open| open.session.clone()).collect()
    }

    pub(super) fn count(&self) -> u64 {
        u64::try_from(self.open().len()).unwrap_or(u64::MAX)
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<SessionId, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.live.open().remove(&self.id);
        if let Some(index) = &self.live.index {
            index.ended(self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::session::Kills;

    fn session(id: SessionId) -> LiveSession {
        LiveSession {
            id: id.to_string(),
            workload: "ci".into(),
            subject: "unix:alice".into(),
            target: None,
            destination: "192.0.2.1:1".into(),
            observed: false,
            since: Timestamp::UNIX_EPOCH,
        }
    }

    async fn kill(
        live: &Live,
        prefix: &str,
        killed: Killed,
    ) -> Result<(SessionId, bool), KillError> {
        let (id, switch) = live.find(prefix)?;
        Ok((id, ended(&switch, killed).await))
    }

    fn by(by: &str) -> Killed {
        Killed {
            by: by.into(),
            reason: None,
        }
    }

    #[tokio::test]
    async fn one_session_ends_and_the_first_who_ends_it_is_told() {
        let live = Arc::new(Live::default());
        let ids = [1, 2].map(|random| SessionId::new(Timestamp::UNIX_EPOCH, random));
        let [(first, mut kills), (_second, mut others)] = ids.map(|id| {
            let (switch, kills) = Kills::switch();
            (live.register(id, session(id), switch), kills)
        });
        let ambiguous = kill(&live, "0", by("root")).await;
        assert!(matches!(ambiguous, Err(KillError::Ambiguous(_))));
        let served = tokio::spawn(async move {
            let killed = kills.killed().await;
            drop(kills);
            drop(first);
            killed
        });
        let ending = kill(&live, &ids[0].to_string(), by("root")).await.unwrap();
        assert_eq!(ending, (ids[0], true));
        assert_eq!(served.await.unwrap(), Cut::Killed(by("root")));
        let gone = kill(&live, &ids[0].to_string(), by("eve")).await;
        assert!(matches!(gone, Err(KillError::NotLive(_))));
        assert_eq!(live.count(), 1);

        let other = live.find(&ids[1].to_string()).unwrap().1;
        other.kill(by("root"));
        let again = async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let killed = others.killed().await;
            drop(others);
            killed
        };
        let id = ids[1].to_string();
        let (killed, ending) = tokio::join!(again, kill(&live, &id, by("eve")));
        assert_eq!(killed, Cut::Killed(by("root")), "who came first");
        assert_eq!(ending.unwrap(), (ids[1], true));
    }
}
