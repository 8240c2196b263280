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

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Instant,
};

use weir_policy::{Ask, Permit, PolicyVersion, RaisedSignal, Refusal};

use crate::{
    Approval, Circumstances, Commit, End, Judged, Judgement, LookedUp, Outcome, Process,
    RecordError, RecordedPermit, Seq, SessionId, SessionObserver, SessionStart,
    batch::EntryKind,
    borrowed::{EventRef, IntentRef, ReadAs, Statements, VerdictRef},
    file,
    header::{Anchor, Rest},
    heads::How,
    journal::{Journal, Opening, Sum},
    ledger::{Gathered, Ledger, Spool},
    recorder::Host,
    store,
};

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

/// What the session's own thread and the one that syncs share. Neither holds it for long.
#[derive(Debug)]
struct Gathering {
    journal: Mutex<Journal<Spool>>,
    began: Instant,
}

impl Gathering {
    /// Microseconds since the start.
    fn now(&self) -> i64 {
        self.at(Instant::now())
    }

    fn at(&self, now: Instant) -> i64 {
        let since = now.saturating_duration_since(self.began);
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, Journal<Spool>> {
        // A panic within the journal has poisoned that, too.
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn flush(&self) -> Result<(), RecordError> {
        let mut journal = self.lock();
        journal.flush(self.now())
    }
}

impl Gathered for Gathering {
    fn write(&self) -> io::Result<()> {
        self.flush().map_err(|error| match error {
            RecordError::Full { source, .. } | RecordError::Write { source, .. } => source,
            other => io::Error::other(other.to_string()),
        })
    }
}

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
    /// Creates the record of a session in `dir`, and `dir` itself where it does not exist: one that
    /// is in no head file and that nobody vouches for. A host's are made by its
    /// [`Recorder`](crate::Recorder).
    ///
    /// # Errors
    ///
    /// [`RecordError::Directory`], [`RecordError::Exposed`], [`RecordError::Create`], or those of
    /// writing the first event; the file is then removed again.
    pub fn create(dir: &Path, start: &SessionStart) -> Result<Self, RecordError> {
        file::private_dir(dir)?;
        let path = store::path_of(dir, start.id);
        let opening = Opening {
            rest: Rest {
                id: start.id,
                anchor: Anchor::default(),
                envelope: None,
            },
            file_key: None,
            witness: None,
            spools: None,
        };
        let ledger = Ledger::new(path.clone(), Box::new(file::create(&path)?), None, None);
        Self::begin(ledger, None, opening, start)
    }

    /// Creates the record of a session of a host.
    pub(crate) fn hosted(host: &Arc<Host>, start: &SessionStart) -> Result<Self, RecordError> {
        let path = store::path_of(host.dir(), start.id);
        if host.room().is_tight() {
            return Err(RecordError::reserved(&path));
        }
        file::private_dir(host.dir())?;
        if fs::symlink_metadata(&path).is_ok() {
            let source = io::ErrorKind::AlreadyExists.into();
            return Err(RecordError::Create { path, source });
        }
        // Told of before it is there: a file that nothing tells of could be anybody's.
        let opening = host.begin(start.id, &path)?;
        let file: File = file::create(&path).inspect_err(|_| {
            host.over(start.id, How::Stopped, Sum::NOTHING).ok();
        })?;
        let before = Some(Arc::clone(host.heads().ledger()));
        let ledger = Ledger::new(path, Box::new(file), before, Some(host.syncing()));
        Self::begin(ledger, Some(Arc::clone(host)), opening, start)
    }

    fn begin(
        ledger: Ledger,
        host: Option<Arc<Host>>,
        opening: Opening,
        start: &SessionStart,
    ) -> Result<Self, RecordError> {
        let began = Instant::now();
        let ledger = Arc::new(ledger);
        let path = ledger.path().to_owned();
        let spool = Spool {
            ledger: Arc::clone(&ledger),
            room: host.as_ref().map(|host| Arc::clone(host.room())),
        };
        let begun = Journal::begin(spool, path.clone(), opening).and_then(|mut journal| {
            journal.event(0, &EventRef::Start(start))?;
            Ok(journal)
        });
        let journal = begun.inspect_err(|_| {
            // Nothing was promised yet; on a full disk the empty file would only use it up.
            fs::remove_file(&path).ok();
            if let Some(host) = &host {
                host.over(start.id, How::Stopped, Sum::NOTHING).ok();
            }
        })?;
        ledger.note(journal.recorded());
        let gathering = Arc::new(Gathering {
            journal: Mutex::new(journal),
            began,
        });
        let gathered: Weak<Gathering> = Arc::downgrade(&gathering);
        if let Some(host) = &host {
            host.live().gathers(start.id, gathered.clone());
        }
        ledger.gathers(gathered);
        let observer = host.as_ref().and_then(|host| host.observer());
        let observer = observer.map(|observer| observer.begins(start));
        Ok(Self {
            id: start.id,
            observer,
            heard: None,
            gathering,
            ledger,
            host,
            over: false,
            last: Seq::NONE,
            circumstances: None,
            lookup: None,
        })
    }

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
