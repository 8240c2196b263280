//! The policies in force, taken anew.

use axum::{Json, Router, extract::State, http::StatusCode, routing::post};

use super::{caller, error::ApiError, rooms::PolicyRoom};
use crate::engine::{ReloadError, Reloaded};

pub(super) fn router<D: PolicyRoom>() -> Router<D> {
    caller::operators(Router::new().route("/v1/policy/reload", post(reload::<D>)))
}

async fn reload<D: PolicyRoom>(State(daemon): State<D>) -> Result<Json<Reloaded>, ApiError> {
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
