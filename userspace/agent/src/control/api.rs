//! The routes, room by room, behind the check of who calls.

use axum::{
    Extension, Router, extract::DefaultBodyLimit, http::StatusCode, middleware::from_fn_with_state,
    routing::get,
};

use super::{
    access, approvals,
    error::ApiError,
    identities,
    peer::{self, Own},
    policies, profiles,
    rooms::{
        AccessRoom, ApprovalRoom, Host, IdentityRoom, PolicyRoom, ProfileRoom, SessionRoom,
        SignInRoom, StatusRoom,
    },
    sessions, sign_in, status,
    whoami::whoami,
};
use crate::engine::Engine;

/// Requests have small bodies; a route that takes more says so itself.
const BODY_LIMIT: usize = 16 * 1024;

/// An API of as many rooms as it is given.
pub struct Api<D> {
    daemon: D,
    routes: Router<D>,
}

impl Api<Engine> {
    /// Every room of a daemon.
    #[must_use]
    pub fn of(engine: Engine) -> Self {
        Self::new(engine)
            .with_status()
            .with_sign_in()
            .with_sessions()
            .with_approvals()
            .with_access()
            .with_identities()
            .with_policies()
            .with_profiles()
    }
}

impl<D: Host> Api<D> {
    /// One that says who calls, and nothing else yet.
    #[must_use]
    pub fn new(daemon: D) -> Self {
        let routes = Router::new().route("/v1/whoami", get(whoami));
        Self { daemon, routes }
    }

    /// How it stands, too.
    #[must_use]
    pub fn with_status(self) -> Self
    where
        D: StatusRoom,
    {
        self.with(status::router())
    }

    /// Signing in and out, too.
    #[must_use]
    pub fn with_sign_in(self) -> Self
    where
        D: SignInRoom,
    {
        self.with(sign_in::router())
    }

    /// Sessions, too.
    #[must_use]
    pub fn with_sessions(self) -> Self
    where
        D: SessionRoom,
    {
        self.with(sessions::router())
    }

    /// What waits for people, too.
    #[must_use]
    pub fn with_approvals(self) -> Self
    where
        D: ApprovalRoom,
    {
        self.with(approvals::router())
    }

    /// Access that is asked for, too.
    #[must_use]
    pub fn with_access(self) -> Self
    where
        D: AccessRoom,
    {
        self.with(access::router())
    }

    /// Who workloads are, too.
    #[must_use]
    pub fn with_identities(self) -> Self
    where
        D: IdentityRoom,
    {
        self.with(identities::router())
    }

    /// The policies in force, too.
    #[must_use]
    pub fn with_policies(self) -> Self
    where
        D: PolicyRoom,
    {
        self.with(policies::router())
    }

    /// What signals have learned, too.
    #[must_use]
    pub fn with_profiles(self) -> Self
    where
        D: ProfileRoom,
    {
        self.with(profiles::router())
    }

    fn with(self, routes: Router<D>) -> Self {
        Self {
            routes: self.routes.merge(routes),
            ..self
        }
    }

    /// All of it, ready to be served.
    pub(super) fn router(self) -> Router {
        self.routes
            .fallback(unknown)
            .method_not_allowed_fallback(wrong_method)
            .layer(DefaultBodyLimit::max(BODY_LIMIT))
            .layer(from_fn_with_state(self.daemon.clone(), peer::admit::<D>))
            .layer(Extension(Own::of_this_process()))
            .with_state(self.daemon)
    }
}

async fn unknown() -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "no_such_route",
        "the local API has no such path",
    )
}

async fn wrong_method() -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "wrong_method",
        "the path is there, but not for this method",
    )
}
