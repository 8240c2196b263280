//! One open record of questions.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use jiff::Timestamp;
use rustls::crypto::ring;
use weir_policy::{Mode, RaisedSignal, Subject};
use weir_record::{
    CommandText, LookedUp, Outcome, Process, RecordError, Recorder, Seq, SessionId, SessionStart,
    SessionWriter,
};

use crate::config::WorkloadName;

/// After so many questions another record is begun: one file must stay readable.
const MOST_QUESTIONS: u64 = 10_000;

/// Who asks, as a record has it.
#[derive(Clone, Copy, Debug)]
pub(in crate::dns) struct Speaker<'a> {
    pub(in crate::dns) workload: &'a WorkloadName,
    pub(in crate::dns) mode: Mode,
    pub(in crate::dns) subject: &'a Subject,
    pub(in crate::dns) process: &'a Process,
    /// The resolver that it meant to ask.
    pub(in crate::dns) destination: SocketAddr,
    pub(in crate::dns) policy_version: &'a str,
    /// When it asked.
    pub(in crate::dns) since: Instant,
}

/// A question as a record has it.
#[derive(Clone, Copy, Debug)]
pub(in crate::dns) struct Said<'a> {
    /// Its type and name.
    pub(in crate::dns) text: &'a str,
    /// The signals that were raised as it was judged.
    pub(in crate::dns) signals: &'a [RaisedSignal],
    /// What else it was judged by, where it was.
    pub(in crate::dns) lookup: Option<LookedUp>,
}

impl<'a> Said<'a> {
    /// As a command.
    pub(super) fn command(self) -> CommandText<'a> {
        CommandText {
            text: self.text,
            parameters: &[],
            statements: (&[]).into(),
            signals: self.signals,
        }
    }
}

/// A record, shared by the questions that are under way.
#[derive(Debug)]
pub(super) struct Account {
    id: SessionId,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// `None` once it is ended.
    writer: Option<SessionWriter>,
    path: PathBuf,
    subject: Subject,
    /// Who asked last.
    process: Process,
    questions: u64,
    /// Questions without an outcome.
    pending: u64,
    last: Instant,
    /// It takes no more questions, and is ended with the last outcome.
    retired: bool,
}

impl Account {
    /// Begins a record, with a place for its first question.
    pub(super) fn begin(
        recorder: &Recorder,
        speaker: &Speaker<'_>,
        now: Instant,
    ) -> Result<Self, RecordError> {
        let writer = recorder.create(&start(speaker))?;
        Ok(Self {
            id: *writer.id(),
            state: Mutex::new(State {
                path: writer.path().to_owned(),
                writer: Some(writer),
                subject: speaker.subject.clone(),
                process: speaker.process.clone(),
                questions: 1,
                pending: 1,
                last: now,
                retired: false,
            }),
        })
    }

    /// The session that it is the record of.
    pub(super) fn id(&self) -> SessionId {
        self.id
    }

    /// Keeps a place for a question, if the record takes one more of this speaker.
    pub(super) fn reserve(&self, speaker: &Speaker<'_>, now: Instant) -> bool {
        let mut state = self.lock();
        // Other groups are another subject, though its id is the same.
        let takes =
            !state.retired && state.questions < MOST_QUESTIONS && state.subject == *speaker.subject;
        if takes {
            state.questions += 1;
            state.pending += 1;
            state.last = now;
        }
        takes
    }

    /// Records a question whose place was kept; where that fails, the place is given up.
    pub(super) fn write<T>(
        &self,
        speaker: &Speaker<'_>,
        write: impl FnOnce(&mut SessionWriter) -> Result<T, RecordError>,
    ) -> Result<T, RecordError> {
        let mut state = self.lock();
        let written = state.write(speaker, write);
        if written.is_err() {
            state.pending = state.pending.saturating_sub(1);
        }
        written
    }

    /// Records the outcome of a question. The writer comes back where it is to be ended.
    pub(super) fn settle(
        &self,
        seq: Seq,
        outcome: &Outcome,
        answer: Option<&[u8]>,
    ) -> (Result<(), RecordError>, Option<SessionWriter>) {
        let mut state = self.lock();
        let settled = state.writer().and_then(|writer| {
            if let Some(answer) = answer {
                writer.response(seq, answer)?;
            }
            writer.outcome(seq, outcome)
        });
        state.pending = state.pending.saturating_sub(1);
        (settled, state.over())
    }

    /// Takes no more questions. The writer comes back where it is to be ended.
    pub(super) fn retire(&self) -> Option<SessionWriter> {
        let mut state = self.lock();
        state.retired = true;
        state.over()
    }

    /// The writer, to be ended whatever is still under way.
    pub(super) fn close(&self) -> Option<SessionWriter> {
        let mut state = self.lock();
        state.retired = true;
        state.writer.take()
    }

    /// When it took its last question.
    pub(super) fn last(&self) -> Instant {
        self.lock().last
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn write<T>(
        &mut self,
        speaker: &Speaker<'_>,
        write: impl FnOnce(&mut SessionWriter) -> Result<T, RecordError>,
    ) -> Result<T, RecordError> {
        let another = self.process != *speaker.process;
        let writer = self.writer()?;
        if another {
            writer.process(speaker.process)?;
        }
        writer.hears(speaker.since);
        let written = write(writer)?;
        if another {
            self.process = speaker.process.clone();
        }
        Ok(written)
    }

    fn writer(&mut self) -> Result<&mut SessionWriter, RecordError> {
        let path = &self.path;
        let ended = || RecordError::Poisoned { path: path.clone() };
        self.writer.as_mut().ok_or_else(ended)
    }

    fn over(&mut self) -> Option<SessionWriter> {
        (self.retired && self.pending == 0)
            .then(|| self.writer.take())
            .flatten()
    }
}

fn start(speaker: &Speaker<'_>) -> SessionStart {
    let now = Timestamp::now();
    SessionStart {
        id: SessionId::new(now, random()),
        started: now,
        workload: speaker.workload.to_string(),
        subject: speaker.subject.id.clone(),
        groups: speaker.subject.groups.clone(),
        on_behalf_of: speaker.subject.on_behalf_of.clone(),
        process: speaker.process.clone(),
        destination: speaker.destination.to_string(),
        destination_name: None,
        target: None,
        protocol: Some(crate::dns::PROTOCOL.to_owned()),
        policy_version: speaker.policy_version.to_owned(),
        observed: speaker.mode == Mode::Observe,
    }
}

/// Tells records of one millisecond apart; not a secret.
fn random() -> u32 {
    let mut bytes = [0; 4];
    match ring::default_provider().secure_random.fill(&mut bytes) {
        Ok(()) => u32::from_ne_bytes(bytes),
        Err(_) => std::process::id(),
    }
}
