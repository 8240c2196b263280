//! PostgreSQL: one session, from the agent's first byte to the record's last.
//!
//! [`serve`] reads as numbered steps. The state of a session past its start-up is [`Governed`];
//! the module `drive` moves its bytes.

mod answer;
mod cancels;
mod catalogues;
mod counted;
mod detecting;
mod drive;
mod end;
mod farewell;
mod governed;
mod greet;
mod lexing;
mod names;
mod news;
mod path;
mod pipeline;
mod prepared;
mod refusal;
mod replication;
mod request;
mod shown;
#[cfg(test)]
mod simulation;
mod startup;
mod waiting;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::BytesMut;
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};
use weir_policy::{Policies, Target, Verdict};
use weir_record::{End as Recorded, RecordError, SessionId, SessionWriter, Side};
use weir_wire::postgres::{
    Limits,
    backend::{Authentication, BackendKeyData, NoticeResponse, ReadyForQuery, SqlState},
};

pub use self::{
    cancels::Cancels,
    catalogues::Catalogues,
    farewell::{is_startup, refuse},
};
use self::{
    cancels::{Cancellable, Interrupt, KeyLength, Registered},
    catalogues::FRESH,
    drive::{Ended, Surroundings, drive},
    end::End,
    farewell::{goodbye, last_word, over, protocol_error, refused, unreachable_word},
    governed::{Governed, SessionError},
    greet::{Arrival, GreetError, Opening, greet},
    startup::Wanted,
};
pub use super::Watched;
use super::{
    asked::{self, Waited},
    judge::Judge,
};
use crate::{
    admit::Admission,
    mask::{exposure::Exposure, key::MaskKey, lineage::Lineage},
    signals::Signals,
    tls::{Authority, Plain},
    upstream::{
        UpstreamError,
        postgres::{Login, cancel, login},
    },
};

/// How long the target may take to hear that a command is to be cancelled.
const STOPPED: Duration = Duration::from_secs(2);

/// What all sessions share.
pub struct Services {
    /// Mints the leaves that agents see.
    pub authority: Authority,
    /// Hashes and tokenises masked values.
    pub mask_key: Arc<MaskKey>,
    /// The catalogues of all databases.
    pub catalogues: Catalogues,
    /// The cancel keys of all sessions.
    pub cancels: Arc<Cancels>,
    /// What a message may hold.
    pub limits: Limits,
}

/// A session that both sides have agreed on.
struct Begun {
    session: Governed,
    agent: End,
    target: End,
    database: String,
    settings: Vec<(String, String)>,
    interrupt: Arc<Interrupt>,
    registered: Option<Registered>,
    cancel_key: Option<BackendKeyData>,
}

/// Serves one admitted connection to its end, and ends its record.
pub async fn serve(
    io: TcpStream,
    admission: Admission,
    record: SessionWriter,
    services: &Services,
    mut watched: Watched,
) -> Result<(), RecordError> {
    // What comes before a session and after it is on the heap while it lasts: there are as many as
    // connections, and an idle one shouldn't carry room for it.
    let Some(mut begun) = Box::pin(begin(io, &admission, record, services, &mut watched)).await?
    else {
        return Ok(());
    };
    // 5. Drive it until it ends.
    let Begun {
        session,
        agent,
        target,
        database,
        settings,
        interrupt,
        ..
    } = &mut *begun;
    let has_catalogue = replication::has_catalogue(session.replication);
    let mut around = Surroundings {
        policies: watched.policies,
        subject: watched.subject,
        shutdown: watched.shutdown,
        killed: watched.killed,
        catalogues: has_catalogue.then_some(&services.catalogues),
        admission: &admission,
        database,
        settings,
        approvals: watched.approvals.as_ref(),
        interrupt: Arc::clone(interrupt),
        limits: services.limits,
    };
    let (ended, hears) = drive(session, (agent, target), &mut around).await;
    Box::pin(finish(begun, ended, hears, &admission)).await
}

/// Leads up to a session, or ends the record of one that does not come to be.
async fn begin(
    io: TcpStream,
    admission: &Admission,
    record: SessionWriter,
    services: &Services,
    watched: &mut Watched,
) -> Result<Option<Box<Begun>>, RecordError> {
    // 1. Lead the agent up to its startup packet.
    let name = admission.destination().ip().to_string();
    let tls = admission.service().agent_tls;
    let greeted = tokio::select! {
        greeted = greet(io, tls, &services.authority, &name, &services.limits) => greeted,
        killed = watched.killed.killed() => {
            return none(farewell::killed(None, record, killed).await);
        }
    };
    let opening = match greeted {
        Ok(Arrival::Session(opening)) => opening,
        Ok(Arrival::Cancel(request, mut asked)) => {
            let end = cancelled(admission, services, &request).await;
            // Closed only now: what the agent sends next must not be what is cancelled.
            farewell::close(&mut asked).await;
            return none(record.end(&end));
        }
        Err(GreetError::Gone(_)) => return none(record.end(&Recorded::ClientGone)),
        Err(error) => return none(record.end(&protocol_error(Side::Client, &error))),
    };
    open(opening, admission, record, services, watched).await
}

/// There is no session, and its record is ended.
fn none(ended: Result<(), RecordError>) -> Result<Option<Box<Begun>>, RecordError> {
    ended.map(|()| None)
}

async fn open(
    opening: Opening,
    admission: &Admission,
    mut record: SessionWriter,
    services: &Services,
    watched: &mut Watched,
) -> Result<Option<Box<Begun>>, RecordError> {
    let Opening {
        io: mut agent,
        mut received,
        startup,
    } = opening;
    let id = *record.id();
    // 2. Judge what it wants to open.
    let Some(wanted) = Wanted::read(&startup) else {
        let message = "the startup packet names no user";
        last_word(&mut agent, SqlState::INVALID_AUTHORIZATION, message, &id).await;
        return none(record.end(&protocol_error(Side::Client, &message)));
    };
    let policies = Arc::clone(&watched.policies.borrow_and_update());
    record.hears(Instant::now());
    let mut judge = judge(policies, &watched.signals, admission, &wanted);
    let detectors = admission.service().detectors;
    let verdict = judge.open(&wanted.statements);
    let waited = match replication::unless_masked(verdict, wanted.replication, &judge, detectors) {
        Verdict::Allow(permit) => Waited::Permitted(permit),
        Verdict::Deny(refusal) => Waited::Refused(refusal),
        Verdict::Ask(ask) => {
            let opening = asked::Opening {
                ask,
                text: wanted.text(),
                statements: &wanted.statements,
            };
            let gone = greet::gone(&mut agent, &mut received);
            asked::opening(opening, &mut judge, &mut record, watched, gone).await?
        }
    };
    let permit = match waited {
        Waited::Permitted(permit) => permit,
        Waited::Refused(refusal) => return none(refused(record, &mut agent, &refusal).await),
        Waited::Over(left) => return none(over(&mut agent, record, left).await),
    };
    let observed = wanted.observed(permit, &mut record)?;
    // 3. Log in to the target and read its catalogue.
    let reached = tokio::select! {
        reached = reach(admission, &wanted, &judge, services, &mut record) => reached,
        killed = watched.killed.killed() => {
            startup::settle(observed, &mut record, Err("the session was ended"))?;
            return none(farewell::killed(Some(&mut agent), record, killed).await);
        }
    };
    let (login, lineage) = match reached {
        Ok(reached) => reached,
        Err(error) => {
            tracing::warn!(session = %id, %error, "the target can't be opened");
            let (code, word) = unreachable_word(&error);
            last_word(&mut agent, code, &word, &id).await;
            let message = error.to_string();
            startup::settle(observed, &mut record, Err(&message))?;
            return none(record.end(&Recorded::Error { message }));
        }
    };
    // 4. Put it on record, then tell the agent.
    let settings: BTreeMap<String, String> = wanted.parameters().into_iter().collect();
    record.opened(&wanted.database, &wanted.user, &settings)?;
    startup::settle(observed, &mut record, Ok(()))?;
    let interrupt = Arc::new(Interrupt::default());
    let length = greet::key_length(&startup);
    let registered = register(admission, &login, services, &interrupt, length);
    // A database may run code of its own when somebody logs in.
    let exposure = Exposure::everything(&lineage, &judge.clear());
    if let Err(end) = welcome(&mut agent, &login, registered.as_ref(), &exposure).await {
        return none(record.end(&end));
    }
    let key = Arc::clone(&services.mask_key);
    let masked = (lineage, detectors);
    let mut session = Governed::new(judge, masked, key, record, login.sink, login.status);
    session.replication = wanted.replication;
    Ok(Some(Box::new(Begun {
        session,
        agent: End::new(agent, &received),
        target: End::new(login.io, &login.received),
        database: wanted.database,
        settings: wanted.settings,
        interrupt,
        registered,
        cancel_key: login.key,
    })))
}

/// `hears`: the agent can still be told why.
async fn finish(
    begun: Box<Begun>,
    ended: Ended,
    hears: bool,
    admission: &Admission,
) -> Result<(), RecordError> {
    let Begun {
        session,
        agent,
        // Its key is good until the session has ended.
        registered: _registered,
        cancel_key,
        ..
    } = *begun;
    // 6. Say goodbye, on record first.
    let told_why = session.told_why;
    let (record, settled) = session.finish();
    let id = *record.id();
    let ended = match (ended, settled) {
        (ended @ Ended::Failed(_), _) | (ended, Ok(())) => ended,
        (_, Err(error)) => Ended::Failed(error),
    };
    let killed = matches!(
        ended,
        Ended::Cut(_) | Ended::Failed(SessionError::Signal(_))
    );
    goodbye(hears.then(|| agent.into_io()), record, ended, told_why).await?;
    // 7. What a killed session has under way at the target ends with it.
    if killed && let Some(key) = cancel_key {
        stop(admission, &key, &id).await;
    }
    Ok(())
}

/// Cancels what a session that was ended has under way at the target, which else would finish it:
/// a server looks at its client's socket only when it writes.
async fn stop(admission: &Admission, key: &BackendKeyData, session: &SessionId) {
    let cancelled = timeout(STOPPED, cancel(admission, key)).await;
    if let Ok(Err(error)) = cancelled {
        tracing::warn!(%session, %error, "what the session has under way can't be cancelled");
    }
}

fn judge(
    policies: Arc<Policies>,
    signals: &Arc<Signals>,
    admission: &Admission,
    wanted: &Wanted,
) -> Judge {
    let target = Target {
        name: admission.target().name.to_string(),
        protocol: admission.target().protocol().to_string(),
        database: wanted.database.clone(),
    };
    let workload = admission.workload().to_string();
    let subject = admission.subject().clone();
    let named = |(name, _): &&(String, String)| name.eq_ignore_ascii_case("application_name");
    let calls_itself = wanted.settings.iter().find(named);
    let signals = Arc::clone(signals);
    Judge::new(
        policies,
        subject,
        target,
        workload,
        admission.mode(),
        signals,
    )
    .knowing(admission, calls_itself.map(|(_, value)| value.as_str()))
}

async fn reach(
    admission: &Admission,
    wanted: &Wanted,
    judge: &Judge,
    services: &Services,
    record: &mut SessionWriter,
) -> Result<(Login, Arc<Lineage>), UpstreamError> {
    let began = Instant::now();
    let login = login(
        admission,
        &wanted.database,
        &wanted.parameters(),
        services.limits,
    )
    .await;
    record.dialled(began, login.is_ok());
    let login = login?;
    if !replication::has_catalogue(wanted.replication) {
        return Ok((login, Arc::default()));
    }
    let lineage = services
        .catalogues
        .lineage(admission, &wanted.database, judge.policies(), FRESH)
        .await?;
    Ok((login, lineage))
}

fn register(
    admission: &Admission,
    login: &Login,
    services: &Services,
    interrupt: &Arc<Interrupt>,
    length: KeyLength,
) -> Option<Registered> {
    let session = Cancellable {
        workload: admission.workload().clone(),
        target: admission.target().name.clone(),
        theirs: login.key.clone()?,
        interrupt: Arc::clone(interrupt),
    };
    services.cancels.register(session, length)
}

/// What a server says once it is content with a client.
async fn welcome(
    agent: &mut Plain,
    login: &Login,
    key: Option<&Registered>,
    exposure: &Exposure,
) -> Result<(), Recorded> {
    let mut bytes = BytesMut::new();
    Authentication::ok().encode(&mut bytes);
    for notice in &login.notices {
        match refusal::redacted(notice.diagnostic(), exposure).map(|f| NoticeResponse::new(&f)) {
            None => notice.encode(&mut bytes),
            Some(Ok(redacted)) => redacted.encode(&mut bytes),
            // What can't be told without what it quotes isn't told.
            Some(Err(_)) => {}
        }
    }
    for parameter in &login.parameters {
        if let Err(error) = lexing::check(parameter) {
            last_word(
                agent,
                SqlState::FEATURE_NOT_SUPPORTED,
                &error.to_string(),
                None,
            )
            .await;
            return Err(Recorded::Error {
                message: error.to_string(),
            });
        }
        parameter.encode(&mut bytes);
    }
    if let Some(message) = key.and_then(Registered::message) {
        message.encode(&mut bytes);
    }
    ReadyForQuery::new(login.status).encode(&mut bytes);
    let sent = async {
        agent.write_all(&bytes).await?;
        agent.flush().await
    };
    sent.await.map_err(|_: std::io::Error| Recorded::ClientGone)
}

async fn cancelled(
    admission: &Admission,
    services: &Services,
    request: &weir_wire::postgres::CancelRequest,
) -> Recorded {
    let found = services.cancels.find(request, admission.workload());
    // An unknown key is answered as the server answers it: not at all.
    let Some(session) = found.filter(|found| found.target == admission.target().name) else {
        return Recorded::Refused {
            rule: "unknown-cancel-key".to_owned(),
            message: "no session of this workload has this cancel key".to_owned(),
        };
    };
    // What people are asked about is at no target yet.
    if session.interrupt.interrupt() {
        return Recorded::Closed;
    }
    match cancel(admission, &session.theirs).await {
        Ok(()) => Recorded::Closed,
        Err(error) => Recorded::Error {
            message: error.to_string(),
        },
    }
}
