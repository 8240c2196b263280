//! Questions to resolvers: from the kernel to weir's own resolver, and the answers back.

use std::sync::Arc;

use weir_intercept::{
    Datagram, OrigDst,
    attribute::{self, Origin},
};

use super::{Engine, process};
use crate::{
    config::Workload,
    dns::{Asker, Turn},
};

/// Whose question it is, and its place among that workload's. Nothing is found out about a datagram
/// before it has one.
pub(super) fn turn(engine: &Engine, datagram: &Datagram) -> Option<(Arc<Workload>, Turn)> {
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

/// Answers a question that has its turn.
pub(super) async fn answer(
    engine: Engine,
    workload: Arc<Workload>,
    turn: Turn,
    datagram: Datagram,
) {
    let origin = attribute::of(&datagram.facts, datagram.caller.as_ref()).await;
    let asker = asker(&engine, &workload, &origin, datagram.orig_dst).await;
    let payload = &datagram.payload;
    let Some(answer) = engine.0.resolver.answer(turn, &asker, payload).await else {
        return;
    };
    if let Err(error) = datagram.reply(&answer).await {
        tracing::debug!(workload = %workload.name, %error, "an answer did not get back");
    }
}

/// Who asks a resolver.
pub(super) async fn asker(
    engine: &Engine,
    workload: &Workload,
    origin: &Origin,
    destination: OrigDst,
) -> Asker {
    let mut watching = engine.0.identities.watch(&workload.identity);
    Asker {
        workload: workload.name.clone(),
        subject: watching.subject(origin.uid.get()).await,
        process: process::of(origin),
        destination: destination.get(),
    }
}
