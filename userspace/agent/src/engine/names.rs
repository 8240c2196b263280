//! Questions to resolvers: from the kernel to weir's own resolver, and the answers back.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{interval, sleep},
};
use weir_intercept::{
    AcceptError, Datagram, Interceptor, OrigDst,
    attribute::{self, Origin},
};

use super::{Engine, process};
use crate::{
    config::Workload,
    dns::{Asker, Turn},
    identity,
};

/// Most questions that are under way at a time, of all workloads.
const MOST: usize = 2048;
/// How often records in which nothing happens are ended.
const TIDY: Duration = Duration::from_secs(60);

/// Takes datagrams and has them answered, until it is dropped.
pub(super) async fn answer(engine: Engine, interceptor: Arc<Interceptor>) {
    let mut under_way = JoinSet::new();
    let mut tidy = interval(TIDY);
    loop {
        while under_way.try_join_next().is_some() {}
        let datagram = tokio::select! {
            datagram = interceptor.datagram() => datagram,
            _ = tidy.tick() => {
                engine.0.resolver.tidy();
                continue;
            }
        };
        match datagram {
            Ok(datagram) if under_way.len() < MOST => {
                if let Some((workload, turn)) = turn(&engine, &datagram) {
                    under_way.spawn(one(engine.clone(), workload, turn, datagram));
                }
            }
            // As a network that is too busy; a client asks again.
            Ok(_) => tracing::debug!("too many questions to resolvers at a time: one is dropped"),
            Err(AcceptError::TooLong { workload, .. }) => {
                tracing::warn!(%workload, "dropped a question that is too long for a resolver");
            }
            Err(error) => {
                tracing::error!(%error, "can't take questions to resolvers");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Whose question it is, and its place among that workload's. Nothing is found out about a datagram
/// before it has one.
fn turn(engine: &Engine, datagram: &Datagram) -> Option<(Arc<Workload>, Turn)> {
    let id = datagram.facts.workload;
    let Some(workload) = engine.workload(id) else {
        tracing::error!(workload = %id, "a question of an unknown workload");
        return None;
    };
    let turn = engine.0.resolver.turn(&workload.name);
    if turn.is_none() {
        tracing::debug!(workload = %workload.name, "too many questions to resolvers at a time: one is dropped");
    }
    Some((workload, turn?))
}

async fn one(engine: Engine, workload: Arc<Workload>, turn: Turn, datagram: Datagram) {
    let origin = attribute::of(&datagram.facts, datagram.caller.as_ref()).await;
    let asker = asker(&workload, &origin, datagram.orig_dst);
    let payload = &datagram.payload;
    let Some(answer) = engine.0.resolver.answer(turn, &asker, payload).await else {
        return;
    };
    if let Err(error) = datagram.reply(&answer).await {
        tracing::debug!(workload = %workload.name, %error, "an answer did not get back");
    }
}

/// Who asks a resolver.
pub(super) fn asker(workload: &Workload, origin: &Origin, destination: OrigDst) -> Asker {
    Asker {
        workload: workload.name.clone(),
        subject: identity::subject(&workload.identity, origin.uid.get()),
        process: process::of(origin),
        destination: destination.get(),
    }
}
