//! What is on record, counted and traced as it comes.
//!
//! Called by the sessions' own tasks: it touches atomics and what is the session's alone, looks its
//! target up once, and makes nothing anew for a message that is not refused. A span that has no
//! room in the queue is dropped and counted.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use weir_command::Statement;
use weir_record::{
    Answered, Approval, End, Judged, Judgement, Observer, Outcome, Seq, SessionObserver,
    SessionStart, Settled, Status,
};

use crate::{
    instrument::OTHER,
    meters::{Meters, Target, Verdict},
    span::{Command, Finish, SessionTrace, Tracer},
};

/// Most commands of a session that are told apart while they are under way; an agent may have sent
/// more ahead of their answers. What is beyond is counted, but not by its verb.
const MOST_UNDER_WAY: usize = 4096;

/// Hears of a host's records.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) meters: Arc<Meters>,
    pub(crate) tracer: Option<Tracer>,
}

impl Observer for Listener {
    fn begins(&self, start: &SessionStart) -> Box<dyn SessionObserver> {
        let meters = Arc::clone(&self.meters);
        let target = meters.target(start.target.as_deref(), start.protocol.as_deref());
        let heard = Heard {
            target: Arc::clone(target),
            workload: meters.workload(&start.workload),
            trace: self.tracer.as_ref().and_then(|tracer| tracer.begin(start)),
            under_way: VecDeque::new(),
            held: None,
            over: false,
            last: 0,
            meters,
        };
        heard.meters.record.events.one();
        if let Some(workload) = heard.target.workloads.get(heard.workload) {
            workload.opened.one();
            workload.active.add(1);
        }
        Box::new(heard)
    }

    fn wrote(&self, bytes: u64) {
        self.meters.record.bytes.add(bytes);
    }

    fn synced(&self, took: Duration) {
        self.meters.record.synced.time(took);
    }
}

/// Hears of one session.
#[derive(Debug)]
struct Heard {
    meters: Arc<Meters>,
    target: Arc<Target>,
    workload: usize,
    /// None where it isn't traced.
    trace: Option<SessionTrace>,
    under_way: VecDeque<Command>,
    /// How long the command that is judged next was held for people.
    held: Option<i64>,
    over: bool,
    /// When something was heard last.
    last: i64,
}

impl Heard {
    fn take(&mut self, seq: Seq) -> Option<Command> {
        // Answers come in the order of the commands.
        let place = self
            .under_way
            .iter()
            .position(|command| command.seq == seq)?;
        self.under_way.remove(place)
    }

    fn finish(&mut self, command: Command, at: i64, finish: Finish) {
        if let Some(trace) = &self.trace {
            trace.command(command, at, finish);
        }
    }

    fn operation(&self, statements: &[Statement]) -> &'static str {
        let mut verbs = statements.iter().map(|statement| match statement {
            Statement::Command(command) => command.verb.as_str(),
            Statement::Opaque(_) => "opaque",
        });
        match verbs.next() {
            None if self.target.is_dns() => "resolve",
            None => OTHER,
            Some(first) if verbs.all(|verb| verb == first) => first,
            Some(_) => "batch",
        }
    }

    fn end(&mut self, at: i64, how: &'static str, rule: Option<&str>, failed: bool) {
        self.over = true;
        if let Some(workload) = self.target.workloads.get(self.workload) {
            workload.active.add(-1);
            workload.ended.of(how).one();
        }
        for command in std::mem::take(&mut self.under_way) {
            if command.verdict == Verdict::Ask {
                self.meters.approvals.pending.add(-1);
            }
            self.finish(command, at, Finish::Lost);
        }
        if let Some(trace) = self.trace.take() {
            trace.end(at, how, rule, failed);
        }
    }
}

impl SessionObserver for Heard {
    fn recorded(&mut self) {
        self.meters.record.events.one();
    }

    fn dialled(&mut self, took: Duration, reached: bool) {
        let times = if reached {
            &self.target.reached
        } else {
            &self.target.unreached
        };
        times.time(took);
        if let Some(trace) = &mut self.trace {
            trace.dialled(took);
        }
    }

    fn opened(&mut self, database: &str) {
        if let Some(trace) = &mut self.trace {
            trace.opened(database);
        }
    }

    fn judged(&mut self, judged: &Judged<'_>) {
        self.last = judged.at;
        let (verdict, rule) = match judged.verdict {
            Judgement::Allowed => (Verdict::Permit, None),
            Judgement::Observed => (Verdict::Observed, None),
            Judgement::Asked => (Verdict::Ask, None),
            Judgement::Denied { rule } => (Verdict::Deny, Some(rule)),
        };
        self.target.verdict(verdict).one();
        if let Some(took) = judged.took {
            self.target.judged.time(took);
        }
        if let Some(rule) = rule {
            self.meters.denied.of(rule).one();
        }
        if verdict == Verdict::Ask {
            self.meters.approvals.pending.add(1);
        }
        let held = self.held.take();
        // What waits for people must be found again, or it would count as waiting for ever.
        if self.under_way.len() >= MOST_UNDER_WAY && verdict != Verdict::Ask {
            return;
        }
        let traced_rule = rule.filter(|_| self.trace.is_some());
        self.under_way.push_back(Command {
            seq: judged.seq,
            operation: self.operation(judged.statements),
            verdict,
            rule: traced_rule.map(Box::from),
            at: judged.at,
            took: judged.took,
            held,
        });
    }

    fn approval(&mut self, seq: Seq, at: i64, approval: &Approval) {
        self.last = at;
        let approvals = &self.meters.approvals;
        match approval {
            Approval::Asked { .. } => {}
            Approval::Answered { answer, .. } => {
                let answer = match answer {
                    Answered::Once => "once",
                    Answered::Session => "session",
                    Answered::Shape { .. } => "shape",
                    Answered::No => "no",
                };
                approvals.answers.of(answer).one();
            }
            Approval::Settled { how } => {
                approvals.settled.of(how.as_str()).one();
                let Some(command) = self.take(seq) else {
                    return;
                };
                let waited = at.saturating_sub(command.at);
                let approvals = &self.meters.approvals;
                approvals.pending.add(-1);
                approvals.waited.take(waited.unsigned_abs());
                // What comes of a yes, or of a policy that doesn't ask any more, is judged next.
                if matches!(how, Settled::Approved | Settled::PolicyChanged) {
                    self.held = Some(waited);
                }
                self.finish(command, at, Finish::Settled(how.as_str()));
            }
        }
    }

    fn outcome(&mut self, seq: Seq, at: i64, outcome: &Outcome) {
        self.last = at;
        let command = self.take(seq);
        let target = &self.target;
        target.received.add(outcome.bytes);
        target.sent.add(outcome.sent.unwrap_or(0));
        target.masked.add(outcome.masked);
        let operation = command.as_ref().map_or(OTHER, |command| command.operation);
        let took = outcome.micros;
        match (&outcome.status, target.is_dns()) {
            (Status::Completed { .. }, true) => self.meters.names.answered.one(),
            (Status::Refused, true) => self.meters.names.refused.one(),
            (_, true) => self.meters.names.failed.one(),
            (Status::Completed { .. }, false) => {
                target.operations.of(operation).done.take(took);
                target.rows.take(outcome.rows);
            }
            (Status::Failed { .. }, false) => target.operations.of(operation).failed.take(took),
            (Status::Lost, false) => target.operations.of(operation).lost.take(took),
            (Status::Refused | Status::Skipped, false) => {}
        }
        if let Some(command) = command {
            self.finish(command, at, Finish::of(outcome));
        }
    }

    fn ended(&mut self, at: i64, end: &End) {
        let (how, rule, failed) = match end {
            End::Closed => ("closed", None, false),
            End::ClientGone => ("client_gone", None, false),
            End::ServerGone => ("server_gone", None, true),
            End::Refused { rule, .. } => {
                self.meters.refused.of(rule).one();
                ("refused", Some(rule.as_str()), true)
            }
            End::ProtocolError { .. } => ("protocol_error", None, true),
            End::Error { .. } => ("error", None, true),
            End::Idle => ("idle", None, false),
            End::Shutdown => ("shutdown", None, false),
            End::Killed { .. } => ("killed", None, true),
            End::IdentityLost { .. } => ("identity_lost", None, true),
            End::WorkloadStopped => ("workload_stopped", None, false),
            End::GrantEnded { .. } => ("grant_ended", None, false),
            End::PolicyChanged { rule, .. } => ("policy_changed", Some(rule.as_str()), true),
        };
        self.end(at, how, rule, failed);
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        if !self.over {
            self.end(self.last, "unrecorded", None, true);
        }
    }
}

#[cfg(test)]
mod tests;
