//! What weir passes on unread, as a verdict and a record have it: one command, which opens it.

use std::{sync::Arc, time::Instant};

use weir_policy::{Permit, RaisedSignal, Refusal, Target, Verdict};
use weir_record::{CommandText, Outcome, RecordError, RecordedPermit, SessionWriter, Status};

use super::{
    Watched,
    judge::{self, Judge},
};
use crate::{
    admit::Passage,
    approve::{self, Unheld},
    upstream::UpstreamError,
};

/// The judge of what was admitted, with the policies that are in force now.
pub(super) fn judge_of<Service>(passage: &Passage<Service>, watched: &mut Watched) -> Judge {
    let target = Target {
        name: passage
            .target()
            .map_or_else(String::new, |target| target.name.to_string()),
        protocol: passage
            .target()
            .map_or_else(String::new, |target| target.protocol().to_string()),
        database: passage.destination().to_string(),
    };
    let policies = watched.policies.borrow_and_update().clone();
    Judge::new(
        policies,
        passage.subject().clone(),
        target,
        passage.workload().to_string(),
        passage.mode(),
        Arc::clone(&watched.signals),
    )
    .knowing(passage, None)
}

/// Judges the opening of a declared target; what is undeclared goes on because it is observed.
pub(super) fn verdict<Service>(judge: &mut Judge, passage: &Passage<Service>) -> Verdict {
    if let Some(unadmitted) = passage.unadmitted() {
        let message = unadmitted.message.clone();
        return Verdict::Allow(judge.policies().observe_unjudged(unadmitted.rule, message));
    }
    judge.open(&[judge::connect()])
}

/// The same where nobody can be waited for.
pub(super) fn permit<Service>(
    judge: &mut Judge,
    passage: &Passage<Service>,
) -> Result<Permit, Refusal> {
    match verdict(judge, passage) {
        Verdict::Allow(permit) => Ok(permit),
        Verdict::Ask(ask) => Err(approve::unheld(&ask, Unheld::Datagrams)),
        Verdict::Deny(refusal) => Err(refusal),
    }
}

/// Judges a connection that stands, by the signals that are raised now.
pub(super) fn stands<Service>(
    judge: &mut Judge,
    passage: &Passage<Service>,
) -> Result<(), Refusal> {
    if passage.unadmitted().is_some() {
        return Ok(());
    }
    match judge.judge([&judge::connect()], false) {
        Verdict::Allow(_) => Ok(()),
        Verdict::Ask(ask) => Err(approve::unheld(&ask, Unheld::Standing)),
        Verdict::Deny(refusal) => Err(judge.with_figures(refusal)),
    }
}

/// What is opened, in words.
pub(super) fn text<Service>(passage: &Passage<Service>) -> String {
    format!("connect to {}", passage.destination())
}

/// Puts the opening on record.
pub(super) fn intent<Service>(
    record: &mut SessionWriter,
    permit: Permit,
    passage: &Passage<Service>,
    signals: &[RaisedSignal],
) -> Result<RecordedPermit, RecordError> {
    let text = text(passage);
    let statements = [judge::connect()];
    let command = CommandText {
        text: &text,
        parameters: &[],
        statements: (&statements).into(),
        signals,
    };
    record.intent(permit, command)
}

/// What becomes of it where the target can't be reached.
pub(super) fn unreachable(record: &SessionWriter, error: &UpstreamError) -> Status {
    tracing::warn!(session = %record.id(), %error, "the target can't be reached");
    Status::Failed {
        code: "unreachable".to_owned(),
        message: error.to_string(),
    }
}

/// What became of it, in bytes of payload.
pub(super) fn outcome(status: Status, sent: u64, received: u64, began: Instant) -> Outcome {
    Outcome {
        status,
        rows: 0,
        bytes: received,
        masked: 0,
        masked_columns: Vec::new(),
        detected: Vec::new(),
        sent: Some(sent),
        micros: u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
    }
}
