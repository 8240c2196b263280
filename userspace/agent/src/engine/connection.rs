//! One intercepted connection: attributed, put on record, identified, routed, admitted, served.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use rustls::crypto::ring;
use tokio::net::TcpStream;
use tracing::Instrument;
use weir_intercept::{
    Intercepted,
    attribute::{self, Origin},
};
use weir_policy::Subject;
use weir_record::{End, Process, RecordError, SessionId, SessionStart, SessionWriter};

use super::{Engine, live::Registered, status::LiveSession};
use crate::{
    admit::{Admission, admit},
    config::Workload,
    identity,
    session::postgres::{self, Watched},
};

/// Why a connection is served no further.
struct Turned {
    rule: String,
    message: String,
}

pub(super) async fn serve(engine: Engine, intercepted: Intercepted) {
    let origin = attribute::origin(&intercepted);
    let destination = intercepted.orig_dst;
    let Some(workload) = engine.0.workloads.get(&origin.workload).cloned() else {
        // Tagged by the kernel side, unknown here: can't be, so it isn't served.
        tracing::error!(%destination, workload = %origin.workload, "an unknown workload");
        return;
    };
    let span = tracing::info_span!("connection", workload = %workload.name, %destination);
    handle(engine, intercepted, origin, workload)
        .instrument(span)
        .await;
}

async fn handle(engine: Engine, intercepted: Intercepted, origin: Origin, workload: Arc<Workload>) {
    let inner = &engine.0;
    // The view of the policies is taken before anything is decided.
    let watched = Watched {
        policies: inner.policies.subscribe(),
        shutdown: inner.shutdown.subscribe(),
    };
    let destination = intercepted.orig_dst.get();
    let subject = identity::subject(&workload.identity, origin.uid.get());
    let admission = match &subject {
        Ok(subject) => {
            let route = inner.routes.load().route(&workload.name, destination);
            admit(subject.clone(), route).map_err(|refused| Turned {
                rule: refused.rule.to_owned(),
                message: refused.message,
            })
        }
        Err(error) => Err(Turned {
            rule: "identity-unverified".to_owned(),
            message: error.to_string(),
        }),
    };
    let version = watched.policies.borrow().version().to_string();
    let start = describe(
        &origin,
        &workload,
        &intercepted,
        subject.ok(),
        admission.as_ref().ok(),
        version,
    );
    let id = start.id;
    let _registered: Registered = inner.live.register(id, live(&start));
    let record = match SessionWriter::create(&inner.records, &start) {
        Ok(record) => record,
        Err(error) => {
            tracing::error!(%error, "a connection is refused, since it can't be recorded");
            let message = "the connection can't be recorded, so it is refused";
            return refuse(&engine, intercepted.io, message, id).await;
        }
    };
    let served = match admission {
        Ok(admission) => {
            tracing::info!(session = %id, target = %admission.target().name, "admitted");
            postgres::serve(intercepted.io, admission, record, &inner.services, watched).await
        }
        Err(turned) => turn_away(&engine, intercepted.io, record, turned).await,
    };
    if let Err(error) = served {
        tracing::error!(session = %id, %error, "the record could not be ended");
    }
}

async fn turn_away(
    engine: &Engine,
    io: TcpStream,
    record: SessionWriter,
    Turned { rule, message }: Turned,
) -> Result<(), RecordError> {
    let id = *record.id();
    tracing::info!(session = %id, rule, message, "refused");
    let word = format!("{message} (rule {rule})");
    record.end(&End::Refused { rule, message })?;
    refuse(engine, io, &word, id).await;
    Ok(())
}

/// Tells the agent, in its own protocol where its first bytes show one.
async fn refuse(engine: &Engine, io: TcpStream, message: &str, id: SessionId) {
    let mut first = [0; 8];
    let spoken = tokio::time::timeout(Duration::from_secs(1), io.peek(&mut first)).await;
    if let Ok(Ok(count)) = spoken
        && first.get(..count).is_some_and(postgres::is_startup)
    {
        postgres::refuse(io, message, &id, &engine.0.services).await;
    }
}

fn describe(
    origin: &Origin,
    workload: &Workload,
    intercepted: &Intercepted,
    subject: Option<Subject>,
    admission: Option<&Admission>,
    policy_version: String,
) -> SessionStart {
    let now = Timestamp::now();
    let target = admission.map(Admission::target);
    let subject = subject.unwrap_or_else(|| Subject {
        id: "unverified".to_owned(),
        groups: Vec::new(),
        on_behalf_of: None,
    });
    SessionStart {
        id: SessionId::new(now, random()),
        started: now,
        workload: workload.name.to_string(),
        subject: subject.id,
        groups: subject.groups,
        on_behalf_of: subject.on_behalf_of,
        process: Process {
            pid: origin.pid.get(),
            started: origin.started.and_then(|at| Timestamp::try_from(at).ok()),
            uid: origin.uid.get(),
            gid: origin.gid.get(),
            exe: origin.exe.as_ref().map(|path| path.display().to_string()),
            comm: origin.comm.clone(),
            cgroup: origin.cgroup.clone().unwrap_or_default(),
            ..Process::default()
        },
        destination: intercepted.orig_dst.to_string(),
        target: target.map(|target| target.name.to_string()),
        protocol: target.map(|target| target.protocol.to_string()),
        policy_version,
    }
}

fn live(start: &SessionStart) -> LiveSession {
    LiveSession {
        id: start.id.to_string(),
        workload: start.workload.clone(),
        subject: start.subject.clone(),
        target: start.target.clone(),
        since: start.started,
    }
}

/// Tells sessions of one millisecond apart; not a secret. Without it two of them would want one
/// file, and the second would be refused.
fn random() -> u32 {
    let mut bytes = [0; 4];
    match ring::default_provider().secure_random.fill(&mut bytes) {
        Ok(()) => u32::from_ne_bytes(bytes),
        Err(_) => std::process::id(),
    }
}
