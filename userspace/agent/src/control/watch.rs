//! Sessions as they go on: what is appended to their records, line by line.
//!
//! An answer is lines of JSON, each a [`Told`], and lasts until the session is over or the caller
//! goes away. A record is looked at a few times a second; whoever watches slowly is sent what is
//! there when they can take it, and keeps nobody waiting.

mod follower;

use std::{collections::BTreeMap, fmt::Write as _, future::Future, io, time::Duration};

use axum::{
    body::Body,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{Semaphore, mpsc},
    task::spawn_blocking,
    time::sleep,
};
use weir_record::{Event, Seq, SessionId};

pub use self::follower::{Followed, Follower};
use super::{body::Chunks, error::ApiError, rooms::SessionRoom, sessions::find};

/// How often a record is looked at.
pub(crate) const LOOK: Duration = Duration::from_millis(200);
/// Most callers that watch at a time.
const MOST_WATCHING: usize = 64;

static WATCHING: Semaphore = Semaphore::const_new(MOST_WATCHING);

/// Something that was put on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Of which session.
    pub session: SessionId,
    /// When.
    pub time: Timestamp,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What was put on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
#[expect(
    clippy::large_enum_variant,
    reason = "held one at a time; a box would be one for each"
)]
pub enum What {
    /// Something happened.
    Event(Event),
    /// Bytes went one way.
    Bytes(Went),
}

/// Bytes that went one way, in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Went {
    /// To the agent, as it saw them.
    Response {
        /// In answer to which command.
        seq: Seq,
        /// What.
        hex: String,
    },
    /// From the agent, beside the command's text.
    Request {
        /// Under which command.
        seq: Seq,
        /// What.
        hex: String,
    },
}

impl Went {
    /// What the agent was sent.
    #[must_use]
    pub fn response(seq: Seq, bytes: &[u8]) -> Self {
        let hex = hex(bytes);
        Self::Response { seq, hex }
    }

    /// What the agent sent.
    #[must_use]
    pub fn request(seq: Seq, bytes: &[u8]) -> Self {
        let hex = hex(bytes);
        Self::Request { seq, hex }
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        // Writing to a string does not fail.
        write!(text, "{byte:02x}").ok();
    }
    text
}

/// What of a session is wanted.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Asked {
    /// What the agent saw and sent, too.
    results: bool,
}

pub(super) async fn one<D: SessionRoom>(
    State(daemon): State<D>,
    Path(id): Path<String>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(Asked { results }) = asked.map_err(|rejection| {
        ApiError::new(StatusCode::BAD_REQUEST, "bad_query", &rejection.body_text())
            .with_help("the query takes results=true")
    })?;
    let path = find(&daemon, id).await?;
    watching(move |sender| async move {
        let mut follower = Some(Follower::new(path, results));
        while let Some(Followed { told, more, over }) = look(&mut follower).await {
            if send(&sender, &told).await.is_err() || over {
                return;
            }
            // A record that will not grow has told all it has to tell.
            if !more && !goes_on(&daemon, follower.as_ref()) {
                return;
            }
            if !more {
                sleep(LOOK).await;
            }
        }
    })
}

pub(super) async fn all<D: SessionRoom>(State(daemon): State<D>) -> Result<Response, ApiError> {
    watching(move |sender| async move {
        let mut followed: BTreeMap<SessionId, Option<Follower>> = BTreeMap::new();
        let mut begun = false;
        loop {
            let live = daemon.live();
            for id in &live {
                let path = weir_record::store::path_of(daemon.records(), *id);
                followed.entry(*id).or_insert_with(|| {
                    let follower = Follower::new(path, false);
                    // What was going on before is told of by its start alone.
                    Some(if begun { follower } else { follower.from_now() })
                });
            }
            begun = true;
            let mut done = Vec::new();
            for (id, follower) in &mut followed {
                loop {
                    let Some(Followed { told, more, over }) = look(follower).await else {
                        done.push(*id);
                        break;
                    };
                    if send(&sender, &told).await.is_err() {
                        return;
                    }
                    if over || !more && !live.contains(id) {
                        done.push(*id);
                    }
                    if over || !more {
                        break;
                    }
                }
            }
            done.iter().for_each(|id| drop(followed.remove(id)));
            if sender.is_closed() {
                return;
            }
            sleep(LOOK).await;
        }
    })
}

/// An answer of what `work` sends, within the number of callers that may watch.
fn watching<F>(
    work: impl FnOnce(mpsc::Sender<io::Result<Bytes>>) -> F + Send + 'static,
) -> Result<Response, ApiError>
where
    F: Future<Output = ()> + Send + 'static,
{
    let place = WATCHING.try_acquire().map_err(|_| {
        let message = format!("{MOST_WATCHING} callers watch already");
        ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too_many", &message)
    })?;
    let (sender, chunks) = mpsc::channel(4);
    tokio::spawn(async move {
        let gone = sender.clone();
        tokio::select! {
            () = work(sender) => {}
            () = gone.closed() => {}
        }
        drop(place);
    });
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
    Ok((kind, Body::new(Chunks::of(chunks))).into_response())
}

/// One look at a record, off the runtime's threads. Nothing where it can't be read any further.
async fn look(held: &mut Option<Follower>) -> Option<Followed> {
    let mut follower = held.take()?;
    let looked = spawn_blocking(move || {
        let followed = follower.look();
        (follower, followed)
    });
    let (follower, followed) = looked.await.ok()?;
    match followed {
        Ok(followed) => {
            *held = Some(follower);
            Some(followed)
        }
        Err(error) => {
            tracing::debug!(%error, "a record that is watched can't be read");
            None
        }
    }
}

async fn send(sender: &mpsc::Sender<io::Result<Bytes>>, told: &[Told]) -> Result<(), ()> {
    if told.is_empty() {
        return if sender.is_closed() { Err(()) } else { Ok(()) };
    }
    let mut lines = Vec::new();
    for one in told {
        serde_json::to_writer(&mut lines, one).map_err(drop)?;
        lines.push(b'\n');
    }
    sender.send(Ok(lines.into())).await.map_err(drop)
}

/// Whether more may come: it is live, or one of those that answer names, which nobody lists.
fn goes_on<D: SessionRoom>(daemon: &D, follower: Option<&Follower>) -> bool {
    let Some(start) = follower.and_then(Follower::start) else {
        return false;
    };
    start.protocol.as_deref() == Some(crate::dns::PROTOCOL) || daemon.live().contains(&start.id)
}
