//! Moves a governed session's bytes: four flows in one task, none of which waits for another.
//!
//! Reading from one side stops while what it would add to the other is more than [`HIGH_WATER`], so
//! a slow reader slows its writer down and nothing piles up here. Bytes for the agent are on
//! record before they are written, bytes for the target carry their proofs.

use std::{
    io, iter,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Buf, BytesMut};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split},
    sync::watch,
    time::{sleep, timeout},
};
use weir_policy::{Policies, Subject};
use weir_record::{Commit, RecordError, Side};
use weir_wire::postgres::{Decoded, Limits, decode_frame, frontend};

use super::{
    answer::Told,
    cancels::Interrupt,
    catalogues::{Catalogues, FRESH},
    governed::{Governed, SessionError},
    news::{News, Wire},
    request::Heard,
    waiting::{self, Waiting, Why},
};
use crate::{
    admit::Admission,
    approve::Desk,
    mask::plan::Unknown,
    session::{Change, Cut, Kills, judge},
    tls::Plain,
};

/// Most bytes that wait for one side before reading from the other stops.
const HIGH_WATER: usize = 256 * 1024;
/// How much is read at once: as little at first as an idle session should hold, and more while that
/// is what comes.
const LEAST_READ: usize = 1024;
const MOST_READ: usize = 128 * 1024;
/// How long each side may take for the last bytes of a session.
const LAST: Duration = Duration::from_secs(2);
/// How old a reading may be that knows nothing of a name. Not nothing: an agent that asks for names
/// at random must not have the catalogue read each time.
const UNKNOWN: Duration = Duration::from_secs(1);
/// How long an agent's message may wait for the target's answers to earlier ones.
const STALLED: Duration = Duration::from_secs(60);

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
}

struct End {
    reader: ReadHalf<Plain>,
    writer: WriteHalf<Plain>,
    received: BytesMut,
    /// How much the next read asks for.
    asks: usize,
    unflushed: bool,
    closed: bool,
}

impl End {
    fn new(io: Plain, received: BytesMut) -> Self {
        let (reader, writer) = split(io);
        Self {
            reader,
            writer,
            received,
            asks: LEAST_READ,
            unflushed: false,
            closed: false,
        }
    }

    fn whole(self) -> Plain {
        self.reader.unsplit(self.writer)
    }
}

/// Drives the session until it ends. Gives back the agent's connection for a last word, unless it
/// was left in the middle of a message, where a word would be taken for a part of that.
pub(super) async fn drive(
    session: &mut Governed,
    agent: (Plain, BytesMut),
    target: (Plain, BytesMut),
    around: &mut Surroundings<'_>,
) -> (Ended, Option<Plain>) {
    let mut agent = End::new(agent.0, agent.1);
    let mut target = End::new(target.0, target.1);
    let mut waiting = None;
    let mut kills = around.killed.clone();
    // Looked at when it wakes, not whenever the session does.
    let mut kills: FuturesUnordered<_> = iter::once(kills.killed()).collect();
    // Whatever it waits for, a kill does not.
    let ended = tokio::select! {
        ended = run(session, &mut agent, &mut target, around, &mut waiting) => ended,
        Some(killed) = kills.next() => Ok(Ended::Cut(killed)),
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
    let shown = timeout(LAST, agent.writer.write_all(session.shown.pending())).await;
    // But what whoever ended the session, or a signal, could still keep from the target.
    if !matches!(
        ended,
        Ended::Cut(_) | Ended::Failed(SessionError::Signal(_))
    ) {
        let sent = timeout(LAST, async {
            while let Some(due) = session.sink.settle().map_err(io::Error::other)? {
                due.await.map_err(io::Error::other)?;
            }
            target.writer.write_all(session.sink.pending()).await?;
            target.writer.shutdown().await
        });
        if let Ok(Err(error)) = sent.await {
            tracing::debug!(%error, "the last bytes to the target");
        }
    }
    let whole = matches!(shown, Ok(Ok(())));
    (ended, whole.then(|| agent.whole()))
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
    let mut read = Instant::now();
    let mut wire = Wire::new();
    loop {
        // Answers first: they settle what waits.
        answers(session, target, around).await?;
        if leaving {
            agent.received.clear();
        } else {
            leaving = requests(session, agent, waiting, &mut read, around).await?;
        }
        session.shown.settle(&mut session.record)?;
        // What was asked before the goodbye is still answered, as the server itself does.
        let quiet = session.shown.pending().is_empty();
        if leaving && (agent.closed || quiet && (target.closed || session.pipeline.is_empty())) {
            return Ok(Ended::Closed);
        }
        let for_people = Waiting::waits_for_people(waiting.as_ref());
        match (&waiting, stalled) {
            (None, _) => stalled = None,
            (Some(_), _) if for_people => stalled = None,
            (Some(_), None) => stalled = Some(Instant::now()),
            (Some(_), Some(since)) if since.elapsed() > STALLED => {
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
        let due = session.sink.settle()?;
        let behind = session.record.keeps_up();
        let lags = !behind.settled()?;
        let deaf = Waiting::is_deaf(waiting.as_ref());
        let room = agent.received.len().max(session.sink.len()) < HIGH_WATER;
        let hears = !deaf
            && !agent.closed
            && !lags
            && (waiting.is_none() || room)
            && session.sink.len() < HIGH_WATER;
        let listens = !target.closed && !lags && session.shown.len() < HIGH_WATER;
        let shows = agent.unflushed || !session.shown.pending().is_empty();
        let sends = !target.closed && (target.unflushed || !session.sink.pending().is_empty());
        tokio::select! {
            settled = settled(due.as_ref()), if due.is_some() => settled?,
            kept = behind, if lags => kept?,
            read = fill(&mut agent.reader, &mut agent.received, &mut agent.asks), if hears => {
                agent.closed = !matches!(read, Ok(1..));
            }
            read = fill(&mut target.reader, &mut target.received, &mut target.asks), if listens => {
                target.closed = !matches!(read, Ok(1..));
            }
            wrote = drain(&mut agent.writer, session.shown.pending(), &mut agent.unflushed), if shows => {
                match wrote {
                    Ok(count) => session.shown.written(count),
                    Err(_) if leaving => return Ok(Ended::Closed),
                    Err(_) => return Ok(Ended::ClientGone),
                }
            }
            wrote = drain(&mut target.writer, session.sink.pending(), &mut target.unflushed), if sends => {
                match wrote {
                    Ok(count) => session.sink.written(count),
                    // What it still has to say comes first.
                    Err(_) => target.closed = !listens,
                }
            }
            // Looked at above; without this nothing would come to look again.
            () = sleep(STALLED), if waiting.is_some() && !for_people => {}
            word = Waiting::word(waiting), if for_people => session.heard(waiting, word)?,
            news = wire.next(&around.policies, &around.subject, &around.shutdown) => {
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
        if session.wants_catalogue() {
            refresh(session, around, Duration::ZERO).await?;
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
        if read.elapsed() > FRESH {
            refresh(session, around, FRESH).await?;
            *read = Instant::now();
        }
        match session.on_request(message)? {
            Heard::Done => {
                if let Some(held) = held {
                    session.overtaken(held)?;
                }
            }
            Heard::Closed => return Ok(true),
            Heard::Stale(message) => {
                refresh(session, around, UNKNOWN).await?;
                session.catalogue_asked();
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
                *waiting = Some(waiting::ask(session, around, message, wanted, held).await?);
            }
        }
    }
    Ok(false)
}

async fn refresh(
    session: &mut Governed,
    around: &Surroundings<'_>,
    age: Duration,
) -> Result<(), SessionError> {
    let Some(catalogues) = around.catalogues else {
        return Ok(());
    };
    let policies = Arc::clone(session.judge.policies());
    let read = catalogues
        .lineage(around.admission, around.database, &policies, age)
        .await;
    match read {
        Ok(lineage) => session.catalogue_changed(lineage),
        // The last reading stays in force; what it doesn't know is masked.
        Err(error) => session
            .record
            .note(&format!("the catalogue can't be read again: {error}"))?,
    }
    Ok(())
}

async fn replace_policies(
    session: &mut Governed,
    around: &mut Surroundings<'_>,
) -> Result<Result<(), Cut>, SessionError> {
    let policies = Arc::clone(&around.policies.borrow_and_update());
    let lineage = match around.catalogues {
        Some(catalogues) => catalogues
            .lineage(around.admission, around.database, &policies, Duration::MAX)
            .await
            .map_err(|error| {
                SessionError::server(format!("the catalogue can't be read: {error}"))
            })?,
        None => Arc::clone(&session.lineage),
    };
    session.policies_changed(policies, lineage, &judge::connect())
}

/// Resolves with what is waited for, if anything is.
async fn settled(due: Option<&Commit>) -> Result<(), RecordError> {
    match due {
        Some(due) => due.clone().await,
        None => Ok(()),
    }
}

async fn fill(
    reader: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
    asks: &mut usize,
) -> io::Result<usize> {
    buffer.reserve(*asks);
    let room = buffer.capacity() - buffer.len();
    let read = reader.read_buf(buffer).await?;
    if read >= room {
        *asks = (*asks * 4).min(MOST_READ);
    } else if read < *asks / 8 {
        *asks = (*asks / 2).max(LEAST_READ);
    }
    Ok(read)
}

/// Writes some of `bytes`, and flushes once all are written. Safe to cancel: nothing that was
/// written goes unreported, since writing and flushing are never in one call.
async fn drain(
    writer: &mut (impl AsyncWrite + Unpin),
    bytes: &[u8],
    unflushed: &mut bool,
) -> io::Result<usize> {
    if bytes.is_empty() {
        writer.flush().await?;
        *unflushed = false;
        return Ok(0);
    }
    let count = writer.write(bytes).await?;
    if count == 0 {
        return Err(io::ErrorKind::WriteZero.into());
    }
    *unflushed = true;
    Ok(count)
}
