//! What ends a session from outside, and how that reads to the record and to the agent.

use std::future::pending;

use tokio::sync::watch;
use weir_policy::Refusal;
use weir_record::End;

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
pub struct Switch(watch::Sender<Option<Cut>>);

/// The session's side of its switch.
#[derive(Clone, Debug)]
pub struct Kills(watch::Receiver<Option<Cut>>);

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
        self.0.send_if_modified(|told| {
            let first = told.is_none();
            told.get_or_insert(cut);
            first
        });
    }

    /// Resolves when the session, its record and its last words are over.
    pub async fn over(&self) {
        self.0.closed().await;
    }
}

impl Kills {
    /// A switch, and the side of it that a session keeps.
    #[must_use]
    pub fn switch() -> (Switch, Self) {
        let (switch, kills) = watch::channel(None);
        (Switch(switch), Self(kills))
    }

    /// Resolves once the session is to end, at once if it was before. Safe to cancel.
    pub async fn killed(&mut self) -> Cut {
        let killed = self.0.wait_for(Option::is_some).await;
        let killed = killed.ok().and_then(|killed| killed.clone());
        match killed {
            Some(killed) => killed,
            // Nobody is left who could.
            None => pending().await,
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
