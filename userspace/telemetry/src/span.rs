//! Spans: one a session, and below it one a command. They tell where time went and how it was
//! judged; what was said and seen is in the record alone, which they name.
//!
//! Of a command a span has the verb, never its text, its parameters, the names in it or a message
//! about it, since all these can hold what nobody else should see.
//!
//! Ids are made of the session's own and the host's name, so the trace of a record can be found, and
//! the other way round.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::sync::mpsc;
use weir_record::{Outcome, Seq, SessionId, SessionStart, Status};

use crate::{instrument::Counter, meters::Verdict};

/// A command that is under way.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) seq: Seq,
    pub(crate) operation: &'static str,
    pub(crate) verdict: Verdict,
    /// The rule that denied it, where it is traced.
    pub(crate) rule: Option<Box<str>>,
    /// When it was judged, in microseconds since the session's start.
    pub(crate) at: i64,
    /// How long that took.
    pub(crate) took: Option<Duration>,
    /// How long it was held for people before, in microseconds.
    pub(crate) held: Option<i64>,
}

/// What became of a command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    /// It was answered, or refused.
    Answered {
        how: &'static str,
        /// SQLSTATE.
        code: Option<[u8; 5]>,
        rows: u64,
        bytes: u64,
        masked: u64,
        /// How long the target took, in microseconds.
        micros: u64,
    },
    /// People were asked, and it was settled so.
    Settled(&'static str),
    /// The session ended first.
    Lost,
}

impl Finish {
    pub(crate) fn of(outcome: &Outcome) -> Self {
        let (how, code) = match &outcome.status {
            Status::Completed { .. } => ("completed", None),
            Status::Failed { code, .. } => ("failed", sqlstate(code)),
            Status::Refused => ("refused", None),
            Status::Skipped => ("skipped", None),
            Status::Lost => ("lost", None),
        };
        Self::Answered {
            how,
            code,
            rows: outcome.rows,
            bytes: outcome.bytes,
            masked: outcome.masked,
            micros: outcome.micros,
        }
    }
}

/// What a target calls its code is shown only if it is one.
fn sqlstate(code: &str) -> Option<[u8; 5]> {
    let code: [u8; 5] = code.as_bytes().try_into().ok()?;
    code.iter()
        .all(|c| c.is_ascii_digit() || c.is_ascii_uppercase())
        .then_some(code)
}

/// What all spans of a session share.
#[derive(Debug)]
pub(crate) struct Of {
    pub(crate) trace: [u8; 16],
    root: u64,
    pub(crate) session: SessionId,
    /// Nanoseconds since 1970.
    started: u64,
    pub(crate) workload: String,
    pub(crate) subject: String,
    pub(crate) target: Option<String>,
    pub(crate) protocol: Option<String>,
    pub(crate) destination: String,
    pub(crate) destination_name: Option<String>,
    pub(crate) policy: String,
    pub(crate) observed: bool,
    pub(crate) database: OnceLock<String>,
}

impl Of {
    /// The id of a command's span; that of the session's is that of 0.
    pub(crate) fn span(&self, seq: u64) -> [u8; 8] {
        // An odd factor takes no two numbers to one.
        let id = self
            .root
            .wrapping_add(seq.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        // An id of nothing but zeroes is none.
        if id == 0 { u64::MAX } else { id }.to_be_bytes()
    }

    /// A moment of the session, in nanoseconds since 1970.
    fn moment(&self, micros: i64) -> u64 {
        let micros = u64::try_from(micros).unwrap_or(0);
        self.started.saturating_add(micros.saturating_mul(1000))
    }
}

/// A span that is over.
#[derive(Debug)]
pub(crate) struct Span {
    pub(crate) of: Arc<Of>,
    /// Nanoseconds since 1970.
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) what: What,
}

/// What it is of.
#[derive(Debug)]
pub(crate) enum What {
    Session {
        how: &'static str,
        rule: Option<Box<str>>,
        failed: bool,
        dialled: Option<Duration>,
    },
    Command(Command, Finish),
}

/// Begins traces, and takes their spans.
#[derive(Clone, Debug)]
pub(crate) struct Tracer {
    host: Arc<str>,
    queue: mpsc::Sender<Span>,
    dropped: Arc<Counter>,
    /// Which part of all sessions is traced, of 2^56.
    part: u64,
}

impl Tracer {
    pub(crate) fn new(
        host: &str,
        ratio: f64,
        queue: mpsc::Sender<Span>,
        dropped: Arc<Counter>,
    ) -> Self {
        Self {
            host: host.into(),
            queue,
            dropped,
            part: part_of(ratio),
        }
    }

    /// The trace of a session; none if it isn't among the sample.
    pub(crate) fn begin(&self, start: &SessionStart) -> Option<SessionTrace> {
        let mut hash = blake3::Hasher::new();
        hash.update(self.host.as_bytes());
        hash.update(&[0]);
        hash.update(start.id.to_string().as_bytes());
        let hash = hash.finalize();
        let (trace, rest) = hash.as_bytes().split_first_chunk::<16>()?;
        let (root, _) = rest.split_first_chunk::<8>()?;
        // As OpenTelemetry's samplers do by the trace's id, so that others decide alike.
        let (_, random) = trace.split_last_chunk::<8>()?;
        if u64::from_be_bytes(*random) & (WHOLE - 1) >= self.part {
            return None;
        }
        let of = Of {
            trace: *trace,
            root: u64::from_be_bytes(*root),
            session: start.id,
            started: u64::try_from(start.started.as_nanosecond()).unwrap_or(0),
            workload: start.workload.clone(),
            subject: start.subject.clone(),
            target: start.target.clone(),
            protocol: start.protocol.clone(),
            destination: start.destination.clone(),
            destination_name: start.destination_name.clone(),
            policy: start.policy_version.clone(),
            observed: start.observed,
            database: OnceLock::new(),
        };
        Some(SessionTrace {
            of: Arc::new(of),
            dialled: None,
            tracer: self.clone(),
        })
    }

    fn send(&self, span: Span) {
        if self.queue.try_send(span).is_err() {
            self.dropped.one();
        }
    }
}

/// All that can be drawn.
const WHOLE: u64 = 1 << 56;

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "between 0 and 2^56"
)]
fn part_of(ratio: f64) -> u64 {
    (ratio.clamp(0.0, 1.0) * WHOLE as f64) as u64
}

/// The trace of one session.
#[derive(Debug)]
pub(crate) struct SessionTrace {
    of: Arc<Of>,
    dialled: Option<Duration>,
    tracer: Tracer,
}

impl SessionTrace {
    pub(crate) fn dialled(&mut self, took: Duration) {
        self.dialled = Some(took);
    }

    /// The target has let weir into this database, so it is one and not just any text.
    pub(crate) fn opened(&self, database: &str) {
        self.of.database.set(database.to_owned()).ok();
    }

    /// A command is over.
    pub(crate) fn command(&self, command: Command, at: i64, finish: Finish) {
        let took = command.took.unwrap_or_default().as_micros();
        let came = command.at.saturating_sub(took.try_into().unwrap_or(0));
        let of = &self.of;
        self.tracer.send(Span {
            start: of.moment(came),
            end: of.moment(at),
            of: Arc::clone(of),
            what: What::Command(command, finish),
        });
    }

    /// The session is over.
    pub(crate) fn end(self, at: i64, how: &'static str, rule: Option<&str>, failed: bool) {
        self.tracer.send(Span {
            start: self.of.started,
            end: self.of.moment(at),
            of: self.of,
            what: What::Session {
                how,
                rule: rule.map(Box::from),
                failed,
                dialled: self.dialled,
            },
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::start;

    fn tracer(ratio: f64, room: usize) -> (Tracer, mpsc::Receiver<Span>) {
        let (queue, spans) = mpsc::channel(room);
        (Tracer::new("db-1", ratio, queue, Arc::default()), spans)
    }

    #[test]
    fn a_trace_is_known_by_its_session_and_host() {
        let (here, _spans) = tracer(1.0, 1);
        let trace = |tracer: &Tracer, number| tracer.begin(&start(number)).unwrap().of;
        let (one, other) = (trace(&here, 1), trace(&here, 2));
        assert_eq!(one.trace, trace(&here, 1).trace);
        assert_ne!(one.trace, other.trace);
        let (queue, _spans) = mpsc::channel(1);
        let there = Tracer::new("db-2", 1.0, queue, Arc::default());
        assert_ne!(one.trace, trace(&there, 1).trace);

        let spans: std::collections::HashSet<_> = (0..10_000).map(|seq| one.span(seq)).collect();
        assert_eq!(spans.len(), 10_000);
    }

    #[test]
    fn a_sample_is_as_large_as_it_should_be() {
        for (ratio, expected) in [(0.0, 0..1), (0.25, 400..600), (1.0, 2000..2001)] {
            let (tracer, _spans) = tracer(ratio, 1);
            let traced = (0..2000).filter(|n| tracer.begin(&start(*n)).is_some());
            let traced = traced.count();
            assert!(expected.contains(&traced), "{traced} of 2000 with {ratio}");
        }
    }

    #[test]
    fn what_finds_no_room_is_dropped_and_counted() {
        let (tracer, mut spans) = tracer(1.0, 2);
        for number in 0..5 {
            let trace = tracer.begin(&start(number)).unwrap();
            trace.end(0, "closed", None, false);
        }
        assert_eq!(tracer.dropped.get(), 3);
        drop(tracer);
        let mut got = 0;
        while spans.try_recv().is_ok() {
            got += 1;
        }
        assert_eq!(got, 2);
    }

    #[test]
    fn a_code_that_is_none_is_not_shown() {
        assert_eq!(sqlstate("42P01"), Some(*b"42P01"));
        for text in ["", "42p01", "42P0", "42P012", "x\"y'z", "é123"] {
            assert_eq!(sqlstate(text), None, "{text}");
        }
    }
}
