//! The verdict on what weir passes on unread: there is one, on opening it.

use weir_policy::{Permit, Refusal, Target, Verdict};

use super::{
    Watched,
    judge::{self, Judge},
};
use crate::{admit::Passage, approve};

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
    )
}

/// Judges the opening of a declared target; what is undeclared goes on because it is observed.
pub(super) fn permit<Service>(
    judge: &Judge,
    passage: &Passage<Service>,
) -> Result<Permit, Refusal> {
    if let Some(unadmitted) = passage.unadmitted() {
        let message = unadmitted.message.clone();
        return Ok(judge.policies().observe_unjudged(unadmitted.rule, message));
    }
    match judge.judge([&judge::connect()], false) {
        Verdict::Allow(permit) => Ok(permit),
        Verdict::Ask(ask) => Err(approve::unanswered(&ask)),
        Verdict::Deny(refusal) => Err(refusal),
    }
}
