//! What signals have learned to be usual for whom, and having it learned anew.

use axum::{
    Extension, Json, Router,
    extract::{
        Path, Query, State,
        rejection::{JsonRejection, QueryRejection},
    },
    http::StatusCode,
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use weir_policy::ProfileStanding;

use super::{
    caller::{self, Caller},
    client::{Client, ClientError, percent},
    error::ApiError,
    rooms::ProfileRoom,
};

/// Every profile, as it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profiles {
    /// By signal, then by whom it is of.
    pub profiles: Vec<ProfileStanding>,
}

/// One profile, with all that is usual.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// How it stands.
    #[serde(flatten)]
    pub standing: ProfileStanding,
    /// What is usual, by name.
    pub usual: Vec<String>,
}

/// Which profiles are to be learned anew; with nothing said, all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reset {
    /// Those of this signal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// Those that are of this: `unix:bot on orders`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WereReset {
    /// How many are learned anew; never none.
    pub reset: usize,
}

/// Whose profile is to be shown.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Of {
    of: String,
}

impl Client {
    /// What signals have learned, of whom.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn profiles(&self) -> Result<Profiles, ClientError> {
        self.get("/v1/profiles").await
    }

    /// One profile, with what is usual.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn profile(&self, signal: &str, of: &str) -> Result<Profile, ClientError> {
        let (signal, of) = (percent(signal), percent(of));
        self.get(&format!("/v1/profiles/of/{signal}?of={of}")).await
    }

    /// Has profiles learned anew.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn reset_profiles(&self, which: &Reset) -> Result<WereReset, ClientError> {
        self.post("/v1/profiles/reset", which).await
    }
}

pub(super) fn router<D: ProfileRoom>() -> Router<D> {
    caller::operators(
        Router::new()
            .route("/v1/profiles", get(list::<D>))
            .route("/v1/profiles/reset", post(reset::<D>))
            .route("/v1/profiles/of/{signal}", get(show::<D>)),
    )
}

async fn list<D: ProfileRoom>(State(daemon): State<D>) -> Json<Profiles> {
    let profiles = daemon.signals().profiles();
    Json(Profiles { profiles })
}

async fn show<D: ProfileRoom>(
    State(daemon): State<D>,
    Path(signal): Path<String>,
    of: Result<Query<Of>, QueryRejection>,
) -> Result<Json<Profile>, ApiError> {
    let Query(Of { of }) = of.map_err(|rejection| {
        ApiError::new(StatusCode::BAD_REQUEST, "bad_query", &rejection.body_text())
            .with_help("the query says whose it is: ?of=…")
    })?;
    let found = daemon.signals().profile(&signal, &of);
    let (standing, usual) = found.ok_or_else(none)?;
    Ok(Json(Profile { standing, usual }))
}

async fn reset<D: ProfileRoom>(
    State(daemon): State<D>,
    Extension(caller): Extension<Caller>,
    body: Result<Json<Reset>, JsonRejection>,
) -> Result<Json<WereReset>, ApiError> {
    let Json(Reset { signal, of }) = body.map_err(|rejection| {
        ApiError::new(StatusCode::BAD_REQUEST, "bad_body", &rejection.body_text())
            .with_help("the body is {\"signal\": \"…\", \"of\": \"…\"}, or {} for all")
    })?;
    let by = caller.name();
    let signals = daemon.signals();
    match signals.reset_profiles(signal.as_deref(), of.as_deref(), &by) {
        0 => Err(none()),
        reset => Ok(Json(WereReset { reset })),
    }
}

fn none() -> ApiError {
    let message = "nothing is learned by that name";
    ApiError::new(StatusCode::NOT_FOUND, "no_such_profile", &message)
        .with_help("`weir profiles list` has their signals and whom they are of")
}
