//! Sessions, as the records tell them.
//!
//! Job: list, one session, and its raw record. A record that can't be read is named in the answer,
//! never left out of it.

use std::{fs::File, path::Path as FilePath};

use axum::{
    Json,
    body::Body,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use weir_record::{Entry, Event, FindError, ReadError, SessionReader, Summary};

use super::{Daemon, body::FileBody, error::ApiError};

/// How many sessions an answer lists when not told.
const USUAL: usize = 100;
/// How many it lists at most.
const MOST: usize = 10_000;
/// How many events one session's answer holds at most; its record holds them all.
const MOST_EVENTS: usize = 10_000;

/// Sessions, newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sessions {
    /// Those that match, as many as were asked for.
    pub sessions: Vec<Summary>,
    /// How many match.
    pub matched: usize,
    /// Records that can't be read.
    pub unreadable: Vec<Unreadable>,
}

/// A record that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    /// Which, and why.
    pub problem: String,
}

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

/// Which sessions to list.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    subject: Option<String>,
    target: Option<String>,
    limit: Option<usize>,
}

/// Which sessions are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// Only this subject's.
    pub subject: Option<&'a str>,
    /// Only those to this target.
    pub target: Option<&'a str>,
    /// At most so many.
    pub limit: usize,
}

impl Sessions {
    /// Reads the sessions of a directory of records.
    ///
    /// # Errors
    /// The directory can't be read. A record that can't is told in the answer.
    pub fn read(dir: &FilePath, wanted: Wanted<'_>) -> Result<Self, ReadError> {
        let mut answer = Self::default();
        for record in weir_record::list(dir)? {
            match record {
                Ok(summary) if wanted.includes(&summary) => {
                    answer.matched += 1;
                    if answer.sessions.len() < wanted.limit {
                        answer.sessions.push(summary);
                    }
                }
                Ok(_) => {}
                Err(error) => answer.unreadable.push(Unreadable {
                    problem: error.to_string(),
                }),
            }
        }
        Ok(answer)
    }
}

impl Wanted<'_> {
    fn includes(&self, summary: &Summary) -> bool {
        self.subject
            .is_none_or(|subject| subject == summary.start.subject)
            && self
                .target
                .is_none_or(|target| Some(target) == summary.start.target.as_deref())
    }
}

pub(super) async fn list<D: Daemon>(
    State(daemon): State<D>,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Result<Json<Sessions>, ApiError> {
    let Query(filter) = filter.map_err(|rejection| {
        ApiError::new(StatusCode::BAD_REQUEST, "bad_query", &rejection.body_text())
            .with_help("the query takes subject, target and limit")
    })?;
    let limit = filter.limit.unwrap_or(USUAL);
    if limit > MOST {
        return Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "bad_query",
            &format!("limit {limit} is over the most that an answer lists, {MOST}"),
        ));
    }
    reading(move || {
        // Made with the first record.
        if !daemon.records().exists() {
            return Ok(Sessions::default());
        }
        let (subject, target) = (filter.subject.as_deref(), filter.target.as_deref());
        Sessions::read(
            daemon.records(),
            Wanted {
                subject,
                target,
                limit,
            },
        )
        .map_err(|error| unreadable(&error))
    })
    .await?
    .map(Json)
}

pub(super) async fn session<D: Daemon>(
    State(daemon): State<D>,
    Path(id): Path<String>,
) -> Result<Json<Session>, ApiError> {
    reading(move || {
        let path = weir_record::find(daemon.records(), &id).map_err(|error| not_found(&error))?;
        read(&path).map_err(|error| unreadable(&error))
    })
    .await?
    .map(Json)
}

pub(super) async fn record<D: Daemon>(
    State(daemon): State<D>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let (file, length) = reading(move || {
        let path = weir_record::find(daemon.records(), &id).map_err(|error| not_found(&error))?;
        open(&path).map_err(|source| unreadable(&ReadError::Open { path, source }))
    })
    .await??;
    let body = Body::new(FileBody::new(file, length));
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], body).into_response())
}

fn open(path: &FilePath) -> std::io::Result<(File, u64)> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    Ok((file, length))
}

fn read(path: &FilePath) -> Result<Session, ReadError> {
    let summary = Summary::read(path)?;
    let mut events = Vec::new();
    for entry in SessionReader::open(path)? {
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

fn unreadable(error: &ReadError) -> ApiError {
    ApiError::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "record_unreadable",
        error,
    )
}
