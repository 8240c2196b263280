//! Sessions, as the records and their index tell them.
//!
//! Job: list, one session, its raw record, and the index made anew. A record that can't be read is
//! named in the answer, never left out of it.

use std::{
    fs::File,
    path::{Path as FilePath, PathBuf},
};

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use weir_record::{Entry, Event, FindError, ReadError, SessionReader, Summary};
use weir_store::{Sessions, StoreError, Wanted};

use super::{body::Chunks, caller, error::ApiError, kill, prune, rooms::SessionRoom, watch};

/// How many it lists at most.
const MOST: usize = 10_000;
/// How many events one session's answer holds at most; its record holds them all.
const MOST_EVENTS: usize = 10_000;
/// Longest text or name that is searched for, in bytes.
const LONGEST: usize = 1_000;

/// One session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// In short.
    pub summary: Summary,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// True when there are more events than an answer holds; the record has them all.
    pub truncated: bool,
}

/// An index that was made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reindexed {
    /// How many sessions it has.
    pub sessions: usize,
    /// How many records can't be read; at most a hundred are counted.
    pub unreadable: usize,
}

pub(super) fn router<D: SessionRoom>() -> Router<D> {
    caller::operators(
        Router::new()
            .route("/v1/sessions", get(list::<D>))
            .route("/v1/sessions/reindex", post(reindex::<D>))
            .route("/v1/sessions/prune", post(prune::prune::<D>))
            .route("/v1/sessions/{id}", get(session::<D>))
            .route("/v1/sessions/{id}/record", get(record::<D>))
            .route("/v1/sessions/{id}/watch", get(watch::one::<D>))
            .route("/v1/sessions/{id}/kill", post(kill::kill::<D>))
            .route("/v1/watch", get(watch::all::<D>)),
    )
}

async fn list<D: SessionRoom>(
    State(daemon): State<D>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Sessions>, ApiError> {
    let bad = |message: &str| ApiError::new(StatusCode::BAD_REQUEST, "bad_query", message);
    let Query(wanted) = wanted.map_err(|rejection| {
        bad(&rejection.body_text()).with_help(
            "the query takes subject, target, workload, verdict, table, text, since, until, before \
             and limit",
        )
    })?;
    let limit = wanted.limit.unwrap_or(0);
    if limit > MOST {
        let message = format!("limit {limit} is over the most that an answer lists, {MOST}");
        return Err(bad(&message));
    }
    let sought = [&wanted.text, &wanted.table];
    if sought.into_iter().flatten().any(|one| one.len() > LONGEST) {
        let message = format!("what is searched for has at most {LONGEST} bytes");
        return Err(bad(&message));
    }
    let index = daemon.index().ok_or_else(no_index)?.clone();
    reading(move || index.list(&wanted))
        .await?
        .map(Json)
        .map_err(|error| unusable(&error))
}

async fn reindex<D: SessionRoom>(State(daemon): State<D>) -> Result<Json<Reindexed>, ApiError> {
    let index = daemon.index().ok_or_else(no_index)?.clone();
    let rebuilt = reading(move || index.rebuild()).await?;
    let rebuilt = rebuilt.map_err(|error| unusable(&error))?;
    Ok(Json(Reindexed {
        sessions: rebuilt.matched,
        unreadable: rebuilt.unreadable.len(),
    }))
}

async fn session<D: SessionRoom>(
    State(daemon): State<D>,
    Path(id): Path<String>,
) -> Result<Json<Session>, ApiError> {
    let path = find(&daemon, id).await?;
    reading(move || read(&path).map_err(|error| unreadable(&error)))
        .await?
        .map(Json)
}

async fn record<D: SessionRoom>(
    State(daemon): State<D>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let path = find(&daemon, id).await?;
    let (file, length) = reading(move || {
        open(&path).map_err(|source| unreadable(&ReadError::Open { path, source }))
    })
    .await??;
    let body = Body::new(Chunks::of_file(file, length));
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], body).into_response())
}

/// The record of the session whose id begins so.
pub(super) async fn find<D: SessionRoom>(daemon: &D, prefix: String) -> Result<PathBuf, ApiError> {
    let (index, records) = (daemon.index().cloned(), daemon.records().to_owned());
    reading(move || {
        let found = match index {
            Some(index) => index.find(&prefix),
            None => weir_record::find(&records, &prefix),
        };
        found.map_err(|error| not_found(&error))
    })
    .await?
}

fn open(path: &FilePath) -> std::io::Result<(File, u64)> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    Ok((file, length))
}

fn read(path: &FilePath) -> Result<Session, ReadError> {
    let summary = Summary::read(path)?;
    let mut events = Vec::new();
    for entry in SessionReader::survey(path)?.without_results() {
        if let Entry::Event(event) = entry? {
            if events.len() == MOST_EVENTS {
                return Ok(Session {
                    summary,
                    events,
                    truncated: true,
                });
            }
            events.push(event);
        }
    }
    Ok(Session {
        summary,
        events,
        truncated: false,
    })
}

/// Runs what blocks on the file system off the runtime's threads.
async fn reading<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| ApiError::internal(&error))
}

fn not_found(error: &FindError) -> ApiError {
    let (status, code) = match error {
        FindError::Invalid { .. } => (StatusCode::BAD_REQUEST, "bad_session_id"),
        FindError::NotFound { .. } => (StatusCode::NOT_FOUND, "no_such_session"),
        FindError::Ambiguous { .. } => (StatusCode::CONFLICT, "ambiguous_session"),
        FindError::Directory(_) => (StatusCode::INTERNAL_SERVER_ERROR, "records_unreadable"),
    };
    ApiError::new(status, code, error)
}

fn no_index() -> ApiError {
    let message = "this engine keeps no index of its sessions";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "no_index", message)
}

fn unusable(error: &StoreError) -> ApiError {
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "index_unusable", error)
        .with_help("it is made anew by itself; --records DIR reads the records without it")
}

fn unreadable(error: &ReadError) -> ApiError {
    ApiError::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "record_unreadable",
        error,
    )
}
