//! Moves a governed session's bytes: four flows in one task, none of which waits for another.
//!
//! Reading from one side stops while what it would add to the other is more than [`HIGH_WATER`], so
//! a slow reader slows its writer down and nothing piles up here. Bytes for the agent are on
//! record before they are written, bytes for the target carry their proofs.

use std::{
    future::poll_fn,
    io, iter,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use bytes::Buf;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::{sync::watch, task::unconstrained, time::timeout};
use weir_policy::{Policies, Subject};
use weir_record::Side;
use weir_wire::postgres::{Decoded, Limits, decode_frame, frontend};

use super::{
    answer::Told,
    cancels::Interrupt,
    catalogues::{Age, Catalogues, SOON},
    end::End,
    estimating,
    flows::{Flows, Went, elsewhere},
    governed::{Governed, SessionError},
    refresh::{lately, refresh},
    request::Heard,
    waiting::{self, Waiting, Why},
};
use crate::{
    admit::Admission,
    approve::Desk,
    mask::plan::Unknown,
    session::{
        Change, Cut, Kills, judge,
        news::{News, Wire},
    },
};

/// Most bytes that wait for one side before reading from the other stops.
pub(super) const HIGH_WATER: usize = 256 * 1024;
/// How long each side may take for the last bytes of a session.
const LAST: Duration = Duration::from_secs(2);
/// How old a reading may be that knows nothing of a name. Not nothing: an agent that asks for names
/// at random must not have the catalogue read each time.
const UNKNOWN: Duration = Duration::from_secs(1);
/// How long an agent's message may wait for the target's answers to earlier ones.
pub(super) const STALLED: Duration = Duration::from_secs(60);

/// How a session came to its end.
#[derive(Debug)]
pub(super) enum Ended {
    /// The agent said goodbye.
    Closed,
    /// The agent's side vanished.
    ClientGone,
    /// The target's side vanished.
    ServerGone,
    /// The engine stops.
    Shutdown,
    /// It was ended from outside.
    Cut(Cut),
    /// Something that leaves no way on.
    Failed(SessionError),
}

/// What a session needs besides its two ends.
pub(super) struct Surroundings<'a> {
    /// The policies in force.
    pub policies: watch::Receiver<Arc<Policies>>,
    /// Who the workload is.
    pub subject: watch::Receiver<Arc<Subject>>,
    /// Becomes true when the engine stops.
    pub shutdown: watch::Receiver<bool>,
    /// Tells once somebody ends the session.
    pub killed: Kills,
    /// The catalogues; none for a session that is of no database.
    pub catalogues: Option<&'a Catalogues>,
    /// The proof for reading one.
    pub admission: &'a Admission,
    /// The database.
    pub database: &'a str,
    /// The start-up parameters that the session was opened with.
    pub settings: &'a [(String, String)],
    /// Where people are asked.
    pub approvals: Option<&'a Desk>,
    /// Cancels what is held for them.
    pub interrupt: Arc<Interrupt>,
    /// What a message may hold.
    pub limits: Limits,
    /// The session's connection to the target's planner.
    pub planner: estimating::Kept,
}

/// Drives the session until it ends. True where the agent can be told a last word: it was not left
/// in the middle of a message, where a word would be taken for a part of that.
pub(super) async fn drive(
    session: &mut Governed,
    (agent, target): (&mut End, &mut End),
    around: &mut Surroundings<'_>,
) -> (Ended, bool) {
    let mut waiting = None;
    let mut kills = around.killed.clone();
    // Looked at when it wakes, not whenever the session does.
    let mut kills: FuturesUnordered<_> = iter::once(kills.killed()).collect();
    // Whatever it waits for, a kill does not.
    let ended = tokio::select! {
        biased;
        Some(killed) = kills.next() => Ok(Ended::Cut(killed)),
        ended = run(session, agent, target, around, &mut waiting) => ended,
    };
    // What people were still asked is on record as such.
    let ended = match session.given_up(waiting, &ended) {
        Ok(()) => ended,
        Err(error) => ended.and(Err(error)),
    };
    // Rows that came before what ended the session are the agent's to see.
    let settled = session.shown.settle(&mut session.record);
    // The first failure is the one that says why.
    let ended = ended
        .and_then(|ended| Ok(settled.map(|()| ended)?))
        .unwrap_or_else(Ended::Failed);
    // What is on record as shown is shown, and what is on record as sent is sent.
    let shown = timeout(LAST, agent.write_last(session.shown.pending())).await;
    // But what whoever ended the session, or a signal, could still keep from the target.
    if !matches!(
        ended,
        Ended::Cut(_) | Ended::Failed(SessionError::Signal(_))
    ) {
        let sent = timeout(LAST, async {
            while let Some(due) = session.sink.settle().map_err(io::Error::other)? {
                due.await.map_err(io::Error::other)?;
            }
            target.write_last(session.sink.pending()).await?;
            target.shutdown().await
        });
        if let Ok(Err(error)) = sent.await {
            tracing::debug!(session = %session.record.id(), %error, "the last bytes to the target");
        }
    }
    (ended, matches!(shown, Ok(Ok(()))))
}

async fn run(
    session: &mut Governed,
    agent: &mut End,
    target: &mut End,
    around: &mut Surroundings<'_>,
    waiting: &mut Option<Waiting>,
) -> Result<Ended, SessionError> {
    let mut stalled: Option<Instant> = None;
    let mut leaving = false;
    let mut read = session.now;
    let mut wire = Wire::new();
    loop {
        session.now = Instant::now();
        // Answers first: they settle what waits.
        answers(session, target, around).await?;
        if leaving {
            agent.received.clear();
        } else {
            leaving = requests(session, agent, waiting, &mut read, around).await?;
        }
        session.shown.settle(&mut session.record)?;
        session.judge.settle();
        // What was asked before the goodbye is still answered, as the server itself does.
        let quiet = session.shown.pending().is_empty();
        if leaving && (agent.closed || quiet && (target.closed || session.pipeline.is_empty())) {
            return Ok(Ended::Closed);
        }
        let for_people = Waiting::waits_for_people(waiting.as_ref());
        match (&waiting, stalled) {
            (None, _) => stalled = None,
            (Some(_), _) if for_people => stalled = None,
            (Some(_), None) => stalled = Some(session.now),
            (Some(_), Some(since)) if session.now.duration_since(since) > STALLED => {
                return Err(SessionError::client(
                    "the pipeline waits for an answer that never comes",
                ));
            }
            _ => {}
        }
        if target.closed && quiet {
            return Ok(Ended::ServerGone);
        }
        if agent.closed && !Waiting::outlives_the_agent(waiting.as_ref()) {
            return Ok(Ended::ClientGone);
        }

        // What carries out an intent leaves once that is durable, and no more is taken in than the
        // disk takes.
        let mut due = session.sink.settle()?;
        let mut behind = session.record.keeps_up();
        let flows = Flows {
            lags: !behind.settled()?,
            deaf: Waiting::is_deaf(waiting.as_ref()),
            waits: waiting.is_some(),
            leaving,
        };
        let went = {
            // Also where bytes move without end, and have used up what a task may do in one turn.
            let mut elsewhere = pin!(unconstrained(elsewhere(waiting, &mut wire, around)));
            poll_fn(|cx| {
                let moved = flows.poll_move(cx, session, agent, target);
                if moved.is_ready() {
                    return moved;
                }
                if let Some(Poll::Ready(kept)) = due.as_mut().map(|due| Pin::new(due).poll(cx)) {
                    return Poll::Ready(Went::Kept(kept));
                }
                if flows.lags
                    && let Poll::Ready(kept) = Pin::new(&mut behind).poll(cx)
                {
                    return Poll::Ready(Went::Kept(kept));
                }
                elsewhere.as_mut().poll(cx)
            })
            .await
        };
        match went {
            Went::Moved => {}
            Went::AgentGone if leaving => return Ok(Ended::Closed),
            Went::AgentGone => return Ok(Ended::ClientGone),
            Went::Kept(kept) => kept?,
            Went::Word(word) => session.heard(waiting, word)?,
            Went::News(news) => {
                if let Some(ended) = took(session, around, waiting, news).await? {
                    return Ok(ended);
                }
            }
        }
    }
}

/// Puts in force what is new, unless the session ends by it.
async fn took(
    session: &mut Governed,
    around: &mut Surroundings<'_>,
    waiting: &mut Option<Waiting>,
    news: News,
) -> Result<Option<Ended>, SessionError> {
    let stands = match news {
        News::Shutdown => return Ok(Some(Ended::Shutdown)),
        News::Policies => replace_policies(session, around).await?,
        News::Subject => {
            let subject = Change::Subject(Arc::clone(&around.subject.borrow_and_update()));
            session.came_into_force(subject, &judge::connect())?
        }
    };
    if let Err(cut) = stands {
        return Ok(Some(Ended::Cut(cut)));
    }
    if let Some(waiting) = waiting {
        waiting.judged_anew();
    }
    Ok(None)
}

/// Takes the target's messages that are here in full, as long as there is room for what they show.
async fn answers(
    session: &mut Governed,
    target: &mut End,
    around: &mut Surroundings<'_>,
) -> Result<(), SessionError> {
    while session.shown.len() < HIGH_WATER {
        let rows = session.rows(&target.received, &around.limits)?;
        if rows > 0 {
            target.received.advance(rows);
            continue;
        }
        let frame = match decode_frame(&mut target.received, &around.limits) {
            Ok(Decoded::Complete(frame)) => frame,
            Ok(Decoded::Incomplete { .. }) => break,
            Err(error) => return Err(SessionError::unread(Side::Server, &error)),
        };
        if let Told::Stale(frame) = session.on_answer(frame, Unknown::Refresh)? {
            refresh(session, around, Duration::ZERO).await?;
            // Still unknown: made in a transaction that nobody else can see into yet.
            session.on_answer(frame, Unknown::Mask)?;
        }
    }
    Ok(())
}

/// Takes the agent's messages that are here in full. True when it says goodbye.
async fn requests(
    session: &mut Governed,
    agent: &mut End,
    waiting: &mut Option<Waiting>,
    read: &mut Instant,
    around: &Surroundings<'_>,
) -> Result<bool, SessionError> {
    let client = |error| SessionError::unread(Side::Client, &error);
    while session.sink.len() < HIGH_WATER {
        let (message, held) = match waiting.take() {
            Some(held) if held.why == Why::People => {
                *waiting = Some(held);
                break;
            }
            Some(Waiting { message, held, .. }) => (message, held),
            None => match decode_frame(&mut agent.received, &around.limits).map_err(client)? {
                Decoded::Complete(frame) => (frontend::decode(frame).map_err(client)?, None),
                Decoded::Incomplete { .. } => break,
            },
        };
        if session.now.saturating_duration_since(*read) > SOON {
            *read = lately(session, around).await?;
        }
        match session.on_request(message)? {
            Heard::Done => {
                if let Some(held) = held {
                    session.overtaken(*held)?;
                }
            }
            Heard::Closed => return Ok(true),
            Heard::Stale(message) => {
                let changed = session.has_changed_for_good();
                let age = if changed { Duration::ZERO } else { UNKNOWN };
                refresh(session, around, age).await?;
                session.catalogue_asked();
                *waiting = Some(Waiting::new(message, Why::Answers, held));
            }
            Heard::Estimate(message, wanted) => {
                Box::pin(estimating::estimate(session, around, &wanted)).await?;
                *waiting = Some(Waiting::new(message, Why::Answers, held));
            }
            Heard::Wait(message) => {
                *waiting = Some(Waiting::new(message, Why::Answers, held));
                break;
            }
            Heard::Ahead(message) => {
                let full = agent.received.len() >= HIGH_WATER;
                let name = waiting::parsed(&message);
                session.ahead = waiting::ahead(&agent.received, &name, full, &around.limits);
                if session.ahead.is_none() {
                    *waiting = Some(Waiting::new(message, Why::More, held));
                    break;
                }
                *waiting = Some(Waiting::new(message, Why::Answers, held));
            }
            Heard::Ask(message, wanted) => {
                let asking = waiting::ask(session, around, message, wanted, held);
                *waiting = Some(Box::pin(asking).await?);
            }
        }
    }
    Ok(false)
}

async fn replace_policies(
    session: &mut Governed,
    around: &mut Surroundings<'_>,
) -> Result<Result<(), Cut>, SessionError> {
    let policies = Arc::clone(&around.policies.borrow_and_update());
    let known = match around.catalogues {
        Some(catalogues) => {
            let (admission, database) = (around.admission, around.database);
            let reading =
                catalogues.lineage(admission, database, &policies, Age::Within(Duration::MAX));
            let known = Box::pin(reading).await.map_err(|error| {
                SessionError::server(format!("the catalogue can't be read: {error}"))
            })?;
            Some(known)
        }
        None => None,
    };
    session.policies_changed(policies, known, &judge::connect())
}
