//! Ending a live session.

use axum::{
    Extension, Json,
    extract::{Path, State, rejection::JsonRejection},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use weir_record::{FindError, SessionId};

use super::{caller::Caller, error::ApiError, rooms::SessionRoom};
use crate::{engine::KillError, session::Killed};

/// Longest reason, in bytes: it goes on record and to the agent.
const LONGEST_REASON: usize = 1000;

/// What a session is to be ended for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kill {
    #[serde(default)]
    pub(super) reason: Option<String>,
}

/// What became of a session that was to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Which.
    pub id: SessionId,
    /// False while it still has something to say or to write down.
    pub over: bool,
}

pub(super) async fn kill<D: SessionRoom>(
    State(daemon): State<D>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: Result<Json<Kill>, JsonRejection>,
) -> Result<Json<Ended>, ApiError> {
    let Json(Kill { reason }) = body.map_err(|rejection| {
        ApiError::new(StatusCode::BAD_REQUEST, "bad_body", &rejection.body_text())
            .with_help("the body is {} or {\"reason\": \"…\"}")
    })?;
    let reason = reason.filter(|reason| !reason.trim().is_empty());
    if let Some(reason) = &reason
        && reason.len() > LONGEST_REASON
    {
        let message = format!("a reason has at most {LONGEST_REASON} bytes");
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "bad_body", &message));
    }
    let killed = Killed {
        by: caller.name(),
        reason,
    };
    match daemon.kill(&id, killed).await {
        Ok(ended) => Ok(Json(ended)),
        Err(KillError::Ambiguous(_)) => Err(ApiError::new(
            StatusCode::CONFLICT,
            "ambiguous_session",
            &format!("{id} begins the ids of several open sessions"),
        )),
        Err(KillError::NotLive(_)) => Err(not_live(&daemon, id).await),
        Err(error @ KillError::Unrecorded(_)) => Err(ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "not_recorded",
            &error,
        )),
    }
}

/// Whether there is none, or it is over: who ends what has ended should know.
async fn not_live<D: SessionRoom>(daemon: &D, id: String) -> ApiError {
    let (records, prefix) = (daemon.records().to_owned(), id.clone());
    let found = tokio::task::spawn_blocking(move || weir_record::find(&records, &prefix)).await;
    match found {
        Ok(Ok(_) | Err(FindError::Ambiguous { .. })) => {
            let message = format!("the session {id} is over: it can't be ended");
            ApiError::new(StatusCode::CONFLICT, "session_not_live", &message)
                .with_help("`weir status` lists what can be ended")
        }
        _ => {
            let message = format!("no session has an id that begins with {id}");
            ApiError::new(StatusCode::NOT_FOUND, "no_such_session", &message)
        }
    }
}
