//! Drive one protocol's codec, both ways, or pass on what weir doesn't read. Which command may go on
//! is asked of [`judge`], never decided here.

pub mod counted;
pub mod datagrams;
pub mod judge;
pub mod opaque;
pub mod postgres;

mod asked;
mod passing;

use std::{future::pending, sync::Arc};

use tokio::sync::watch;
use weir_policy::Policies;
use weir_record::End;

use crate::{approve::Desk, signals::Signals};

/// What may change while a session lives.
pub struct Watched {
    /// The policies in force.
    pub policies: watch::Receiver<Arc<Policies>>,
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

/// Ends one session.
#[derive(Clone, Debug)]
pub struct Switch(watch::Sender<Option<Killed>>);

impl Switch {
    /// Has the session end at once. The first who does is the one on record.
    pub fn kill(&self, killed: Killed) {
        self.0.send_if_modified(|told| {
            let first = told.is_none();
            told.get_or_insert(killed);
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
pub struct Kills(watch::Receiver<Option<Killed>>);

impl Kills {
    /// A switch, and the side of it that a session keeps.
    #[must_use]
    pub fn switch() -> (Switch, Self) {
        let (switch, kills) = watch::channel(None);
        (Switch(switch), Self(kills))
    }

    /// Resolves once the session is to end, at once if it was before. Safe to cancel.
    pub async fn killed(&mut self) -> Killed {
        let killed = self.0.wait_for(Option::is_some).await;
        let killed = killed.ok().and_then(|killed| killed.clone());
        match killed {
            Some(killed) => killed,
            // Nobody is left who could.
            None => pending().await,
        }
    }
}

impl Killed {
    /// As the record has it.
    #[must_use]
    pub fn end(self) -> End {
        let Self { by, reason } = self;
        End::Killed { by, reason }
    }
}
