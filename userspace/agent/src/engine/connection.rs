//! One intercepted connection: attributed, put on record, identified, routed, admitted, served.

use std::{sync::Arc, time::Duration};

use tokio::{net::TcpStream, task::JoinSet};
use tracing::{Instrument, Span};
use weir_intercept::{
    Intercepted,
    attribute::{self, Origin},
};
use weir_record::{End, RecordError, SessionId, SessionWriter};

use super::{
    Engine,
    identified::Identified,
    live::Registered,
    names,
    opened::{Opened, describe, live},
    process,
};
use crate::{
    admit::{Admitted, admit},
    approve::Desk,
    config::Workload,
    dns, identity,
    session::{Kills, Watched, opaque, postgres},
};

/// Why a connection is served no further.
struct Turned {
    rule: String,
    message: String,
}

pub(super) async fn serve(engine: Engine, intercepted: Intercepted) {
    // What comes before a session is on the heap while it lasts: there are as many as connections,
    // and an idle one shouldn't carry room for it.
    if let Some((ready, span)) = Box::pin(attributed(&engine, intercepted)).await {
        Box::pin(ready.serve(&engine, span)).await;
    }
}

/// Finds out whose a connection is, and leads up to its session. What is for weir's resolver is dealt
/// with here.
async fn attributed(engine: &Engine, intercepted: Intercepted) -> Option<(Box<Ready>, Span)> {
    let origin = attribute::origin(&intercepted).await;
    let destination = intercepted.orig_dst;
    let Some(workload) = engine.workload(origin.workload) else {
        // Tagged by the kernel side, unknown here: can't be, so it isn't served.
        tracing::error!(%destination, workload = %origin.workload, "an unknown workload");
        return None;
    };
    let span = tracing::info_span!("connection", workload = %workload.name, %destination);
    let dealt_with = async {
        if destination.get().port() != dns::PORT {
            return prepare(engine, intercepted, &origin, &workload).await;
        }
        let asker = names::asker(engine, &workload, &origin, destination).await;
        let resolver = Arc::clone(&engine.0.resolver);
        resolver.serve_tcp(intercepted.io, asker).await;
        None
    };
    let ready = dealt_with.instrument(span.clone()).await?;
    Some((Box::new(ready), span))
}

/// A connection that is admitted and on record.
struct Ready {
    io: TcpStream,
    id: SessionId,
    admitted: Admitted,
    record: SessionWriter,
    watched: Watched,
    /// It is one of the open sessions as long as this is held.
    _registered: Registered,
    /// What follows who it is of.
    _following: JoinSet<()>,
}

impl Ready {
    /// What is logged of the session itself names it: a span would be entered and left with each
    /// message.
    async fn serve(self: Box<Self>, engine: &Engine, span: Span) {
        let Self {
            io,
            id,
            admitted,
            record,
            watched,
            _registered,
            _following,
        } = *self;
        let served = match admitted {
            Admitted::Postgres(admission) => {
                let target = &admission.target().name;
                span.in_scope(|| tracing::info!(session = %id, target = %target, "admitted"));
                drop(span);
                postgres::serve(io, admission, record, &engine.0.services, watched).await
            }
            Admitted::Opaque(passage) => {
                let target = passage.target().map(|target| target.name.as_str());
                span.in_scope(|| tracing::info!(session = %id, target, "passed on"));
                drop(span);
                Box::pin(opaque::serve(io, passage, record, watched)).await
            }
        };
        unrecorded(id, served);
    }
}

/// Attributes a connection, puts it on record and admits it; or turns it away.
async fn prepare(
    engine: &Engine,
    intercepted: Intercepted,
    origin: &Origin,
    workload: &Workload,
) -> Option<Ready> {
    let inner = &engine.0;
    // The view of the policies is taken before anything is decided.
    let (switch, killed) = Kills::switch();
    let of = (origin.workload, workload);
    let Identified {
        subject,
        heard,
        following,
    } = engine
        .identified(of, origin.uid.get(), switch.clone())
        .await;
    let mut watched = Watched {
        policies: inner.policies.subscribe(),
        subject: heard,
        shutdown: inner.shutdown.subscribe(),
        killed,
        signals: Arc::clone(&inner.signals),
        approvals: None,
    };
    let destination = intercepted.orig_dst.get();
    let names = inner.resolver.names(&workload.name, destination.ip());
    let admission = match &subject {
        Ok(subject) => {
            let routes = inner.routes.load();
            let route = routes.route_named(&workload.name, destination, &names);
            let admitted = admit(subject.clone(), route);
            let admitted = admitted.map(|one| {
                one.within(intercepted.namespace.clone())
                    .spoken_by(process::program(origin), inner.config.policies.zone.clone())
            });
            admitted.map_err(|refused| Turned {
                rule: refused.rule.to_owned(),
                message: refused.message,
            })
        }
        Err(error) => Err(Turned {
            rule: identity::UNVERIFIED.to_owned(),
            message: error.to_string(),
        }),
    };
    let version = watched.policies.borrow().version().to_string();
    let start = describe(Opened {
        origin,
        workload,
        subject: subject.ok(),
        destination,
        destination_name: names.latest(),
        target: admission.as_ref().ok().and_then(Admitted::target),
        policy_version: version,
    });
    let id = start.id;
    watched.approvals = inner
        .answers
        .then(|| Desk::new(inner.approvals.clone(), &start));
    let registered = inner.live.register(id, live(&start), switch);
    let record = match inner.recorder.create(&start) {
        Ok(record) => record,
        Err(error) => {
            tracing::error!(%error, "a connection is refused, since it can't be recorded");
            let message = "the connection can't be recorded, so it is refused";
            refuse(engine, intercepted.io, message, id).await;
            return None;
        }
    };
    match admission {
        Ok(admitted) => Some(Ready {
            io: intercepted.io,
            id,
            admitted,
            record,
            watched,
            _registered: registered,
            _following: following,
        }),
        Err(turned) => {
            unrecorded(id, turn_away(engine, intercepted.io, record, turned).await);
            None
        }
    }
}

fn unrecorded(id: SessionId, ended: Result<(), RecordError>) {
    if let Err(error) = ended {
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
