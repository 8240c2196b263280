//! What the local API may ask of what it is in front of, room by room: to tell, to take people's
//! answers, and to read policies anew. Lifting enforcement or changing what is governed is in none.

use std::{future::Future, path::Path};

use weir_identity::{People, SignIns};
use weir_record::{
    RecordError, SessionId,
    retain::{Due, Limits},
};
use weir_store::Indexer;

use super::kill::Ended;
use crate::{
    access::AccessDesk,
    approve::Approvals,
    audit::AuditEvent,
    engine::{Engine, KillError, ReloadError, Reloaded, Status},
    identity::RegistryError,
    session::Killed,
    signals::Signals,
};

/// Whoever has an API: who may call it.
pub trait Host: Clone + Send + Sync + 'static {
    /// The governed cgroups, whose processes may not.
    fn governed(&self) -> Vec<String>;

    /// Who is signed in.
    fn people(&self) -> &People;

    /// Puts something in the log of events.
    fn audit(&self, event: &AuditEvent<'_>);
}

/// How it stands.
pub trait StatusRoom: Host {
    /// What is going on.
    fn status(&self) -> Status;

    /// What is counted, as Prometheus reads it.
    fn metrics(&self) -> String;
}

/// By what people sign in.
pub trait SignInRoom: Host {
    /// The providers.
    fn sign_ins(&self) -> &SignIns;
}

/// Sessions, live and recorded.
pub trait SessionRoom: Host {
    /// Where the records are.
    fn records(&self) -> &Path;

    /// The index of these records, where one is kept.
    fn index(&self) -> Option<&Indexer>;

    /// Those that are live.
    fn live(&self) -> Vec<SessionId>;

    /// What is kept by itself.
    fn kept(&self) -> Limits;

    /// The sessions that would be removed now, oldest first. Blocks.
    ///
    /// # Errors
    /// The records can't be read.
    fn due(&self, limits: Limits) -> Result<Vec<Due>, RecordError>;

    /// Removes them. Blocks.
    ///
    /// # Errors
    /// They can't be removed, or that can't be told of.
    fn prune(&self, limits: Limits) -> Result<Vec<Due>, RecordError>;

    /// Ends the live session whose id begins so, and waits for its end.
    ///
    /// # Errors
    /// No session is live under that name, or several are.
    fn kill(
        &self,
        prefix: &str,
        killed: Killed,
    ) -> impl Future<Output = Result<Ended, KillError>> + Send;
}

/// What waits for people.
pub trait ApprovalRoom: Host {
    /// The table.
    fn approvals(&self) -> &Approvals;
}

/// Access that is asked for and granted.
pub trait AccessRoom: Host {
    /// The desk.
    fn access(&self) -> &AccessDesk;

    /// Puts the grants in force that hold now.
    fn refresh_grants(&self);
}

/// Who workloads are.
pub trait IdentityRoom: Host {
    /// Revokes an identity, or takes that back: true if anything changed.
    ///
    /// # Errors
    /// There is none of this name, or it can't be kept.
    fn revoke(&self, name: &str, revoked: bool) -> Result<bool, RegistryError>;
}

/// What signals have counted and learned.
pub trait ProfileRoom: Host {
    /// All of them.
    fn signals(&self) -> &Signals;
}

/// The policies in force.
pub trait PolicyRoom: Host {
    /// Takes the policies as they are now on disk.
    ///
    /// # Errors
    /// They don't load; those that are in force stay.
    fn reload_policies(&self) -> Result<Reloaded, ReloadError>;
}

impl Host for Engine {
    fn governed(&self) -> Vec<String> {
        Self::governed(self)
    }

    fn people(&self) -> &People {
        Self::people(self)
    }

    fn audit(&self, event: &AuditEvent<'_>) {
        Self::audit(self).write(event);
    }
}

impl StatusRoom for Engine {
    fn status(&self) -> Status {
        Self::status(self)
    }

    fn metrics(&self) -> String {
        Self::metrics(self)
    }
}

impl SignInRoom for Engine {
    fn sign_ins(&self) -> &SignIns {
        Self::sign_ins(self)
    }
}

impl SessionRoom for Engine {
    fn records(&self) -> &Path {
        Self::records(self)
    }

    fn index(&self) -> Option<&Indexer> {
        Self::index(self)
    }

    fn live(&self) -> Vec<SessionId> {
        Self::live(self)
    }

    fn kept(&self) -> Limits {
        Self::kept(self)
    }

    fn due(&self, limits: Limits) -> Result<Vec<Due>, RecordError> {
        Self::recorder(self).due(limits)
    }

    fn prune(&self, limits: Limits) -> Result<Vec<Due>, RecordError> {
        let pruned = Self::recorder(self).prune(limits);
        if let Some(index) = Self::index(self) {
            index.wake();
        }
        pruned
    }

    async fn kill(&self, prefix: &str, killed: Killed) -> Result<Ended, KillError> {
        let (id, over) = Self::kill(self, prefix, killed).await?;
        Ok(Ended { id, over })
    }
}

impl ApprovalRoom for Engine {
    fn approvals(&self) -> &Approvals {
        Self::approvals(self)
    }
}

impl AccessRoom for Engine {
    fn access(&self) -> &AccessDesk {
        Self::access(self)
    }

    fn refresh_grants(&self) {
        Self::refresh_grants(self);
    }
}

impl IdentityRoom for Engine {
    fn revoke(&self, name: &str, revoked: bool) -> Result<bool, RegistryError> {
        Self::revoke(self, name, revoked)
    }
}

impl ProfileRoom for Engine {
    fn signals(&self) -> &Signals {
        Self::signals(self)
    }
}

impl PolicyRoom for Engine {
    fn reload_policies(&self) -> Result<Reloaded, ReloadError> {
        Self::reload_policies(self)
    }
}
