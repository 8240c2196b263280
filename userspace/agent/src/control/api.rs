//! The routes, and the answers that need no record.

use axum::{
    Extension, Json, Router,
    extract::{DefaultBodyLimit, State},
    http::StatusCode,
    middleware::{from_fn, from_fn_with_state},
    routing::{get, post},
};

use super::{
    Daemon, access, approvals, caller,
    error::ApiError,
    identities, kill, metrics,
    peer::{self, Own},
    sessions, sign_in, watch,
    whoami::whoami,
};
use crate::engine::{ReloadError, Reloaded, Status};

/// Requests have small bodies; a route that takes more says so itself.
const BODY_LIMIT: usize = 16 * 1024;

/// Every route behind the check of who calls.
pub(super) fn router<D: Daemon>(daemon: D) -> Router {
    let operators = Router::new()
        .route("/v1/status", get(status::<D>))
        .route("/v1/metrics", get(metrics::metrics::<D>))
        .route("/v1/sessions", get(sessions::list::<D>))
        .route("/v1/sessions/{id}", get(sessions::session::<D>))
        .route("/v1/sessions/{id}/record", get(sessions::record::<D>))
        .route("/v1/sessions/reindex", post(sessions::reindex::<D>))
        .route("/v1/sessions/{id}/watch", get(watch::one::<D>))
        .route("/v1/watch", get(watch::all::<D>))
        .route("/v1/sessions/{id}/kill", post(kill::kill::<D>))
        .route("/v1/policy/reload", post(reload::<D>))
        .route(
            "/v1/identities/{name}/revoke",
            post(identities::revoke::<D>),
        )
        .route(
            "/v1/identities/{name}/restore",
            post(identities::restore::<D>),
        )
        .route_layer(from_fn(caller::operators));
    operators
        .route("/v1/approvals", get(approvals::list::<D>))
        .route("/v1/approvals/watch", get(approvals::watch::<D>))
        .route("/v1/approvals/{id}", get(approvals::show::<D>))
        .route("/v1/approvals/{id}/approve", post(approvals::yes::<D>))
        .route("/v1/approvals/{id}/deny", post(approvals::no::<D>))
        .route("/v1/whoami", get(whoami))
        .merge(sign_in::router())
        .merge(access::router())
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn_with_state(daemon.clone(), peer::admit::<D>))
        .layer(Extension(Own::of_this_process()))
        .with_state(daemon)
}

async fn status<D: Daemon>(State(daemon): State<D>) -> Json<Status> {
    Json(daemon.status())
}

async fn reload<D: Daemon>(State(daemon): State<D>) -> Result<Json<Reloaded>, ApiError> {
    // Parsing and validating policies is work, not waiting.
    let reloaded = tokio::task::spawn_blocking(move || daemon.reload_policies())
        .await
        .map_err(|error| ApiError::internal(&error))?;
    reloaded.map(Json).map_err(|error| {
        let code = match error {
            ReloadError::Rejected(_) => "policy_rejected",
            ReloadError::NotSigned { .. } => "policy_not_signed",
            ReloadError::Read(_) | ReloadError::Memory { .. } => "policy_unreadable",
        };
        ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, code, &error)
            .with_help("the policies that were in force stay in force")
    })
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
