//! Commands on record, before anything of them is forwarded.

use std::{sync::Arc, time::Instant};

use weir_policy::{Ask, Permit, PolicyVersion, RaisedSignal, Refusal};

use super::SessionWriter;
use crate::{
    Judged, Judgement, RecordError, RecordedPermit, Seq,
    borrowed::{IntentRef, ReadAs, Statements, VerdictRef},
};

/// A command as it came and as it was read.
#[derive(Clone, Copy, Debug)]
pub struct CommandText<'a> {
    /// What the agent sent.
    pub text: &'a str,
    /// The values that it sent beside the text, in order; `None` is NULL.
    pub parameters: &'a [Option<String>],
    /// What weir read in it.
    pub statements: ReadAs<'a>,
    /// The signals that were raised as it was judged.
    pub signals: &'a [RaisedSignal],
}

impl SessionWriter {
    /// Records a command that policy allowed, or that goes on because its workload is observed, and
    /// hands on the proof that it may be forwarded.
    ///
    /// # Errors
    ///
    /// As [`note`](Self::note); the permit is then gone.
    pub fn intent(
        &mut self,
        permit: Permit,
        command: CommandText<'_>,
    ) -> Result<RecordedPermit, RecordError> {
        let would_be = permit.would_be().map(VerdictRef::from);
        let verdict = VerdictRef::Allow {
            policies: permit.deciding(),
            would_be: would_be.as_ref(),
            approved_by: permit.approved_by(),
            only_prepares: permit.only_prepares(),
        };
        let judgement = match would_be {
            None => Judgement::Allowed,
            Some(_) => Judgement::Observed,
        };
        let seq = self.judged(command, verdict, permit.version(), judgement)?;
        Ok(RecordedPermit::new(permit, seq, Arc::clone(&self.ledger)))
    }

    /// Records a command that policy refused.
    ///
    /// # Errors
    ///
    /// As [`note`](Self::note).
    pub fn refused(
        &mut self,
        refusal: &Refusal,
        command: CommandText<'_>,
    ) -> Result<Seq, RecordError> {
        let judgement = Judgement::Denied {
            rule: &refusal.rule,
        };
        let verdict = VerdictRef::from(refusal);
        self.judged(command, verdict, &refusal.version, judgement)
    }

    /// Records a command that waits for a human. When one allows it, its [`intent`](Self::intent)
    /// gets a number of its own.
    ///
    /// # Errors
    ///
    /// As [`note`](Self::note).
    pub fn asked(&mut self, ask: &Ask, command: CommandText<'_>) -> Result<Seq, RecordError> {
        let verdict = VerdictRef::from(ask);
        self.judged(command, verdict, ask.version(), Judgement::Asked)
    }

    fn judged(
        &mut self,
        command: CommandText<'_>,
        verdict: VerdictRef<'_>,
        policy_version: &PolicyVersion,
        judgement: Judgement<'_>,
    ) -> Result<Seq, RecordError> {
        let CommandText {
            text,
            parameters,
            statements,
            signals,
        } = command;
        self.roomy(text.len())?;
        let now = Instant::now();
        let took = self.heard.take();
        let took = took.map(|heard| now.saturating_duration_since(heard));
        let (seq, at) = (self.last.next(), self.gathering.at(now));
        let intent = IntentRef {
            seq,
            at,
            text,
            parameters,
            statements: Statements::Whole(statements),
            signals,
            verdict,
            policy_version,
            context: self.circumstances,
            lookup: self.lookup.take(),
        };
        self.record(|journal| journal.intent(&intent))?;
        self.last = seq;
        self.told(|observer| {
            observer.recorded();
            observer.judged(&Judged {
                seq,
                at,
                took,
                statements: statements.list(),
                verdict: judgement,
            });
        });
        Ok(seq)
    }
}
