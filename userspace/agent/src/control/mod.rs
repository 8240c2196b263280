//! The local API: how the command line and the console speak with the daemon.
//!
//! HTTP on a unix socket, everything under `/v1`, JSON both ways, errors as
//! `{"error": {"code", "message", "help"}}`. Who calls is known from the kernel (root or the daemon's
//! own user) or from the token of a person's sign-in (`Authorization: Bearer …`), and is never a
//! process inside a governed cgroup, whatever its user.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/status` | [`Status`] |
//! | `GET /v1/metrics` | the same as Prometheus reads it |
//! | `GET /v1/sessions?subject=…&limit=` | [`Sessions`], newest first: those that are [`Wanted`] |
//! | `POST /v1/sessions/reindex` | [`Reindexed`], once the index is made anew |
//! | `GET /v1/sessions/{id}/watch?results=true` | lines of [`Told`], as they come |
//! | `GET /v1/watch` | the same of all live sessions, from now on |
//! | `GET /v1/sessions/{id}` | [`Session`]; `{id}` may be the beginning of one |
//! | `GET /v1/sessions/{id}/record` | the record's bytes, as far as they are written |
//! | `POST /v1/sessions/{id}/kill` with `{"reason"}` or `{}` | [`Ended`]; of a live session |
//! | `POST /v1/policy/reload` | [`Reloaded`] |
//! | `GET /v1/approvals?state=` | [`Requests`] that are the caller's to see, newest first |
//! | `GET /v1/approvals/{id}` | one, by its id or the beginning of it |
//! | `POST /v1/approvals/{id}/approve` | [`Approve`]; the request as it is then |
//! | `POST /v1/approvals/{id}/deny` | [`Deny`]; the request as it is then |
//! | `GET /v1/approvals/watch` | a [`Change`](crate::approve::Change) a line, as they happen |
//! | `POST /v1/identities/{name}/revoke`, `…/restore` | [`Revoked`] |
//! | `GET /v1/whoami` | [`WhoAmI`]; for anybody |
//! | `GET /v1/providers` | [`Providers`], what a client needs to sign somebody in; for anybody |
//! | `POST /v1/sign-in` | [`SignedIn`] for an [`Evidence`](weir_identity::Evidence); for anybody |
//! | `POST /v1/sign-in/begin` | [`Begun`](weir_identity::saml::Begun) for a [`Begin`]: where a SAML sign-in goes; for anybody |
//! | `GET /v1/access` | [`AccessRequests`]: what the caller asked for or may answer; for who is signed in |
//! | `GET /v1/access/{id}` | [`AccessRequest`], by its id or the beginning of it |
//! | `POST /v1/access` | [`AccessRequest`] for a [`Wanted`](crate::access::Wanted) |
//! | `POST /v1/access/{id}/answer` | [`AccessRequest`] for an [`Answer`](crate::access::Answer) |
//! | `POST /v1/sign-out` | [`SignedOut`]; for who is signed in |
//!
//! Not its job: lifting enforcement or changing what is governed. It is handed a [`Daemon`], which
//! can't.
//!
//! Known limit: the kernel tells who *connected*. A caller that hands its open connection to
//! another process vouches for it.

mod access;
mod api;
mod approvals;
mod body;
mod caller;
pub mod client;
mod error;
mod identities;
mod kill;
mod listener;
mod metrics;
mod peer;
mod server;
mod sessions;
mod sign_in;
mod socket;
pub(crate) mod watch;
mod whoami;

use std::{future::Future, path::Path};

use weir_identity::{People, SignIns};
use weir_store::Indexer;

use crate::{
    access::{AccessDesk, AccessRequest},
    approve::Approvals,
    audit::AuditEvent,
    engine::{Engine, KillError, ReloadError, Reloaded, Status},
    identity::RegistryError,
    session::Killed,
};

pub use access::AccessRequests;
pub use approvals::{Approve, Deny, For, Requests};
pub use error::ControlError;
pub use identities::Revoked;
pub use kill::Ended;
pub use server::Server;
pub use sessions::{Reindexed, Session};
pub use sign_in::{Begin, Providers, SignedIn, SignedOut};
pub use socket::Access;
pub use watch::{Followed, Follower, Told, Went, What};
pub use weir_store::{Sessions, Unreadable, Wanted};
pub use whoami::WhoAmI;

/// What the local API may ask of the engine: to tell, and to read its policies anew.
pub trait Daemon: Clone + Send + Sync + 'static {
    /// What is going on.
    fn status(&self) -> Status;

    /// Where the sessions' records are.
    fn records(&self) -> &Path;

    /// The index of these records, where one is kept.
    fn index(&self) -> Option<&Indexer>;

    /// Who is signed in.
    fn people(&self) -> &People;

    /// What waits for people.
    fn approvals(&self) -> &Approvals;

    /// By what people sign in.
    fn sign_ins(&self) -> &SignIns;

    /// Revokes an identity, or takes that back: true if anything changed.
    ///
    /// # Errors
    /// There is none of this name, or it can't be kept.
    fn revoke(&self, name: &str, revoked: bool) -> Result<bool, RegistryError>;
    /// Where access is asked for and granted.
    fn access(&self) -> &AccessDesk;

    /// Puts the grants in force that hold now.
    fn refresh_grants(&self);

    /// Tells of an access request, and of what became of it.
    fn tell_access(&self, request: &AccessRequest);

    /// Takes the policies as they are now on disk.
    ///
    /// # Errors
    /// They don't load; those that are in force stay.
    fn reload_policies(&self) -> Result<Reloaded, ReloadError>;

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

impl Daemon for Engine {
    fn status(&self) -> Status {
        Self::status(self)
    }

    fn records(&self) -> &Path {
        Self::records(self)
    }

    fn index(&self) -> Option<&Indexer> {
        Self::index(self)
    }

    fn people(&self) -> &People {
        Self::people(self)
    }

    fn approvals(&self) -> &Approvals {
        Self::approvals(self)
    }

    fn sign_ins(&self) -> &SignIns {
        Self::sign_ins(self)
    }

    fn revoke(&self, name: &str, revoked: bool) -> Result<bool, RegistryError> {
        Self::revoke(self, name, revoked)
    }

    fn access(&self) -> &AccessDesk {
        Self::access(self)
    }

    fn refresh_grants(&self) {
        Self::refresh_grants(self);
    }

    fn tell_access(&self, request: &AccessRequest) {
        self.audit().write(&AuditEvent::Access { request });
    }

    fn reload_policies(&self) -> Result<Reloaded, ReloadError> {
        Self::reload_policies(self)
    }

    async fn kill(&self, prefix: &str, killed: Killed) -> Result<Ended, KillError> {
        let (id, over) = Self::kill(self, prefix, killed).await?;
        Ok(Ended { id, over })
    }
}

#[cfg(test)]
mod tests;
