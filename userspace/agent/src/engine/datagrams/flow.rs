//! One flow of datagrams: attributed, put on record, identified, routed, admitted, served.

use std::{future::Future, io, sync::Arc, time::Duration};

use tokio::time::sleep;
use tracing::Instrument;
use weir_intercept::{
    Datagram,
    attribute::{self, Origin},
};
use weir_policy::Subject;
use weir_record::{End, RecordError};

use crate::{
    admit::admit_datagrams,
    config::Workload,
    engine::{
        Engine,
        identified::Identified,
        live::Registered,
        opened::{Opened, describe, live},
        process,
    },
    identity::{self, IdentityError},
    session::{
        Change, Kills, Switch, Watched,
        datagrams::{self, Outlet, Served, WayBack},
    },
};

/// How long a refusal holds for what else is sent in the flow, so that not each datagram makes a
/// record. Other policies end it at once.
const REFUSED_FOR: Duration = Duration::from_secs(30);

impl WayBack for weir_intercept::WayBack {
    fn send(&self, datagram: &[u8]) -> impl Future<Output = io::Result<()>> + Send {
        weir_intercept::WayBack::send(self, datagram)
    }
}

/// Serves the flow that this datagram began. Its payload is in the queue already.
pub(super) async fn serve(
    engine: Engine,
    workload: Arc<Workload>,
    first: Datagram,
    mut sent: Outlet,
) {
    let destination = first.orig_dst;
    let span = tracing::info_span!("datagrams", workload = %workload.name, %destination);
    let served = async {
        // The view of the policies is taken before anything is decided.
        let (switch, killed) = Kills::switch();
        let origin = attribute::of(&first.facts, first.caller.as_ref()).await;
        let of = (first.facts.workload, workload.as_ref());
        let Identified {
            subject,
            heard,
            following: _following,
        } = engine
            .identified(of, origin.uid.get(), switch.clone())
            .await;
        let mut watched = Watched {
            policies: engine.0.policies.subscribe(),
            subject: heard,
            shutdown: engine.0.shutdown.subscribe(),
            killed,
            signals: Arc::clone(&engine.0.signals),
            // Nothing waits for people: a datagram that isn't passed on is lost to its sender.
            approvals: None,
        };
        let ends = (&mut sent, &mut watched);
        let who = (origin, subject);
        match opened(&engine, &workload, who, (first, switch), ends).await {
            Ok(Served::Over) => {}
            Ok(Served::Refused) => refuse(&mut sent, &mut watched).await,
            Err(error) => {
                tracing::error!(%error, "a flow of datagrams is refused, since it can't be recorded");
                refuse(&mut sent, &mut watched).await;
            }
        }
    };
    served.instrument(span).await;
}

async fn opened(
    engine: &Engine,
    workload: &Workload,
    (origin, subject): (Origin, Result<Subject, IdentityError>),
    (first, switch): (Datagram, Switch),
    (sent, watched): (&mut Outlet, &mut Watched),
) -> Result<Served, RecordError> {
    let inner = &engine.0;
    let destination = first.orig_dst.get();
    let names = inner.resolver.names(&workload.name, destination.ip());
    let admitted = match &subject {
        Ok(subject) => {
            let routes = inner.routes.load();
            let route = routes.route_datagrams(&workload.name, destination, &names);
            admit_datagrams(subject.clone(), route)
                .map(|passage| {
                    passage.within(first.namespace.clone()).spoken_by(
                        process::program(&origin),
                        inner.config.policies.zone.clone(),
                    )
                })
                .map_err(|refused| (refused.rule, refused.message))
        }
        Err(error) => Err((identity::UNVERIFIED, error.to_string())),
    };
    let start = describe(Opened {
        origin: &origin,
        workload,
        subject: subject.ok(),
        destination,
        destination_name: names.latest(),
        target: admitted.as_ref().ok().and_then(|passage| passage.target()),
        policy_version: watched.policies.borrow().version().to_string(),
    });
    let _registered: Registered = inner.live.register(start.id, live(&start), switch);
    let record = inner.recorder.create(&start)?;
    match admitted {
        Ok(passage) => {
            let target = passage.target().map(|target| target.name.as_str());
            tracing::info!(session = %start.id, target, "datagrams are passed on");
            datagrams::serve((sent, &first.way_back()), &passage, record, watched).await
        }
        Err((rule, message)) => {
            tracing::info!(session = %start.id, rule, message, "refused");
            let rule = rule.to_owned();
            record.end(&End::Refused { rule, message })?;
            Ok(Served::Refused)
        }
    }
}

/// Drops what is sent for a time.
async fn refuse(sent: &mut Outlet, watched: &mut Watched) {
    let over = async { while sent.next().await.is_some() {} };
    tokio::select! {
        () = over => {}
        () = sleep(REFUSED_FOR) => {}
        _ = Change::next(&mut watched.policies, &mut watched.subject) => {}
        _ = watched.killed.killed() => {}
        _ = watched.shutdown.wait_for(|stop| *stop) => {}
    }
}
