//! Drive one protocol's codec, both ways, or pass on what weir doesn't read. Which command may go on
//! is asked of [`judge`], never decided here.

pub mod counted;
pub mod datagrams;
pub mod judge;
pub mod opaque;
pub mod postgres;

mod asked;
mod passing;
mod standing;

use std::{future::pending, sync::Arc};

use tokio::sync::watch;
use weir_policy::{Policies, Subject};
use weir_record::End;

use crate::{approve::Desk, signals::Signals};

/// What may change while a session lives.
pub struct Watched {
    /// The policies in force.
    pub policies: watch::Receiver<Arc<Policies>>,
    /// Who the workload is, as far as that can change in a session: its groups.
    pub subject: watch::Receiver<Arc<Subject>>,
    /// Becomes true when the engine stops.
    pub shutdown: watch::Receiver<bool>,
    /// Tells once somebody ends the session.
    pub killed: Kills,
    /// What sessions have done, counted.
    pub signals: Arc<Signals>,
    /// Where it asks people; nothing where it can't wait for them.
    pub approvals: Option<Desk>,
}

/// That somebody ended a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Killed {
    /// Who.
    pub by: String,
    /// What for, where they said so.
    pub reason: Option<String>,
}

/// What came into force while a session lives.
#[derive(Clone, Debug)]
pub enum Change {
    /// Other policies.
    Policies(Arc<Policies>),
    /// Other groups of its subject.
    Subject(Arc<Subject>),
}

/// Why a session is ended from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Somebody ended it.
    Killed(Killed),
    /// Nobody vouches for its workload any more.
    Unverified(String),
}

/// Ends one session.
#[derive(Clone, Debug)]
pub struct Switch(watch::Sender<Option<Cut>>);

impl Switch {
    /// Has the session end at once. The first who does is the one on record.
    pub fn kill(&self, killed: Killed) {
        self.cut(Cut::Killed(killed));
    }

    /// Has the session end at once, since its workload's identity holds no more.
    pub fn lose(&self, why: String) {
        self.cut(Cut::Unverified(why));
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

/// The session's side of its switch.
#[derive(Clone, Debug)]
pub struct Kills(watch::Receiver<Option<Cut>>);

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

impl Change {
    /// Resolves once other policies or groups are in force. Safe to cancel.
    pub async fn next(
        policies: &mut watch::Receiver<Arc<Policies>>,
        subject: &mut watch::Receiver<Arc<Subject>>,
    ) -> Self {
        tokio::select! {
            Ok(()) = policies.changed() => {
                Self::Policies(policies.borrow_and_update().clone())
            }
            Ok(()) = subject.changed() => Self::Subject(subject.borrow_and_update().clone()),
            // Nobody is left who could.
            else => pending().await,
        }
    }

    /// As the record notes it.
    #[must_use]
    pub fn note(&self) -> String {
        match self {
            Self::Policies(policies) => {
                format!("judged from here on by policy {}", policies.version())
            }
            Self::Subject(subject) => format!(
                "the subject's groups are from here on: {}",
                subject.groups.join(", ")
            ),
        }
    }
}

impl Cut {
    /// As the record has it.
    #[must_use]
    pub fn end(self) -> End {
        match self {
            Self::Killed(Killed { by, reason }) => End::Killed { by, reason },
            Self::Unverified(message) => End::PolicyChanged {
                rule: crate::identity::UNVERIFIED.to_owned(),
                message,
            },
        }
    }
}
