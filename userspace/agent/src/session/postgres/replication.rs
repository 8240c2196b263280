//! Sessions of streaming replication: opened where policy permits it, their commands judged and on
//! record like any other, their streams passed on and counted.
//!
//! What a replica is sent is the log or the files of the server, in which no value can be masked. So
//! whoever may not see every data class clear that masking.toml declares gets no such session,
//! whatever permits it, and loses it when that changes; an observed workload too.
//!
//! A stream is counted, message by message and both ways, but not kept: the record would be another
//! replica. The outcome has its bytes.
//!
//! Known limits: a physical session is of no database, so there is no catalogue for it; its server
//! takes no SQL, and weir reads none there. Only PostgreSQL's own commands are known.

use std::{iter, sync::Arc};

use bytes::Bytes;
use weir_command::{Opaque, OpaqueReason, Statement, Verb, sql};
use weir_policy::{Clear, Detectors, Refusal, Verdict};
use weir_wire::postgres::{Frame, backend::CopyBothResponse};

use super::{
    detecting::Detecting,
    governed::{Governed, SessionError},
    pipeline::{Expected, Owed},
    prepared::Prepared,
};
use crate::session::judge::Judge;

/// The rule for values that can't be masked in a stream.
const MASKED: &str = "mask-replication";

/// What a session replicates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replication {
    /// The whole server, of no database.
    Physical,
    /// One database, in which SQL is taken too.
    Logical,
}

impl Replication {
    /// Reads the startup packet's parameter, where it isn't a spelling of false.
    #[must_use]
    pub(super) fn read(value: &str) -> Option<Self> {
        if value == "database" {
            return Some(Self::Logical);
        }
        let value = value.to_ascii_lowercase();
        matches!(value.as_str(), "true" | "on" | "yes" | "1").then_some(Self::Physical)
    }

    /// The parameter, as it is sent on.
    #[must_use]
    pub(super) fn parameter(self) -> &'static str {
        match self {
            Self::Physical => "true",
            Self::Logical => "database",
        }
    }
}

/// Whether a session has a database whose catalogue says what is sensitive.
#[must_use]
pub(super) fn has_catalogue(replication: Option<Replication>) -> bool {
    replication != Some(Replication::Physical)
}

/// Whether a statement is a command of streaming replication.
pub(super) fn is_command(statement: &Statement) -> bool {
    matches!(statement, Statement::Command(command) if command.verb == Verb::Replicate)
}

/// The verdict on an opening, or a refusal where it would stream what must be masked.
#[must_use]
pub(super) fn unless_masked(
    verdict: Verdict,
    replication: Option<Replication>,
    judge: &Judge,
    detectors: Option<Detectors>,
) -> Verdict {
    let clear = match &verdict {
        Verdict::Allow(permit) => permit.clear(),
        Verdict::Ask(ask) => ask.clear(),
        Verdict::Deny(_) => return verdict,
    };
    let refusal = replication.and_then(|_| {
        let looked_through = || Detecting::new(detectors, judge).net(clear).is_some();
        masked(judge, clear).or_else(|| looked_through().then(|| looked_for(judge)))
    });
    match refusal {
        Some(refusal) => Verdict::Deny(refusal),
        None => verdict,
    }
}

/// The refusal for a subject to whom anything is masked.
pub(super) fn masked(judge: &Judge, clear: &Clear) -> Option<Refusal> {
    let mut classes = judge.policies().masking().classes();
    let class = classes.find(|class| !clear.shows(class))?;
    Some(Refusal {
        rule: MASKED.to_owned(),
        message: format!(
            "replication would stream values of class `{class}`, which can't be masked there; \
             only who may reveal every class of masking.toml may replicate"
        ),
        deciding: Vec::new(),
        version: judge.version().clone(),
    })
}

/// The refusal for a target whose detectors look for what the subject may not see, of a class that
/// masking.toml doesn't even declare.
fn looked_for(judge: &Judge) -> Refusal {
    Refusal {
        rule: MASKED.to_owned(),
        message:
            "replication would stream values that this target's `detectors` mask, which can't be \
                  masked there"
                .to_owned(),
        deciding: Vec::new(),
        version: judge.version().clone(),
    }
}

impl Governed {
    /// What a Query says, read as the target does in this session.
    pub(super) fn reading(&mut self, text: &Bytes) -> Arc<Prepared> {
        let Some(replication) = self.replication else {
            return self.read(text, &[]);
        };
        if let Some(command) = sql::replication_command(text) {
            return Arc::new(Prepared::of(Bytes::copy_from_slice(text), vec![command]));
        }
        let prepared = self.read(text, &[]);
        let shows = |statement: &Statement| matches!(statement, Statement::Command(command) if command.verb == Verb::Show);
        if replication == Replication::Logical || prepared.statements().iter().all(shows) {
            return prepared;
        }
        let opaque = Opaque {
            reason: OpaqueReason::Unsupported,
            detail: "a session of physical replication takes no SQL".to_owned(),
        };
        let text = prepared.text().clone();
        Arc::new(Prepared::of(text, vec![Statement::Opaque(opaque)]))
    }

    /// The verdict on the session as a whole, as policy has it now.
    pub(super) fn still_open(&self, connect: &Statement) -> Verdict {
        let replicates = self.replication.map(|_| sql::replication_session());
        let standing = iter::once(connect).chain(&replicates);
        let verdict = self.judge.judge(standing, self.in_transaction());
        let detectors = self.detecting.asked();
        unless_masked(verdict, self.replication, &self.judge, detectors)
    }

    /// A stream begins that goes both ways.
    pub(super) fn copies_both(&mut self, frame: &Frame) -> Result<(), SessionError> {
        CopyBothResponse::decode(frame.clone())
            .map_err(|error| SessionError::server(error.to_string()))?;
        let asked_for = match self.pipeline.head() {
            Some(Owed {
                expected:
                    Expected::Query {
                        prepared, permit, ..
                    },
                seq,
                account,
            }) if prepared.replicates() && !self.copies_out => {
                account.sent = Some(0);
                Some((*seq, Arc::clone(permit)))
            }
            _ => None,
        };
        let Some((seq, permit)) = asked_for else {
            let message = "the target sent CopyBothResponse that nobody asked for";
            return Err(SessionError::server(message));
        };
        if !self.pipeline.copy_in_begins() {
            return Err(SessionError::client(
                "messages were sent into the middle of a copy",
            ));
        }
        self.copy_in = Some(permit);
        self.copies_out = true;
        self.show(seq, frame.raw())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_server_reads_alike_is_read() {
        for (value, expected) in [
            ("database", Some(Replication::Logical)),
            ("Database", None),
            ("true", Some(Replication::Physical)),
            ("ON", Some(Replication::Physical)),
            ("1", Some(Replication::Physical)),
            ("yes", Some(Replication::Physical)),
            ("t", None),
            ("", None),
            ("both", None),
        ] {
            assert_eq!(Replication::read(value), expected, "{value}");
        }
    }
}
