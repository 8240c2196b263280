//! The account of one session as it happens.
//!
//! Every method hands its event to the kernel before it returns, so a writer that is killed loses
//! nothing that it had recorded. [`sync`](SessionWriter::sync) and [`end`](SessionWriter::end)
//! wait for the disk as well; when the power fails, what came after the last of these may be lost
//! (the chain then ends earlier, it does not break). A failed write poisons the writer.
//!
//! Known limits: the clock within a session is monotonic and stands still while the host sleeps;
//! another process with the right to the file can still change it.

use std::{
    collections::BTreeMap,
    fmt,
    fs::{self, File},
    path::{Path, PathBuf},
    time::Instant,
};

use weir_command::Statement;
use weir_policy::{Ask, Permit, RaisedSignal, Refusal};

use crate::{
    Approval, End, Outcome, Process, RecordError, RecordedPermit, Seq, SessionId, SessionStart,
    borrowed::{EventRef, IntentRef, VerdictRef},
    file,
    frame::Kind,
    journal::Journal,
    store,
};

/// Writes one session's record.
///
/// Dropped without [`end`](Self::end) it leaves a record without an end, which readers report as
/// unfinished.
#[derive(Debug)]
pub struct SessionWriter {
    id: SessionId,
    journal: Journal<File>,
    /// The directory, until the record's name in it has been synced.
    unsynced_dir: Option<PathBuf>,
    began: Instant,
    last: Seq,
}

/// A command as it came and as it was read.
#[derive(Clone, Copy, Debug)]
pub struct CommandText<'a> {
    /// What the agent sent.
    pub text: &'a str,
    /// The values that it sent beside the text, in order; `None` is NULL.
    pub parameters: &'a [Option<String>],
    /// What weir read in it.
    pub statements: &'a [Statement],
    /// The signals that were raised as it was judged.
    pub signals: &'a [RaisedSignal],
}

impl SessionWriter {
    /// Creates the record of a session in `dir`, and `dir` itself where it does not exist.
    ///
    /// # Errors
    ///
    /// [`RecordError::Directory`], [`RecordError::Exposed`], [`RecordError::Create`], or those of
    /// writing the first event; the file is then removed again.
    pub fn create(dir: &Path, start: &SessionStart) -> Result<Self, RecordError> {
        file::private_dir(dir)?;
        let path = store::path_of(dir, start.id);
        let file = file::create(&path)?;
        Self::begin(file, path.clone(), dir, start).inspect_err(|_| {
            // Nothing was promised yet; on a full disk the empty file would only use it up.
            fs::remove_file(&path).ok();
        })
    }

    fn begin(
        file: File,
        path: PathBuf,
        dir: &Path,
        start: &SessionStart,
    ) -> Result<Self, RecordError> {
        let began = Instant::now();
        let mut journal = Journal::begin(file, path)?;
        journal.event(0, &EventRef::Start(start))?;
        let unsynced_dir = Some(dir.to_owned());
        Ok(Self {
            id: start.id,
            journal,
            unsynced_dir,
            began,
            last: Seq::NONE,
        })
    }

    /// The session.
    #[must_use]
    pub fn id(&self) -> &SessionId {
        &self.id
    }

    /// Its file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.journal.path()
    }

    /// Records what the agent opened.
    ///
    /// # Errors
    ///
    /// As [`note`](Self::note).
    pub fn opened(
        &mut self,
        database: &str,
        user: &str,
        settings: &BTreeMap<String, String>,
    ) -> Result<(), RecordError> {
        self.event(&EventRef::Opened {
            database,
            user,
            settings,
        })
    }

    /// Records that commands come from another process from here on.
    ///
    /// # Errors
    ///
    /// As [`note`](Self::note).
    pub fn process(&mut self, process: &Process) -> Result<(), RecordError> {
        self.event(&EventRef::Process(process))
    }

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
        let seq = self.judged(command, verdict, permit.version())?;
        Ok(RecordedPermit::new(permit, seq))
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
        self.judged(command, VerdictRef::from(refusal), &refusal.version)
    }

    /// Records a command that waits for a human. When one allows it, its [`intent`](Self::intent)
    /// gets a number of its own.
    ///
    /// # Errors
    ///
    /// As [`note`](Self::note).
    pub fn asked(&mut self, ask: &Ask, command: CommandText<'_>) -> Result<Seq, RecordError> {
        self.judged(command, VerdictRef::from(ask), ask.version())
    }

    /// Records a step on the way of a command that [waits for humans](Self::asked).
    ///
    /// # Errors
    ///
    /// As [`note`](Self::note), or [`RecordError::UnknownCommand`].
    pub fn approval(&mut self, seq: Seq, approval: &Approval) -> Result<(), RecordError> {
        self.known(seq)?;
        let at = self.now();
        self.journal
            .event(at, &EventRef::Approval { seq, at, approval })
    }

    /// Records what became of a command.
    ///
    /// # Errors
    ///
    /// As [`note`](Self::note), or [`RecordError::UnknownCommand`].
    pub fn outcome(&mut self, seq: Seq, outcome: &Outcome) -> Result<(), RecordError> {
        self.known(seq)?;
        self.event(&EventRef::Outcome { seq, outcome })
    }

    /// Records bytes that the agent gets in answer to a command, as it gets them. Call it before
    /// they are sent. More than fits a frame is written as several.
    ///
    /// # Errors
    ///
    /// [`RecordError::UnknownCommand`], or those of writing.
    pub fn response(&mut self, seq: Seq, bytes: &[u8]) -> Result<(), RecordError> {
        self.known(seq)?;
        self.journal.bytes(Kind::Response, self.now(), seq, bytes)
    }

    /// Records bytes that the agent sent under a command, beside its text. Call it before they are
    /// forwarded.
    ///
    /// # Errors
    ///
    /// As [`response`](Self::response).
    pub fn request(&mut self, seq: Seq, bytes: &[u8]) -> Result<(), RecordError> {
        self.known(seq)?;
        self.journal.bytes(Kind::Request, self.now(), seq, bytes)
    }

    /// Records something else that a reader should know.
    ///
    /// # Errors
    ///
    /// [`RecordError::Full`] or [`RecordError::Write`], which poison the writer;
    /// [`RecordError::Poisoned`] ever after; [`RecordError::TooLarge`], which does not.
    pub fn note(&mut self, message: &str) -> Result<(), RecordError> {
        self.event(&EventRef::Note { message })
    }

    /// Waits until the disk has everything recorded so far, the file's name included.
    ///
    /// # Errors
    ///
    /// [`RecordError::Sync`], which poisons the writer, or [`RecordError::Poisoned`].
    pub fn sync(&mut self) -> Result<(), RecordError> {
        let dir = self.unsynced_dir.as_deref();
        let work = |file: &mut File| file::sync(file, dir);
        self.journal
            .guarded(work, |path, source| RecordError::Sync { path, source })?;
        self.unsynced_dir = None;
        Ok(())
    }

    /// Records the session's end, and waits for the disk.
    ///
    /// # Errors
    ///
    /// As [`note`](Self::note) and [`sync`](Self::sync).
    pub fn end(mut self, end: &End) -> Result<(), RecordError> {
        self.event(&EventRef::End(end))?;
        self.sync()
    }

    fn judged(
        &mut self,
        command: CommandText<'_>,
        verdict: VerdictRef<'_>,
        policy_version: &dyn fmt::Display,
    ) -> Result<Seq, RecordError> {
        let CommandText {
            text,
            parameters,
            statements,
            signals,
        } = command;
        let (seq, at) = (self.last.next(), self.now());
        let intent = IntentRef {
            seq,
            at,
            text,
            parameters,
            statements,
            signals,
            verdict,
            policy_version,
        };
        self.journal.event(at, &EventRef::Intent(intent))?;
        self.last = seq;
        Ok(seq)
    }

    fn event(&mut self, event: &EventRef<'_>) -> Result<(), RecordError> {
        self.journal.event(self.now(), event)
    }

    /// A number of another session would put a response under the wrong command.
    fn known(&self, seq: Seq) -> Result<(), RecordError> {
        if seq == Seq::NONE || seq > self.last {
            return Err(RecordError::UnknownCommand { seq });
        }
        Ok(())
    }

    /// Microseconds since the start.
    fn now(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_micros()).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests;
