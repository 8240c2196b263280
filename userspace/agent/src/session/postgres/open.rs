//! What leads up to a session: the agent's start-up, the verdict on what it wants to open, the log-in to
//! the target, and what a server says once it is content.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use bytes::BytesMut;
use tokio::{io::AsyncWriteExt, net::TcpStream};
use weir_policy::{Policies, Target, Verdict};
use weir_record::{End as Recorded, RecordError, SessionWriter, Side};
use weir_wire::postgres::backend::{
    Authentication, BackendKeyData, NoticeResponse, ReadyForQuery, SqlState,
};

use super::{
    Services, Watched, cancelled,
    cancels::{Cancellable, Interrupt, KeyLength, Registered},
    catalogues::{Age, Known},
    end::End,
    farewell::{self, last_word, over, protocol_error, refused, unreachable_word},
    governed::Governed,
    greet::{self, Arrival, GreetError, Opening, greet},
    lexing, refusal, replication,
    startup::{self, Wanted},
};
use crate::{
    admit::Admission,
    mask::exposure::Exposure,
    session::{
        asked::{self, Waited},
        judge::Judge,
    },
    signals::Signals,
    tls::Plain,
    upstream::{
        UpstreamError,
        postgres::{Login, Used, login},
    },
};

/// A session that both sides have agreed on.
pub(super) struct Begun {
    pub(super) session: Governed,
    pub(super) agent: End,
    pub(super) target: End,
    pub(super) database: String,
    pub(super) settings: Vec<(String, String)>,
    pub(super) interrupt: Arc<Interrupt>,
    pub(super) registered: Option<Registered>,
    pub(super) cancel_key: Option<BackendKeyData>,
}

/// Leads up to a session, or ends the record of one that does not come to be.
pub(super) async fn begin(
    io: TcpStream,
    admission: &Admission,
    record: SessionWriter,
    services: &Services,
    watched: &mut Watched,
) -> Result<Option<Box<Begun>>, RecordError> {
    // 1. Lead the agent up to its startup packet.
    let name = admission.destination().ip().to_string();
    let tls = admission.service().agent_tls;
    let io = match Plain::socket(io).settle() {
        Ok(io) => io,
        Err(error) => {
            let message = format!("the agent's connection can't be used: {error}");
            return none(record.end(&Recorded::Error { message }));
        }
    };
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
    let (login, known) = match reached {
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
    let exposure = Exposure::everything(&known.lineage, &judge.clear());
    if let Err(end) = welcome(&mut agent, &login, registered.as_ref(), &exposure).await {
        return none(record.end(&end));
    }
    let key = Arc::clone(&services.mask_key);
    let masked = (known, detectors);
    let mut session = Governed::new(judge, masked, key, record, login.sink, login.status);
    session.replication = wanted.replication;
    login
        .parameters
        .iter()
        .for_each(|parameter| session.encoding.hears(parameter));
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
) -> Result<(Login, Known), UpstreamError> {
    let began = Instant::now();
    let parameters = wanted.parameters();
    let opened = (wanted.database.as_str(), parameters.as_slice());
    let login = login(admission, opened, services.limits, Used::Here).await;
    record.dialled(began, login.is_ok());
    let login = login?;
    if !replication::has_catalogue(wanted.replication) {
        return Ok((login, Known::default()));
    }
    let known = services
        .catalogues
        .lineage(admission, &wanted.database, judge.policies(), Age::Lately)
        .await?;
    Ok((login, known))
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
