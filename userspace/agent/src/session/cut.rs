//! What ends a session from outside, and how that reads to the record and to the agent.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::Notify;
use weir_policy::Refusal;
use weir_record::End;

use super::until::until;
use crate::identity::UNVERIFIED;

/// Why a session is ended from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Somebody ended it.
    Killed(Killed),
    /// Nobody vouches for its workload any more.
    IdentityLost(String),
    /// Its workload has no process left.
    WorkloadStopped,
    /// This grant holds no more.
    GrantEnded(String),
    /// The policies, or its subject's groups, that are now in force don't allow it.
    Refused(Refusal),
}

/// That somebody ended a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Killed {
    /// Who.
    pub by: String,
    /// What for, where they said so.
    pub reason: Option<String>,
}

/// Ends one session.
#[derive(Clone, Debug)]
pub struct Switch(Arc<Line>);

/// The session's side of its switch.
#[derive(Debug)]
pub struct Kills(Arc<Line>);

/// What is between the two. Small: each connection has one.
#[derive(Debug, Default)]
struct Line {
    cut: OnceLock<Cut>,
    told: Notify,
    /// How many hold the session's side.
    held: AtomicUsize,
    over: Notify,
}

impl Switch {
    /// Has the session end at once. The first who does is the one on record.
    pub fn kill(&self, killed: Killed) {
        self.cut(Cut::Killed(killed));
    }

    /// Has the session end at once, since its workload's identity holds no more.
    pub fn lose(&self, why: String) {
        self.cut(Cut::IdentityLost(why));
    }

    /// Has the session end at once, since its workload has stopped.
    pub fn stop(&self) {
        self.cut(Cut::WorkloadStopped);
    }

    fn cut(&self, cut: Cut) {
        if self.0.cut.set(cut).is_ok() {
            self.0.told.notify_waiters();
        }
    }

    /// Resolves when the session, its record and its last words are over.
    pub async fn over(&self) {
        let is_over = || (self.0.held.load(Ordering::SeqCst) == 0).then_some(());
        until(&self.0.over, is_over).await;
    }
}

impl Kills {
    /// A switch, and the side of it that a session keeps.
    #[must_use]
    pub fn switch() -> (Switch, Self) {
        let line = Arc::new(Line::default());
        (Switch(Arc::clone(&line)), Self::hold(&line))
    }

    fn hold(line: &Arc<Line>) -> Self {
        line.held.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(line))
    }

    /// Resolves once the session is to end, at once if it was before. Safe to cancel.
    pub async fn killed(&mut self) -> Cut {
        until(&self.0.told, || self.0.cut.get().cloned()).await
    }
}

impl Clone for Kills {
    fn clone(&self) -> Self {
        Self::hold(&self.0)
    }
}

impl Drop for Kills {
    fn drop(&mut self) {
        if self.0.held.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.over.notify_waiters();
        }
    }
}

impl Cut {
    /// As the record has it.
    #[must_use]
    pub fn end(self) -> End {
        match self {
            Self::Killed(Killed { by, reason }) => End::Killed { by, reason },
            Self::IdentityLost(message) => End::IdentityLost { message },
            Self::WorkloadStopped => End::WorkloadStopped,
            Self::GrantEnded(grant) => End::GrantEnded { grant },
            Self::Refused(Refusal { rule, message, .. }) => End::PolicyChanged { rule, message },
        }
    }

    /// As the agent hears it. Who ended it is not the agent's to know; what for may be.
    #[must_use]
    pub fn word(&self) -> String {
        match self {
            Self::Killed(Killed { reason, .. }) => {
                let reason = reason.as_deref().map(|reason| format!(": {reason}"));
                format!(
                    "an operator ended the session{}",
                    reason.unwrap_or_default()
                )
            }
            Self::IdentityLost(why) => format!("{why} (rule {UNVERIFIED})"),
            Self::WorkloadStopped => {
                "the workload has stopped: no process is left in its cgroup".to_owned()
            }
            Self::GrantEnded(grant) => format!(
                "the access that was granted by {grant} has ended; ask for more: weir access request"
            ),
            Self::Refused(Refusal { rule, message, .. }) => {
                format!("the policy changed: {message} (rule {rule})")
            }
        }
    }
}
