//! Removing sessions that were kept long enough, when somebody says so rather than when their time
//! has come.

use axum::{
    Extension, Json,
    extract::{State, rejection::JsonRejection},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use weir_record::retain::{Due, Limits};

use super::{caller::Caller, error::ApiError, rooms::SessionRoom};
use crate::audit::AuditEvent;

/// What is to be kept; where nothing is said, what the daemon keeps by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Prune {
    /// For how many seconds after its end a session is kept.
    pub keep_seconds: Option<u64>,
    /// How many bytes all sessions may have.
    pub max_bytes: Option<u64>,
    /// Only say what would be removed.
    pub dry_run: bool,
}

/// What was removed, or would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pruned {
    /// Nothing was.
    pub dry_run: bool,
    /// Which, oldest first.
    pub sessions: Vec<Due>,
    /// How many bytes they have together.
    pub bytes: u64,
}

impl Prune {
    fn limits(self, configured: Limits) -> Limits {
        let said = Limits {
            keep: self.keep_seconds.map(std::time::Duration::from_secs),
            max_size: self.max_bytes,
        };
        if said.any() { said } else { configured }
    }
}

pub(super) async fn prune<D: SessionRoom>(
    State(daemon): State<D>,
    Extension(caller): Extension<Caller>,
    body: Result<Json<Prune>, JsonRejection>,
) -> Result<Json<Pruned>, ApiError> {
    let Json(wanted) = body.map_err(|rejection| {
        ApiError::new(StatusCode::BAD_REQUEST, "bad_body", &rejection.body_text())
            .with_help("the body takes keep_seconds, max_bytes and dry_run")
    })?;
    let limits = wanted.limits(daemon.kept());
    if !limits.any() {
        let message = "nothing says what was kept long enough";
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "no_limits", message)
            .with_help("say --keep or --max-size, or set keep or max_size in [records]"));
    }
    let records = daemon.clone();
    let removed = spawn_blocking(move || match wanted.dry_run {
        true => records.due(limits),
        false => records.prune(limits),
    });
    let sessions = removed
        .await
        .map_err(|error| ApiError::internal(&error))?
        .map_err(|error| ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "not_pruned", &error))?;
    let bytes = sessions.iter().map(|one| one.bytes).sum();
    if !wanted.dry_run && !sessions.is_empty() {
        daemon.audit(&AuditEvent::SessionsPruned {
            sessions: sessions.len(),
            bytes,
            by: &caller.name(),
        });
    }
    Ok(Json(Pruned {
        dry_run: wanted.dry_run,
        sessions,
        bytes,
    }))
}
