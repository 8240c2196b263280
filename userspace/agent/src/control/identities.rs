//! Revoking an identity, and taking that back.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};

use super::{Daemon, error::ApiError};
use crate::identity::RegistryError;

/// What became of an identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoked {
    /// Which.
    pub name: String,
    /// Whether it is revoked now.
    pub revoked: bool,
    /// False where it was so before.
    pub changed: bool,
}

pub(super) async fn revoke<D: Daemon>(
    State(daemon): State<D>,
    Path(name): Path<String>,
) -> Result<Json<Revoked>, ApiError> {
    set(daemon, name, true).await
}

pub(super) async fn restore<D: Daemon>(
    State(daemon): State<D>,
    Path(name): Path<String>,
) -> Result<Json<Revoked>, ApiError> {
    set(daemon, name, false).await
}

async fn set<D: Daemon>(daemon: D, name: String, revoked: bool) -> Result<Json<Revoked>, ApiError> {
    let wanted = name.clone();
    // It is on disk before it is so.
    let set = tokio::task::spawn_blocking(move || daemon.revoke(&wanted, revoked)).await;
    match set.map_err(|error| ApiError::internal(&error))? {
        Ok(changed) => Ok(Json(Revoked {
            name,
            revoked,
            changed,
        })),
        Err(error @ RegistryError::Unknown(_)) => {
            Err(
                ApiError::new(StatusCode::NOT_FOUND, "no_such_identity", &error)
                    .with_help("`weir identity list` has their names"),
            )
        }
        Err(error) => Err(ApiError::internal(&error)),
    }
}
