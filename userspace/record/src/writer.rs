//! The account of one session as it happens.
//!
//! Every method has its event where the kernel keeps it before it returns, so a writer that is killed
//! loses nothing that it had recorded. What reaches the file and the disk when is its recorder's to
//! see to: with one, events are gathered in its spool, and packed, written and synced in the
//! background, and a [`Commit`](crate::Commit) waits for that where it must; without one, each is
//! written at once, and [`end`](SessionWriter::end) waits for the disk itself. A failed write poisons
//! the writer, and so does a failed sync.
//!
//! While the reserve is all the room that is left, nothing new is taken, but what is left to say of
//! what was: outcomes, notes, the end.
//!
//! Known limits: the clock within a session is monotonic and stands still while the host sleeps;
//! another process with the right to the file can still change it.

mod commands;
mod gathering;
mod opening;

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Instant};

use crate::{
    Approval, Circumstances, Commit, End, LookedUp, Outcome, Process, RecordError, Seq, SessionId,
    SessionObserver,
    batch::EntryKind,
    borrowed::EventRef,
    heads::How,
    journal::Journal,
    ledger::{Ledger, Spool},
    recorder::Host,
};

pub use commands::CommandText;
use gathering::Gathering;

/// Writes one session's record.
///
/// Dropped without [`end`](Self::end) it leaves a record without an end, which readers report as
/// unfinished.
#[derive(Debug)]
pub struct SessionWriter {
    id: SessionId,
    gathering: Arc<Gathering>,
    ledger: Arc<Ledger>,
    /// None for a record that nobody vouches for.
    host: Option<Arc<Host>>,
    over: bool,
    last: Seq,
    circumstances: Option<Circumstances>,
    lookup: Option<LookedUp>,
    /// None where nobody wants to hear.
    observer: Option<Box<dyn SessionObserver>>,
    /// When the command came that is judged next.
    heard: Option<Instant>,
}

impl SessionWriter {
    /// The session.
    #[must_use]
    pub fn id(&self) -> &SessionId {
        &self.id
    }

    /// The number that the next command gets.
    #[must_use]
    pub fn next(&self) -> Seq {
        self.last.next()
    }

    /// Its file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.ledger.path()
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
        self.roomy(0)?;
        self.event(&EventRef::Opened {
            database,
            user,
            settings,
        })?;
        self.told(|observer| observer.opened(database));
        Ok(())
    }

    /// Records that commands come from another process from here on.
    ///
    /// # Errors
    ///
    /// As [`note`](Self::note).
    pub fn process(&mut self, process: &Process) -> Result<(), RecordError> {
        self.event(&EventRef::Process(process)).map(drop)
    }

    /// Says when the command came that is judged next, so that its observer knows how long that
    /// took.
    pub fn hears(&mut self, at: Instant) {
        self.heard = Some(at);
    }

    /// Says since when the target was dialled, and whether it let weir in, for its observer: the
    /// record tells by its events.
    pub fn dialled(&mut self, since: Instant, reached: bool) {
        self.told(|observer| observer.dialled(since.elapsed(), reached));
    }

    /// Says in which circumstances the commands are judged that are recorded from here on.
    pub fn judged_in(&mut self, circumstances: Circumstances) {
        self.circumstances = Some(circumstances);
    }

    /// Says by what the question to the DNS is judged that is recorded next; nothing of what could
    /// not be.
    pub fn looked_up(&mut self, lookup: Option<LookedUp>) {
        self.lookup = lookup;
    }

    /// Records a step on the way of a command that [waits for humans](Self::asked).
    ///
    /// # Errors
    ///
    /// As [`note`](Self::note), or [`RecordError::UnknownCommand`].
    pub fn approval(&mut self, seq: Seq, approval: &Approval) -> Result<(), RecordError> {
        self.known(seq)?;
        let at = self.now();
        self.record(|journal| journal.event(at, &EventRef::Approval { seq, at, approval }))?;
        self.told(|observer| {
            observer.recorded();
            observer.approval(seq, at, approval);
        });
        Ok(())
    }

    /// Records what became of a command.
    ///
    /// # Errors
    ///
    /// As [`note`](Self::note), or [`RecordError::UnknownCommand`].
    pub fn outcome(&mut self, seq: Seq, outcome: &Outcome) -> Result<(), RecordError> {
        self.known(seq)?;
        let at = self.now();
        self.record(|journal| journal.outcome(at, seq, outcome))?;
        self.told(|observer| {
            observer.recorded();
            observer.outcome(seq, at, outcome);
        });
        Ok(())
    }

    /// Records bytes that the agent gets in answer to a command, as it gets them. Call it before
    /// they are sent. More than fits a frame is written as several.
    ///
    /// # Errors
    ///
    /// [`RecordError::UnknownCommand`], or those of writing.
    pub fn response(&mut self, seq: Seq, bytes: &[u8]) -> Result<(), RecordError> {
        self.known(seq)?;
        self.roomy(bytes.len())?;
        let at = self.now();
        self.record(|journal| journal.bytes(EntryKind::Response, at, seq, bytes))?;
        self.told(|observer| observer.recorded());
        Ok(())
    }

    /// Records bytes that the agent sent under a command, beside its text. Call it before they are
    /// forwarded.
    ///
    /// # Errors
    ///
    /// As [`response`](Self::response).
    pub fn request(&mut self, seq: Seq, bytes: &[u8]) -> Result<(), RecordError> {
        self.known(seq)?;
        self.roomy(bytes.len())?;
        let at = self.now();
        self.record(|journal| journal.bytes(EntryKind::Request, at, seq, bytes))?;
        self.told(|observer| observer.recorded());
        Ok(())
    }

    /// Records something else that a reader should know.
    ///
    /// # Errors
    ///
    /// [`RecordError::Full`] or [`RecordError::Write`], which poison the writer;
    /// [`RecordError::Poisoned`] ever after; [`RecordError::TooLarge`], which does not.
    pub fn note(&mut self, message: &str) -> Result<(), RecordError> {
        self.event(&EventRef::Note { message }).map(drop)
    }

    /// Writes what was recorded so far to the file, where it would be gathered for a moment.
    ///
    /// # Errors
    ///
    /// As [`note`](Self::note).
    pub fn flush(&mut self) -> Result<(), RecordError> {
        self.gathering.flush()
    }

    /// Waits, here and now, until the disk has everything recorded so far, the file's name included.
    ///
    /// # Errors
    ///
    /// [`RecordError::Sync`], which poisons the writer, or [`RecordError::Poisoned`].
    pub fn sync(&mut self) -> Result<(), RecordError> {
        self.gathering.flush()?;
        let synced = self.ledger.sync();
        let blame = |path, source| RecordError::Sync { path, source };
        self.gathering.lock().guarded(|_| synced, blame)
    }

    /// Resolves once the disk is not too far behind what was recorded: wait for it before taking
    /// more in.
    pub fn keeps_up(&self) -> Commit {
        self.ledger.keeps_up()
    }

    /// Records the session's end. A record without a host waits for the disk; a host's is synced in
    /// the background, as all is.
    ///
    /// # Errors
    ///
    /// As [`note`](Self::note) and [`sync`](Self::sync).
    pub fn end(mut self, end: &End) -> Result<(), RecordError> {
        let at = self.event(&EventRef::End(end))?;
        self.told(|observer| observer.ended(at, end));
        let sum = {
            let mut journal = self.gathering.lock();
            journal.flush(at)?;
            journal.seal(at)?;
            journal.sum()
        };
        let Some(host) = self.host.clone() else {
            return self.sync();
        };
        // What syncs it comes once more, for what was written now.
        self.ledger.note(0);
        self.over = true;
        host.over(self.id, How::Ended, sum)
    }

    /// While the reserve is all that is left, nothing new is taken.
    fn roomy(&self, length: usize) -> Result<(), RecordError> {
        match &self.host {
            Some(host) if !host.room().takes(length) => Err(RecordError::reserved(self.path())),
            _ => Ok(()),
        }
    }

    /// When it was recorded.
    fn event(&mut self, event: &EventRef<'_>) -> Result<i64, RecordError> {
        let at = self.now();
        self.record(|journal| journal.event(at, event))?;
        self.told(|observer| observer.recorded());
        Ok(at)
    }

    fn told(&mut self, tell: impl FnOnce(&mut dyn SessionObserver)) {
        if let Some(observer) = &mut self.observer {
            tell(observer.as_mut());
        }
    }

    fn record(
        &mut self,
        work: impl FnOnce(&mut Journal<Spool>) -> Result<(), RecordError>,
    ) -> Result<(), RecordError> {
        let mut journal = self.gathering.lock();
        let before = journal.recorded();
        let done = work(&mut journal);
        let count = journal.recorded() - before;
        drop(journal);
        if count > 0 {
            self.ledger.note(count);
        }
        done
    }

    /// A number of another session would put a response under the wrong command.
    fn known(&self, seq: Seq) -> Result<(), RecordError> {
        if seq == Seq::NONE || seq > self.last {
            return Err(RecordError::UnknownCommand { seq });
        }
        Ok(())
    }

    fn now(&self) -> i64 {
        self.gathering.now()
    }
}

impl Drop for SessionWriter {
    fn drop(&mut self) {
        if let Some(host) = self.host.as_ref().filter(|_| !self.over) {
            // Where this fails, the next start of the daemon does it: first of all it writes what is
            // in the spool still.
            match self.gathering.flush() {
                Ok(()) => {
                    let sum = self.gathering.lock().sum();
                    host.over(self.id, How::Stopped, sum).ok();
                }
                Err(_) => host.leave(self.id),
            }
        }
    }
}

#[cfg(test)]
mod tests;
