//! Revoking an identity, and taking that back.

use axum::{
    Extension, Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::post,
};
use serde::{Deserialize, Serialize};

use super::{
    caller::{self, Caller},
    error::ApiError,
    rooms::IdentityRoom,
};
use crate::{audit::AuditEvent, identity::RegistryError};

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

pub(super) fn router<D: IdentityRoom>() -> Router<D> {
    caller::operators(
        Router::new()
            .route("/v1/identities/{name}/revoke", post(revoke::<D>))
            .route("/v1/identities/{name}/restore", post(restore::<D>)),
    )
}

async fn revoke<D: IdentityRoom>(
    State(daemon): State<D>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<Json<Revoked>, ApiError> {
    set(daemon, &caller, name, true).await
}

async fn restore<D: IdentityRoom>(
    State(daemon): State<D>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<Json<Revoked>, ApiError> {
    set(daemon, &caller, name, false).await
}

async fn set<D: IdentityRoom>(
    daemon: D,
    caller: &Caller,
    name: String,
    revoked: bool,
) -> Result<Json<Revoked>, ApiError> {
    let (wanted, told) = (name.clone(), daemon.clone());
    // It is on disk before it is so.
    let set = tokio::task::spawn_blocking(move || daemon.revoke(&wanted, revoked)).await;
    match set.map_err(|error| ApiError::internal(&error))? {
        Ok(changed) => {
            let (identity, by) = (name.as_str(), &*caller.name());
            match (changed, revoked) {
                (true, true) => told.audit(&AuditEvent::IdentityRevoked { identity, by }),
                (true, false) => told.audit(&AuditEvent::IdentityRestored { identity, by }),
                (false, _) => {}
            }
            Ok(Json(Revoked {
                name,
                revoked,
                changed,
            }))
        }
        Err(error @ RegistryError::Unknown(_)) => {
            Err(
                ApiError::new(StatusCode::NOT_FOUND, "no_such_identity", &error)
                    .with_help("`weir identity list` has their names"),
            )
        }
        Err(error) => Err(ApiError::internal(&error)),
    }
}
