//! What may be asked and answered, under one lock.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, oneshot, watch};
use weir_policy::{Answer, Approver, Ask, Scope};
use weir_record::{Answered, Settled};

use super::{
    desk::{Kept, Question},
    error::{AnswerError, LONGEST, NotAsked},
    hold::{Asked, Hold, Settlement},
    journal::{Entry, JournalError},
    request::{Given, Request, Who},
    said::Said,
    standing::Until,
    table::{Pending, Table},
    view,
};
use crate::audit::{Audit, AuditEvent};

/// How many changes a slow watcher may be behind.
const BEHIND: usize = 256;

/// How much may wait, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long an answer is waited for where no policy says.
    pub timeout: Duration,
    /// Most requests that wait at once.
    pub most: usize,
    /// Most of one subject.
    pub most_of_subject: usize,
}

/// All requests. Clones are the same table.
#[derive(Clone, Debug)]
pub struct Approvals(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limits: Limits,
    audit: Option<Arc<Audit>>,
    table: Mutex<Table>,
    changes: broadcast::Sender<Change>,
    closed: watch::Sender<bool>,
    /// Where it is answered, if not where everybody asks.
    socket: OnceLock<PathBuf>,
}

/// Something that happened to a request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Change {
    /// `asked`, `answered` or `settled`.
    pub event: String,
    /// The request as it is now.
    pub request: Arc<Request>,
}

/// Which requests to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Those that wait.
    Pending,
    /// Those that were settled last.
    Settled,
    /// Both.
    All,
}

impl Approvals {
    /// Opens the table with what its journal has. What waited there waits no longer.
    ///
    /// # Errors
    /// When the journal can't be read or written.
    pub fn open(
        journal: &Path,
        limits: Limits,
        audit: Option<Arc<Audit>>,
    ) -> Result<Self, JournalError> {
        let table = Table::open(journal)?;
        Ok(Self(Arc::new(Inner {
            limits,
            audit,
            table: Mutex::new(table),
            changes: broadcast::Sender::new(BEHIND),
            closed: watch::Sender::new(false),
            socket: OnceLock::new(),
        })))
    }

    /// It is answered at this socket, and whoever is told how to answer is told so.
    #[must_use]
    pub fn answered_at(self, socket: &Path) -> Self {
        self.0.socket.set(socket.to_owned()).ok();
        self
    }

    /// What is typed to do something about a request.
    #[must_use]
    pub fn command(&self, what: &str, id: &str) -> String {
        let socket = self.0.socket.get();
        let socket = socket.map(|path| format!(" --socket {}", path.display()));
        format!("weir approvals {what} '{id}'{}", socket.unwrap_or_default())
    }

    pub(super) fn ask(
        &self,
        who: &Who,
        kept: Kept,
        question: &Question<'_>,
    ) -> Result<Asked, NotAsked> {
        let now = Instant::now();
        let ask = question.ask;
        let mut table = self.table();
        let stand: Vec<Answer> = [Scope::Session, Scope::Shape]
            .into_iter()
            .filter_map(|scope| ask.binding(scope, &kept.matter()))
            .flat_map(|to| table.standing.answers(to, now).collect::<Vec<_>>())
            .collect();
        if ask.granted(&stand, &kept.matter()).is_ok() {
            return Ok(Asked::Granted(stand));
        }
        self.room(&table, who, &kept, question)?;
        let seconds = ask
            .timeout_seconds()
            .map_or(self.0.limits.timeout, Duration::from_secs);
        let request = Request::of(who, &kept, question, seconds);
        table.write(&Entry::Asked(Cow::Borrowed(&request)))?;
        let (tell, settled) = oneshot::channel();
        let id = request.id.clone();
        let deadline = now + seconds;
        table.pending.insert(
            id.clone(),
            Pending {
                request: request.clone(),
                ask: ask.clone(),
                kept,
                answers: stand,
                deadline,
                tell,
            },
        );
        drop(table);
        self.tell("asked", request);
        Ok(Asked::Held(Hold::new(
            self.clone(),
            id,
            settled,
            deadline.into(),
        )))
    }

    fn room(
        &self,
        table: &Table,
        who: &Who,
        kept: &Kept,
        question: &Question<'_>,
    ) -> Result<(), NotAsked> {
        let shown = question
            .shown_parameters
            .iter()
            .flatten()
            .chain(question.runs);
        let length =
            kept.text.len().max(kept.parameters.len()) + shown.map(String::len).sum::<usize>();
        if length > LONGEST {
            return Err(NotAsked::TooLong { length });
        }
        let limits = &self.0.limits;
        if table.pending.len() >= limits.most {
            return Err(NotAsked::TooMany {
                of: "weir".to_owned(),
                limit: limits.most,
            });
        }
        let pending = table.pending.values();
        let theirs = pending.filter(|p| p.request.who.subject == who.subject);
        if theirs.count() >= limits.most_of_subject {
            return Err(NotAsked::TooMany {
                of: who.subject.clone(),
                limit: limits.most_of_subject,
            });
        }
        Ok(())
    }

    /// Takes somebody's answer.
    ///
    /// # Errors
    /// When it isn't theirs to give, comes too late, or was given to something else.
    pub fn answer(
        &self,
        id: &str,
        by: &Approver,
        name: Option<&str>,
        said: &Said,
    ) -> Result<Request, AnswerError> {
        let now = Instant::now();
        said.check()?;
        let mut guard = self.table();
        let table = &mut *guard;
        let id = table.whole(id, by)?;
        let Some(pending) = table.pending.get(&id) else {
            return Err(table.over(&id));
        };
        if pending.deadline <= now {
            let how = Settled::TimedOut;
            return Err(AnswerError::Settled { id, how });
        }
        pending.ask.may_answer(by, &pending.kept.subject)?;
        if pending.request.hash != said.hash {
            return Err(AnswerError::Changed { id });
        }
        if pending.request.answers.iter().any(|g| g.by == by.id()) {
            let by = by.id().to_owned();
            return Err(AnswerError::Again { by, id });
        }
        let (scope, until) = match said.answer {
            Answered::Once | Answered::No => (Scope::Once, None),
            Answered::Session => {
                let session = pending.kept.session.clone();
                (Scope::Session, Some(Until::Session(session)))
            }
            Answered::Shape { minutes } => (Scope::Shape, Until::minutes(minutes, now)),
        };
        let to = pending.ask.binding(scope, &pending.kept.matter());
        let to = to.ok_or(AnswerError::Wrong(
            "this has no shape that could be approved: approve it once, or for the session",
        ))?;
        if until.is_some() && !table.standing.has_room(now) {
            return Err(AnswerError::Wrong(
                "too many approvals stand already: approve this once",
            ));
        }
        let given = Given {
            by: by.id().to_owned(),
            name: name.map(str::to_owned),
            at: Timestamp::now(),
            answer: said.answer,
            reason: said.reason.clone(),
        };
        let entry = Entry::Answered {
            id: id.clone(),
            given: given.clone(),
        };
        table.journal.write(&entry)?;
        // From here on it is given.
        if let Some(until) = until {
            table.standing.add(to, by.clone(), until);
        }
        let Some(pending) = table.pending.get_mut(&id) else {
            return Err(AnswerError::Unknown { id });
        };
        pending.request.answers.push(given);
        let how = if said.answer == Answered::No {
            Some(Settled::Denied)
        } else {
            pending.answers.push(Answer::new(by.clone(), to));
            let matter = pending.kept.matter();
            let enough = pending.ask.granted(&pending.answers, &matter).is_ok();
            enough.then_some(Settled::Approved)
        };
        let request = pending.request.clone();
        self.tell("answered", request.clone());
        let Some(how) = how else {
            return Ok(request);
        };
        let Some((settlement, tell, request)) = table.settle(&id, how) else {
            return Ok(request);
        };
        // Under the lock: who comes second finds what was first. Whoever waited may just have gone;
        // then nothing is forwarded.
        drop(tell.send(settlement));
        drop(guard);
        self.tell("settled", request.clone());
        Ok(request)
    }

    /// Settles what waits in the name of whoever waits. `None` when it was settled before.
    pub(super) fn settle(&self, id: &str, how: Settled) -> Option<Settlement> {
        let (settlement, _, request) = self.table().settle(id, how)?;
        self.tell("settled", request);
        Some(settlement)
    }

    /// Asks anew under another policy.
    pub(super) fn renew(&self, id: &str, ask: Ask) {
        let mut table = self.table();
        let Some(pending) = table.pending.get_mut(id) else {
            return;
        };
        let request = &mut pending.request;
        request.under(&ask, &pending.kept);
        request.answers.clear();
        pending.answers.clear();
        pending.ask = ask;
        let request = request.clone();
        let written = table.write(&Entry::Asked(Cow::Borrowed(&request)));
        drop(table);
        if let Err(error) = written {
            tracing::error!(%error, "a request under another policy is not in the journal");
        }
        self.tell("asked", request);
    }

    pub(super) fn session_ended(&self, session: &str) {
        self.table().standing.ended(session);
    }

    pub(super) fn find(&self, id: &str) -> Option<Request> {
        let table = self.table();
        let pending = table.pending.get(id).map(|pending| &pending.request);
        pending
            .or_else(|| table.settled.iter().rev().find(|request| request.id == id))
            .cloned()
    }

    /// One request, by its id or the beginning of it, if it is this person's to see.
    ///
    /// # Errors
    /// When there is none.
    pub fn show(&self, id: &str, to: &Approver) -> Result<Request, AnswerError> {
        let id = self.table().whole(id, to)?;
        self.find(&id).ok_or(AnswerError::Unknown { id })
    }

    /// What this person may see, the newest first.
    #[must_use]
    pub fn list(&self, shown: Shown, to: &Approver) -> Vec<Request> {
        let table = self.table();
        let pending = table.pending.values().map(|pending| &pending.request);
        let pending = pending.filter(|_| shown != Shown::Settled);
        let settled = table.settled.iter().filter(|_| shown != Shown::Pending);
        let mut all: Vec<Request> = pending
            .chain(settled)
            .filter(|request| view::sees(to, request))
            .cloned()
            .collect();
        drop(table);
        all.sort_by(|a, b| b.asked.cmp(&a.asked).then_with(|| b.id.cmp(&a.id)));
        all
    }

    /// What happens from here on.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.0.changes.subscribe()
    }

    /// Nothing more is told of from here on: weir stops.
    pub fn close(&self) {
        self.0.closed.send_replace(true);
    }

    /// Resolves once nothing more is told of.
    pub async fn closed(&self) {
        let mut closed = self.0.closed.subscribe();
        // An error would mean that the table is gone, and is as good an end.
        drop(closed.wait_for(|closed| *closed).await);
    }

    /// Whether a change is this person's to see.
    #[must_use]
    pub fn sees(to: &Approver, change: &Change) -> bool {
        view::sees(to, &change.request)
    }

    fn tell(&self, event: &'static str, request: Request) {
        if let Some(audit) = &self.0.audit {
            audit.write(&AuditEvent::Approval {
                step: event,
                request: &request.id,
                subject: &request.who.subject,
                target: &request.target,
                state: request.state(),
                by: request.answers.last().map(|given| given.by.as_str()),
            });
        }
        // Nobody may be listening.
        drop(self.0.changes.send(Change {
            event: event.to_owned(),
            request: Arc::new(request),
        }));
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
