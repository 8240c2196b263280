//! The local API: how the command line and the console speak with the daemon.
//!
//! HTTP on a unix socket, everything under `/v1`, JSON both ways, errors as
//! `{"error": {"code", "message", "help"}}`. Who calls is known from the kernel (root or the daemon's
//! own user) or from the token of a person's sign-in (`Authorization: Bearer …`), and is never a
//! process inside a governed cgroup, whatever its user.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/status` | [`Status`](crate::engine::Status) |
//! | `GET /v1/metrics` | the same as Prometheus reads it |
//! | `GET /v1/sessions?subject=…&limit=` | [`Sessions`], newest first: those that are [`Wanted`] |
//! | `POST /v1/sessions/prune` | [`Pruned`], of a [`Prune`] |
//! | `POST /v1/sessions/reindex` | [`Reindexed`], once the index is made anew |
//! | `GET /v1/sessions/{id}/watch?results=true` | lines of [`Told`], as they come |
//! | `GET /v1/watch` | the same of all live sessions, from now on |
//! | `GET /v1/sessions/{id}` | [`Session`]; `{id}` may be the beginning of one |
//! | `GET /v1/sessions/{id}/record` | the record's bytes, as far as they are written |
//! | `POST /v1/sessions/{id}/kill` with `{"reason"}` or `{}` | [`Ended`]; of a live session |
//! | `POST /v1/policy/reload` | [`Reloaded`](crate::engine::Reloaded) |
//! | `GET /v1/profiles` | [`Profiles`]: what is usual for whom, as it stands |
//! | `GET /v1/profiles/of/{signal}?of=` | [`Profile`] |
//! | `POST /v1/profiles/reset` with [`Reset`] | [`WereReset`] |
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
//! | `GET /v1/access/{id}` | [`AccessRequest`](crate::access::AccessRequest), by its id or the beginning of it |
//! | `POST /v1/access` | [`AccessRequest`](crate::access::AccessRequest) for a [`Wanted`](crate::access::Wanted) |
//! | `POST /v1/access/{id}/answer` | [`AccessRequest`](crate::access::AccessRequest) for an [`Answer`](crate::access::Answer) |
//! | `POST /v1/sign-out` | [`SignedOut`]; for who is signed in |
//!
//! Not its job: lifting enforcement or changing what is governed. It is handed [`rooms`] of the daemon,
//! none of which can.
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
mod policies;
mod profiles;
mod prune;
pub mod rooms;
mod server;
mod sessions;
mod sign_in;
mod socket;
mod status;
pub(crate) mod watch;
mod whoami;

pub use access::AccessRequests;
pub use api::Api;
pub use approvals::{Approve, Deny, For, Requests};
pub use error::ControlError;
pub use identities::Revoked;
pub use kill::Ended;
pub use profiles::{Profile, Profiles, Reset, WereReset};
pub use prune::{Prune, Pruned};
pub use server::Server;
pub use sessions::{Reindexed, Session};
pub use sign_in::{Begin, Providers, SignedIn, SignedOut};
pub use socket::Access;
pub use watch::{Followed, Follower, Told, Went, What};
pub use weir_store::{Sessions, Unreadable, Wanted};
pub use whoami::WhoAmI;

#[cfg(test)]
mod tests;
