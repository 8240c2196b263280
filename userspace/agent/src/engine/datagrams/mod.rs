//! Datagrams of workloads: questions to resolvers, and flows to targets over UDP.

mod flow;
mod places;
mod table;

use std::{sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{interval, sleep},
};
use weir_intercept::{AcceptError, Interceptor};

pub(super) use self::places::Places;
use self::table::Flows;
use super::{Engine, names};

/// Most questions that are under way at a time, of all workloads.
const MOST_QUESTIONS: usize = 2048;
/// How often it is tidied up behind what has ended.
const TIDY: Duration = Duration::from_secs(60);

/// Takes datagrams until the engine stops, and sees the flows to their ends.
pub(super) async fn take(engine: Engine, interceptor: Arc<Interceptor>) {
    let mut shutdown = engine.0.shutdown.subscribe();
    let mut questions = JoinSet::new();
    let mut flows = Flows::default();
    let mut tidy = interval(TIDY);
    loop {
        while questions.try_join_next().is_some() {}
        flows.reap();
        let datagram = tokio::select! {
            datagram = interceptor.datagram() => datagram,
            _ = tidy.tick() => {
                engine.0.resolver.tidy();
                flows.tidy();
                continue;
            }
            _ = shutdown.wait_for(|stop| *stop) => break,
        };
        match datagram {
            Ok(datagram) if !datagram.is_question() => flows.take(&engine, datagram),
            Ok(datagram) if questions.len() < MOST_QUESTIONS => {
                if let Some((workload, turn)) = names::turn(&engine, &datagram) {
                    questions.spawn(names::answer(engine.clone(), workload, turn, datagram));
                }
            }
            // As a network that is too busy; a client asks again.
            Ok(_) => tracing::debug!("too many questions to resolvers at a time: one is dropped"),
            Err(AcceptError::TooLong { workload, .. }) => {
                tracing::warn!(%workload, "dropped a question that is too long for a resolver");
            }
            Err(error) => {
                tracing::error!(%error, "can't take datagrams");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
    flows.ended().await;
}
