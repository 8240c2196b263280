//! Drive one protocol's codec, both ways, or pass on what weir doesn't read. Which command may go on
//! is asked of [`judge`], never decided here.

pub mod counted;
pub mod datagrams;
pub mod judge;
pub mod opaque;
pub mod postgres;

mod asked;
mod cut;
mod news;
mod passing;
mod standing;
mod until;

use std::{future::pending, sync::Arc};

use tokio::sync::watch;
use weir_policy::{Policies, Subject};

pub use self::cut::{Cut, Killed, Kills, Switch};
use crate::{approve::Desk, signals::Signals};

/// What may change while a session lives.
pub struct Watched {
    /// The policies in force.
    pub policies: watch::Receiver<Arc<Policies>>,
    /// Who the workload is, as far as that can change in a session: its groups.
    pub subject: watch::Receiver<Arc<Subject>>,
    /// Becomes true when the engine stops.
    pub shutdown: watch::Receiver<bool>,
    /// Tells once the session is to end.
    pub killed: Kills,
    /// What sessions have done, counted.
    pub signals: Arc<Signals>,
    /// Where it asks people; nothing where it can't wait for them.
    pub approvals: Option<Desk>,
}

/// What came into force while a session lives.
#[derive(Clone, Debug)]
pub enum Change {
    /// Other policies.
    Policies(Arc<Policies>),
    /// Other groups of its subject.
    Subject(Arc<Subject>),
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
