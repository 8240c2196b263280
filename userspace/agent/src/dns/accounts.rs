//! Every question on record before it is asked, and every answer before it is given.
//!
//! Job: one record for what one subject of a workload asks, as a session of the protocol `dns`:
//! each question is a command (`A db.internal`), each answer its outcome. Which process asked
//! stands before its first question, and again whenever another asks. Not its job: judging.
//!
//! A record is ended after a time without questions, after many questions, and when others need
//! the place: a bounded number is open at a time.

mod open;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::task::spawn_blocking;
use weir_policy::{Permit, Refusal};
use weir_record::{
    End, Outcome, RecordError, RecordedPermit, Recorder, Seq, SessionId, SessionWriter,
};

use self::open::Account;
pub(super) use self::open::{Said, Speaker};
use crate::config::WorkloadName;

/// Most records that are open at a time.
const MOST_OPEN: usize = 256;
/// Without a question for so long, a record is ended.
const IDLE: Duration = Duration::from_secs(10 * 60);

/// The open records.
#[derive(Debug)]
pub(super) struct Accounts {
    recorder: Recorder,
    open: Mutex<HashMap<Key, Arc<Account>>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    workload: WorkloadName,
    subject: String,
}

/// A question on record, whose outcome is owed.
#[derive(Debug)]
pub(super) struct Owed {
    account: Arc<Account>,
    seq: Seq,
}

impl Accounts {
    /// Of this recorder.
    pub(super) fn new(recorder: Recorder) -> Self {
        Self {
            recorder,
            open: Mutex::default(),
        }
    }

    /// Records a question that policy allowed, and hands on the proof that it may be asked.
    pub(super) fn allowed(
        &self,
        speaker: &Speaker<'_>,
        permit: Permit,
        question: Said<'_>,
    ) -> Result<(Owed, RecordedPermit), RecordError> {
        self.write(speaker, |writer| {
            writer.looked_up(question.lookup);
            let recorded = writer.intent(permit, question.command())?;
            Ok((recorded.seq(), recorded))
        })
    }

    /// Records a question that is refused.
    pub(super) fn refused(
        &self,
        speaker: &Speaker<'_>,
        refusal: &Refusal,
        question: Said<'_>,
    ) -> Result<Owed, RecordError> {
        let (owed, ()) = self.write(speaker, |writer| {
            writer.looked_up(question.lookup);
            Ok((writer.refused(refusal, question.command())?, ()))
        })?;
        Ok(owed)
    }

    fn write<T>(
        &self,
        speaker: &Speaker<'_>,
        write: impl FnOnce(&mut SessionWriter) -> Result<(Seq, T), RecordError>,
    ) -> Result<(Owed, T), RecordError> {
        let key = Key {
            workload: speaker.workload.clone(),
            subject: speaker.subject.id.clone(),
        };
        let account = self.account(&key, speaker)?;
        match account.write(speaker, write) {
            Ok((seq, more)) => Ok((Owed { account, seq }, more)),
            Err(error) => {
                // The next question tries a record of its own.
                self.forget(&key, &account);
                Err(error)
            }
        }
    }

    /// The record that a question belongs into, which is begun if need be, with a place for the
    /// question: until its outcome is settled the record is not ended.
    fn account(&self, key: &Key, speaker: &Speaker<'_>) -> Result<Arc<Account>, RecordError> {
        let now = Instant::now();
        let mut retired = Vec::new();
        let mut open = self.lock();
        if let Some(account) = open.get(key) {
            if account.reserve(speaker, now) {
                return Ok(Arc::clone(account));
            }
            retired.extend(open.remove(key));
        }
        if open.len() >= MOST_OPEN {
            let oldest = open.iter().min_by_key(|(_, account)| account.last());
            let oldest = oldest.map(|(key, _)| key.clone());
            retired.extend(oldest.and_then(|key| open.remove(&key)));
        }
        let account = Arc::new(Account::begin(&self.recorder, speaker, now)?);
        open.insert(key.clone(), Arc::clone(&account));
        drop(open);
        for account in retired {
            end_in_background(account.retire());
        }
        Ok(account)
    }

    /// Ends the records without questions for a time.
    pub(super) fn tidy(&self, now: Instant) {
        let mut retired = Vec::new();
        self.lock().retain(|_, account| {
            let idle = now.duration_since(account.last()) >= IDLE;
            if idle {
                retired.push(Arc::clone(account));
            }
            !idle
        });
        for account in retired {
            end_in_background(account.retire());
        }
    }

    /// The sessions whose records are open and whose id begins so.
    pub(super) fn beginning(&self, prefix: &str) -> Vec<SessionId> {
        let ids = self.lock();
        let ids = ids.values().map(|account| account.id());
        ids.filter(|id| id.to_string().starts_with(prefix))
            .collect()
    }

    /// Ends one record at once, for this reason: what is owed an answer in it gets none. What is
    /// asked later begins another. False where it is not open.
    ///
    /// # Errors
    /// When the end can't be recorded.
    pub(super) fn end(&self, id: SessionId, end: &End) -> Result<bool, RecordError> {
        let mut open = self.lock();
        let key = open.iter().find(|(_, account)| account.id() == id);
        let key = key.map(|(key, _)| key.clone());
        let account = key.and_then(|key| open.remove(&key));
        drop(open);
        match account.and_then(|account| account.close()) {
            Some(writer) => writer.end(end).map(|()| true),
            None => Ok(false),
        }
    }

    /// Ends every record; what is asked later begins another.
    ///
    /// # Errors
    /// The first that could not be ended; the others are.
    pub(super) fn close(&self) -> Result<(), RecordError> {
        let mut result = Ok(());
        let accounts: Vec<_> = self.lock().drain().collect();
        for (_, account) in accounts {
            if let Some(writer) = account.close() {
                result = result.and(writer.end(&End::Shutdown));
            }
        }
        result
    }

    fn forget(&self, key: &Key, account: &Arc<Account>) {
        let mut open = self.lock();
        if open.get(key).is_some_and(|held| Arc::ptr_eq(held, account)) {
            open.remove(key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Arc<Account>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Owed {
    /// Records what became of the question, and the bytes that answer it if there are any. Called
    /// before they are sent.
    pub(super) fn settle(
        self,
        outcome: &Outcome,
        answer: Option<&[u8]>,
    ) -> Result<(), RecordError> {
        let (settled, ended) = self.account.settle(self.seq, outcome, answer);
        end_in_background(ended);
        settled
    }
}

/// Ending waits for the disk.
fn end_in_background(writer: Option<SessionWriter>) {
    if let Some(writer) = writer {
        spawn_blocking(move || {
            let id = *writer.id();
            if let Err(error) = writer.end(&End::Closed) {
                tracing::error!(session = %id, %error, "a record of DNS questions could not be ended");
            }
        });
    }
}

#[cfg(test)]
mod tests;
