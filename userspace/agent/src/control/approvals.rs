//! What waits for people: to list, to look at, to answer and to watch.
//!
//! Operators see all of it, people who are signed in what names them. Who may answer is the
//! policies' to say: an operator, too, is refused what names others.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    Extension, Json, Router,
    body::Body,
    extract::{Path, Query, State, rejection::JsonRejection, rejection::QueryRejection},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{broadcast, mpsc},
    time::sleep,
};
use weir_identity::Person;
use weir_policy::Approver;
use weir_record::Answered;

use super::{
    caller::{self, Caller},
    error::ApiError,
    rooms::ApprovalRoom,
};
use crate::approve::{self, AnswerError, Approvals, Change, Request, Said, Shown};

/// Changes that may wait for a slow watcher.
const AHEAD: usize = 64;

/// What waits, and what was settled last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requests {
    /// The newest first.
    pub requests: Vec<Request>,
}

/// A yes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approve {
    /// The hash of what was seen.
    pub hash: String,
    /// How much it is for.
    #[serde(default)]
    pub scope: For,
    /// How long a yes for a shape stands.
    #[serde(default)]
    pub minutes: Option<u64>,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
}

/// How much a yes is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum For {
    /// This command.
    #[default]
    Once,
    /// What the same policies ask about in this session.
    Session,
    /// Statements of this shape.
    Shape,
}

/// A no.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deny {
    /// The hash of what was seen.
    pub hash: String,
    /// Why; the agent is told.
    pub reason: String,
}

/// Which to list.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    state: Option<String>,
}

/// Who calls, as policy and people know them, and until when.
struct Answerer {
    approver: Approver,
    name: Option<String>,
    until: Option<Timestamp>,
    /// Whose sign-in it is, where it is one's.
    person: Option<Arc<Person>>,
}

impl Answerer {
    fn of(caller: &Caller) -> Result<Self, ApiError> {
        match caller {
            Caller::Operator { uid } => Ok(Self {
                approver: approve::operator(*uid).ok_or_else(|| {
                    let message = format!("uid {uid} has no name on this host");
                    ApiError::new(StatusCode::FORBIDDEN, "forbidden", &message)
                })?,
                name: None,
                until: None,
                person: None,
            }),
            Caller::Person(person) => Ok(Self {
                approver: approve::person(person),
                name: person.name.clone(),
                until: Some(person.expires),
                person: Some(Arc::clone(person)),
            }),
            Caller::Stranger { .. } => Err(caller::not_signed_in(
                "approvals are for operators and for people who are signed in",
            )),
        }
    }
}

pub(super) fn router<D: ApprovalRoom>() -> Router<D> {
    Router::new()
        .route("/v1/approvals", get(list::<D>))
        .route("/v1/approvals/watch", get(watch::<D>))
        .route("/v1/approvals/{id}", get(show::<D>))
        .route("/v1/approvals/{id}/approve", post(yes::<D>))
        .route("/v1/approvals/{id}/deny", post(no::<D>))
}

async fn list<D: ApprovalRoom>(
    State(daemon): State<D>,
    Extension(caller): Extension<Caller>,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Result<Json<Requests>, ApiError> {
    let by = Answerer::of(&caller)?;
    let bad = |message: &str| {
        ApiError::new(StatusCode::BAD_REQUEST, "bad_query", message)
            .with_help("state is pending, settled or all")
    };
    let Query(filter) = filter.map_err(|rejection| bad(&rejection.body_text()))?;
    let shown = match filter.state.as_deref() {
        None | Some("pending") => Shown::Pending,
        Some("settled") => Shown::Settled,
        Some("all") => Shown::All,
        Some(_) => return Err(bad("there is no such state")),
    };
    let requests = daemon.approvals().list(shown, &by.approver);
    Ok(Json(Requests { requests }))
}

async fn show<D: ApprovalRoom>(
    State(daemon): State<D>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<Request>, ApiError> {
    let by = Answerer::of(&caller)?;
    let found = daemon.approvals().show(&id, &by.approver);
    found.map(Json).map_err(|error| refused(&error))
}

async fn yes<D: ApprovalRoom>(
    State(daemon): State<D>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: Result<Json<Approve>, JsonRejection>,
) -> Result<Json<Request>, ApiError> {
    let Json(Approve {
        hash,
        scope,
        minutes,
        reason,
    }) = body.map_err(|rejection| bad_body(&rejection))?;
    let answer = match (scope, minutes) {
        (For::Once, None) => Answered::Once,
        (For::Session, None) => Answered::Session,
        (For::Shape, Some(minutes)) => Answered::Shape { minutes },
        (For::Shape, None) | (_, Some(_)) => {
            let message = "minutes go with the scope `shape`, and it has some";
            return Err(ApiError::new(StatusCode::BAD_REQUEST, "bad_body", message));
        }
    };
    let said = Said {
        answer,
        reason,
        hash,
    };
    answer_with(&daemon, &caller, &id, &said)
}

async fn no<D: ApprovalRoom>(
    State(daemon): State<D>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: Result<Json<Deny>, JsonRejection>,
) -> Result<Json<Request>, ApiError> {
    let Json(Deny { hash, reason }) = body.map_err(|rejection| bad_body(&rejection))?;
    let said = Said {
        answer: Answered::No,
        reason: Some(reason),
        hash,
    };
    answer_with(&daemon, &caller, &id, &said)
}

fn answer_with<D: ApprovalRoom>(
    daemon: &D,
    caller: &Caller,
    id: &str,
    said: &Said,
) -> Result<Json<Request>, ApiError> {
    let by = Answerer::of(caller)?;
    let answered = daemon
        .approvals()
        .answer(id, &by.approver, by.name.as_deref(), said);
    answered.map(Json).map_err(|error| refused(&error))
}

/// What waits now, then what happens, one JSON object a line, until the watcher goes, its sign-in
/// ends, or weir stops.
async fn watch<D: ApprovalRoom>(
    State(daemon): State<D>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, ApiError> {
    let by = Answerer::of(&caller)?;
    let (lines, body) = mpsc::channel(AHEAD);
    tokio::spawn(tell(daemon, by, lines));
    let body = Body::new(Lines(body));
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response())
}

async fn tell<D: ApprovalRoom>(daemon: D, by: Answerer, lines: mpsc::Sender<Bytes>) {
    let approvals = daemon.approvals();
    let holds = || {
        let now = Timestamp::now();
        let person = by.person.as_ref();
        person.is_none_or(|person| daemon.people().holds(person, now))
    };
    let mut changes = approvals.changes();
    let left = by.until.map(|until| until.duration_since(Timestamp::now()));
    let over = async {
        match left.map(|left| Duration::try_from(left).unwrap_or_default()) {
            Some(left) => sleep(left).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(over);
    // Subscribed first, so that nothing falls between; a request may then be told twice.
    let mut behind = true;
    loop {
        if std::mem::take(&mut behind) {
            let pending = approvals.list(Shown::Pending, &by.approver);
            for request in pending.into_iter().rev() {
                let change = Change {
                    event: "pending".to_owned(),
                    request: request.into(),
                };
                if !send(&lines, &change).await {
                    return;
                }
            }
        }
        tokio::select! {
            change = changes.recv() => match change {
                // Whoever signed out hears no more.
                Ok(_) if !holds() => return,
                Ok(change) if !Approvals::sees(&by.approver, &change) => {}
                Ok(change) => if !send(&lines, &change).await { return },
                Err(broadcast::error::RecvError::Lagged(_)) => behind = true,
                Err(broadcast::error::RecvError::Closed) => return,
            },
            () = lines.closed() => return,
            () = approvals.closed() => return,
            () = &mut over => return,
        }
    }
}

async fn send(lines: &mpsc::Sender<Bytes>, change: &Change) -> bool {
    let Ok(mut line) = serde_json::to_vec(change) else {
        return false;
    };
    line.push(b'\n');
    lines.send(line.into()).await.is_ok()
}

/// Lines as they come.
struct Lines(mpsc::Receiver<Bytes>);

impl HttpBody for Lines {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let line = ready!(self.0.poll_recv(context));
        Poll::Ready(line.map(|line| Ok(Frame::data(line))))
    }
}

fn bad_body(rejection: &JsonRejection) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "bad_body", &rejection.body_text())
}

fn refused(error: &AnswerError) -> ApiError {
    let (status, code, help) = match error {
        AnswerError::Unknown { .. } => (
            StatusCode::NOT_FOUND,
            "no_such_request",
            "weir approvals list --all shows those that are yours to see",
        ),
        AnswerError::Settled { .. } => (
            StatusCode::CONFLICT,
            "settled",
            "the agent must send the command again",
        ),
        AnswerError::NotTheirs(_) => (
            StatusCode::FORBIDDEN,
            "not_yours",
            "somebody whom the policies name has to answer; whoami: weir whoami",
        ),
        AnswerError::Changed { .. } => (
            StatusCode::CONFLICT,
            "changed",
            "weir approvals show tells what it is now",
        ),
        AnswerError::Again { .. } => (
            StatusCode::CONFLICT,
            "answered",
            "where several must approve, the others are still waited for",
        ),
        AnswerError::Wrong(_) => (
            StatusCode::BAD_REQUEST,
            "bad_answer",
            "weir approvals --help",
        ),
        AnswerError::Journal(_) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "unrecordable",
            "is the disk of weir's state directory full?",
        ),
    };
    ApiError::new(status, code, error).with_help(help)
}
