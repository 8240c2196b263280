//! Just-in-time access over the local API: for people who are signed in, and operators.

use axum::{
    Extension, Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use weir_policy::Approver;

use super::{
    caller::{self, Caller},
    error::ApiError,
    rooms::AccessRoom,
};
use crate::{
    access::{AccessError, AccessRequest, Answer, Wanted},
    approve,
    audit::AuditEvent,
};

/// Access requests, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessRequests {
    /// Those that the caller made or may answer.
    pub requests: Vec<AccessRequest>,
}

pub(super) fn router<D: AccessRoom>() -> Router<D> {
    Router::new()
        .route("/v1/access", get(list::<D>).post(ask::<D>))
        .route("/v1/access/{id}", get(show::<D>))
        .route("/v1/access/{id}/answer", post(answer::<D>))
}

async fn list<D: AccessRoom>(
    State(daemon): State<D>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<AccessRequests>, ApiError> {
    let requests = daemon.access().list(&who(&caller)?);
    Ok(Json(AccessRequests { requests }))
}

async fn show<D: AccessRoom>(
    State(daemon): State<D>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<AccessRequest>, ApiError> {
    let found = daemon.access().find(&id, &who(&caller)?);
    found.map(Json).map_err(|error| refused(&error))
}

async fn ask<D: AccessRoom>(
    State(daemon): State<D>,
    Extension(caller): Extension<Caller>,
    Json(wanted): Json<Wanted>,
) -> Result<Json<AccessRequest>, ApiError> {
    let who = who(&caller)?;
    let told = daemon.clone();
    let asked = kept(move || daemon.access().ask(wanted, &who, Timestamp::now())).await?;
    told.audit(&AuditEvent::Access { request: &asked });
    Ok(Json(asked))
}

async fn answer<D: AccessRoom>(
    State(daemon): State<D>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Json(answer): Json<Answer>,
) -> Result<Json<AccessRequest>, ApiError> {
    let who = who(&caller)?;
    let told = daemon.clone();
    let answered = kept(move || {
        let answered = daemon.access().answer(&id, answer, &who, Timestamp::now());
        // What was granted holds when the answer is given, and what was revoked no longer does,
        // also where that can't be kept.
        daemon.refresh_grants();
        answered
    });
    let answered = answered.await?;
    told.audit(&AuditEvent::Access { request: &answered });
    Ok(Json(answered))
}

/// It waits for the disk.
async fn kept(
    act: impl FnOnce() -> Result<AccessRequest, AccessError> + Send + 'static,
) -> Result<AccessRequest, ApiError> {
    let done = tokio::task::spawn_blocking(act).await;
    done.map_err(|error| ApiError::internal(&error))?
        .map_err(|error| refused(&error))
}

fn who(caller: &Caller) -> Result<Approver, ApiError> {
    let nobody = |message| Err(caller::not_signed_in(message));
    match caller {
        Caller::Operator { uid } => approve::operator(*uid).map_or_else(
            || nobody("this user has no name on this host; sign in as a person"),
            Ok,
        ),
        Caller::Person(person) => Ok(approve::person(person)),
        Caller::Stranger { .. } => {
            nobody("access is asked for and granted by people who are signed in")
        }
    }
}

fn refused(error: &AccessError) -> ApiError {
    let (status, code) = match error {
        AccessError::Wanted(_) => (StatusCode::UNPROCESSABLE_ENTITY, "bad_request"),
        AccessError::NoTarget { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "unknown_target"),
        AccessError::NotGrantable { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "not_grantable"),
        AccessError::Full(_) => (StatusCode::TOO_MANY_REQUESTS, "too_many"),
        AccessError::NoSuchRequest(_) => (StatusCode::NOT_FOUND, "no_such_request"),
        AccessError::Ambiguous(_) => (StatusCode::CONFLICT, "ambiguous"),
        AccessError::NotYours => (StatusCode::FORBIDDEN, "not_yours"),
        AccessError::Oneself => (StatusCode::FORBIDDEN, "oneself"),
        AccessError::NotNow(_) => (StatusCode::CONFLICT, "not_now"),
        AccessError::Random | AccessError::Journal { .. } | AccessError::Broken { .. } => {
            (StatusCode::SERVICE_UNAVAILABLE, "not_kept")
        }
    };
    let answer = ApiError::new(status, code, error);
    match error {
        AccessError::NoTarget { known, .. } => {
            answer.with_help(format!("targets are: {}", known.join(", ")))
        }
        AccessError::NotGrantable { grantable, .. } if grantable.is_empty() => answer
            .with_help("the policies have no templates: policies/examples/access.cedar shows one"),
        AccessError::NotGrantable { grantable, .. } => {
            answer.with_help(format!("what can be: {}", grantable.join("; ")))
        }
        _ => answer,
    }
}
