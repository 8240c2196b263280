//! What is behind the one lock: what waits, what was settled last, the yeses that stand, and the
//! journal of it all.

use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
    time::Instant,
};

use jiff::Timestamp;
use tokio::sync::oneshot;
use weir_policy::{Answer, Approver, Ask};
use weir_record::Settled;

use super::{
    desk::Kept,
    error::AnswerError,
    hold::Settlement,
    journal::{Entry, Journal, JournalError},
    request::{Request, SettledAt},
    standing::Standing,
    view,
};

/// How many settled requests are remembered.
const REMEMBERED: usize = 300;
#[derive(Debug)]
pub(super) struct Table {
    pub(super) pending: BTreeMap<String, Pending>,
    pub(super) settled: VecDeque<Request>,
    pub(super) standing: Standing,
    pub(super) journal: Journal,
}

#[derive(Debug)]
pub(super) struct Pending {
    pub(super) request: Request,
    pub(super) ask: Ask,
    pub(super) kept: Kept,
    pub(super) answers: Vec<Answer>,
    pub(super) deadline: Instant,
    pub(super) tell: oneshot::Sender<Settlement>,
}

impl Table {
    /// With what its journal has. What waited there waits no longer.
    pub(super) fn open(journal: &Path) -> Result<Self, JournalError> {
        let (mut journal, mut requests) = Journal::open(journal)?;
        for request in requests.iter_mut().filter(|r| r.settled.is_none()) {
            request.settled = Some(SettledAt {
                how: Settled::Restarted,
                at: Timestamp::now(),
            });
        }
        let forgotten = requests.len().saturating_sub(REMEMBERED);
        let settled: VecDeque<Request> = requests.into_iter().skip(forgotten).collect();
        journal.rewrite(settled.iter())?;
        Ok(Self {
            pending: BTreeMap::new(),
            settled,
            standing: Standing::default(),
            journal,
        })
    }

    /// The id that begins so, if one alone does; a person finds only what is theirs to see.
    pub(super) fn whole(&self, begin: &str, by: &Approver) -> Result<String, AnswerError> {
        let unknown = || AnswerError::Unknown {
            id: begin.chars().take(200).collect(),
        };
        if begin.is_empty() {
            return Err(unknown());
        }
        let pending = self.pending.values().map(|pending| &pending.request);
        let mut found = pending
            .chain(&self.settled)
            .filter(|request| request.id.starts_with(begin) && view::sees(by, request))
            .map(|request| &request.id);
        let first = found.next().ok_or_else(unknown)?;
        if self.pending.contains_key(begin) || found.next().is_none() {
            return Ok(if self.pending.contains_key(begin) {
                begin
            } else {
                first
            }
            .to_owned());
        }
        let exact = self.settled.iter().any(|request| request.id == begin);
        exact.then(|| begin.to_owned()).ok_or_else(unknown)
    }

    pub(super) fn over(&self, id: &str) -> AnswerError {
        let known = self.settled.iter().rev().find(|request| request.id == id);
        match known.and_then(|request| request.settled.as_ref()) {
            Some(settled) => AnswerError::Settled {
                id: id.to_owned(),
                how: settled.how,
            },
            None => AnswerError::Unknown { id: id.to_owned() },
        }
    }

    /// Takes a request out of what waits. Only the first to come takes it.
    pub(super) fn settle(
        &mut self,
        id: &str,
        how: Settled,
    ) -> Option<(Settlement, oneshot::Sender<Settlement>, Request)> {
        let Pending {
            mut request,
            answers,
            tell,
            ..
        } = self.pending.remove(id)?;
        let settled = SettledAt {
            how,
            at: Timestamp::now(),
        };
        request.settled = Some(settled.clone());
        let entry = Entry::Settled {
            id: id.to_owned(),
            settled,
        };
        // An answer is in the journal already, and nothing else lets anything go on.
        if let Err(error) = self.write(&entry) {
            tracing::error!(%error, "what became of a request is not in the journal");
        }
        if self.settled.len() >= REMEMBERED {
            self.settled.pop_front();
        }
        self.settled.push_back(request.clone());
        let settlement = Settlement {
            how,
            given: request.answers.clone(),
            answers: if how == Settled::Approved {
                answers
            } else {
                Vec::new()
            },
        };
        Some((settlement, tell, request))
    }

    /// Writes an entry, and makes the journal small again where it has grown.
    pub(super) fn write(&mut self, entry: &Entry<'_>) -> Result<(), JournalError> {
        self.journal.write(entry)?;
        if self.journal.is_full() {
            let pending = self.pending.values().map(|pending| &pending.request);
            let rewritten = self.journal.rewrite(self.settled.iter().chain(pending));
            if let Err(error) = rewritten {
                tracing::error!(%error, "the approvals' journal can't be made small again");
            }
            // What is written now may not be in the table yet.
            self.journal.write(entry)?;
        }
        Ok(())
    }
}
