//! Just-in-time access: what nobody has, asked for with a reason and granted for a while.
//!
//! Job: take requests, let those say yes whom the policy's templates name and nobody for
//! themselves, keep it all over a restart, and say which grants hold at a moment.
//!
//! Not its job: what a grant permits (the templates, in `weir-policy`), putting grants in force and
//! ending what they no longer cover (the engine), who calls (`control`).
//!
//! Limits: time is the wall clock's; who sets it back lengthens grants. What was decided is
//! kept for thirty days, and in the audit log for as long as that is.

mod error;
mod journal;
mod request;
mod templates;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, watch};
use weir_policy::{Approver, Grant, Policies};

use self::journal::Journal;
pub use self::{
    error::AccessError,
    request::{AccessRequest, Answer, State, Wanted},
};
use crate::identity::Acting;

/// Most requests that wait for an answer.
const MOST_WAITING: usize = 256;
/// Most grants that hold at once: each is a policy that every judgement looks at.
const MOST_GRANTED: usize = 256;
/// How long a request waits.
const WAITS: SignedDuration = SignedDuration::from_hours(24);
/// How long one is kept once it is over.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Where access is asked for and granted.
#[derive(Debug)]
pub struct AccessDesk {
    held: Mutex<Held>,
    policies: watch::Receiver<Arc<Policies>>,
    targets: BTreeSet<String>,
    acting: Arc<Acting>,
    changed: Notify,
}

#[derive(Debug)]
struct Held {
    journal: Journal,
    requests: BTreeMap<String, AccessRequest>,
}

impl AccessDesk {
    /// With what the journal at `path` has kept.
    ///
    /// # Errors
    /// When it can't be read, or isn't whole.
    pub fn open(
        path: &Path,
        policies: watch::Receiver<Arc<Policies>>,
        targets: BTreeSet<String>,
        acting: Arc<Acting>,
        now: Timestamp,
    ) -> Result<Self, AccessError> {
        let (journal, requests) = Journal::open(path, |request| !is_forgotten(request, now))?;
        Ok(Self {
            held: Mutex::new(Held { journal, requests }),
            policies,
            targets,
            acting,
            changed: Notify::new(),
        })
    }

    /// Asks for access. Nothing is granted by it.
    ///
    /// # Errors
    /// When it can't be granted at all, or too much is waiting.
    pub fn ask(
        &self,
        wanted: Wanted,
        who: &Approver,
        now: Timestamp,
    ) -> Result<AccessRequest, AccessError> {
        wanted.check()?;
        if !self.targets.contains(&wanted.target) {
            return Err(AccessError::NoTarget {
                target: wanted.target,
                known: self.targets.iter().cloned().collect(),
            });
        }
        let templates = templates::choose(&self.policies.borrow(), &wanted.actions)?;
        let mut held = self.held();
        let waiting = held.requests.values();
        if waiting.filter(|one| one.is_waiting(now)).count() >= MOST_WAITING {
            return Err(AccessError::Full("requests wait for an answer"));
        }
        let request = AccessRequest::new(wanted, who, templates, now)?;
        held.keep(request.clone())?;
        Ok(request)
    }

    /// Answers a request, or revokes a grant.
    ///
    /// # Errors
    /// When it isn't theirs to answer, or too late; and when it can't be kept. A revocation holds
    /// even then, until a restart.
    pub fn answer(
        &self,
        id: &str,
        answer: Answer,
        who: &Approver,
        now: Timestamp,
    ) -> Result<AccessRequest, AccessError> {
        let mut held = self.held();
        let mut request = held.find(id)?.clone();
        if !self.may_see(&request, who) {
            return Err(AccessError::NoSuchRequest(short(id)));
        }
        self.may_answer(&request, &answer, who)?;
        let over = held.granted(now).count();
        if matches!(answer, Answer::Approve) && over >= MOST_GRANTED {
            return Err(AccessError::Full("grants hold"));
        }
        let revokes = matches!(answer, Answer::Revoke { .. });
        request.answered(answer, who, now)?;
        let kept = held.keep(request.clone());
        if kept.is_err() && revokes {
            held.requests.insert(request.id.clone(), request.clone());
        }
        drop(held);
        self.changed.notify_one();
        kept.map(|()| request)
    }

    /// What this caller may see, newest first.
    #[must_use]
    pub fn list(&self, who: &Approver) -> Vec<AccessRequest> {
        let held = self.held();
        let mut seen: Vec<_> = held
            .requests
            .values()
            .filter(|request| self.may_see(request, who))
            .cloned()
            .collect();
        seen.sort_by(|a, b| (b.asked, &b.id).cmp(&(a.asked, &a.id)));
        seen
    }

    /// The one with this id, or the beginning of it, if this caller may see it.
    ///
    /// # Errors
    /// When there is none, or several.
    pub fn find(&self, id: &str, who: &Approver) -> Result<AccessRequest, AccessError> {
        let held = self.held();
        let found = held.find(id)?;
        if self.may_see(found, who) {
            return Ok(found.clone());
        }
        Err(AccessError::NoSuchRequest(short(id)))
    }

    /// The grants that hold at this moment, for the policies.
    #[must_use]
    pub fn grants(&self, now: Timestamp) -> Vec<Grant> {
        let held = self.held();
        let granted = held.granted(now).filter(|one| !self.is_by_oneself(one));
        let grants = granted.flat_map(|request| {
            request.templates.iter().map(|template| Grant {
                id: request.id.clone(),
                template: template.clone(),
                subject: request.subject.clone(),
                target: request.target.clone(),
            })
        });
        grants.collect()
    }

    /// Waits until other grants hold than did at `now`: one was given or revoked, or has ended.
    pub async fn changed(&self, now: Timestamp) {
        // A clock that is set shows up within this.
        const LOOK: Duration = Duration::from_secs(15);
        let next = self.held().granted(now).filter_map(|one| one.until()).min();
        let wait = next.map_or(LOOK, |until| {
            let left = Duration::try_from(until.duration_since(Timestamp::now()));
            left.unwrap_or_default().min(LOOK)
        });
        // Either way the caller looks again, which costs little.
        tokio::time::timeout(wait, self.changed.notified())
            .await
            .ok();
    }

    /// Who is behind a request, or has a say in it.
    fn may_see(&self, request: &AccessRequest, who: &Approver) -> bool {
        who.is_operator()
            || request.is_by(who)
            || who.is_called(&request.subject)
            || self.is_named(request, who)
    }

    /// Whether the policies let this person grant it. Each template is granted, so each must name
    /// them; one that is gone names nobody.
    fn is_named(&self, request: &AccessRequest, who: &Approver) -> bool {
        let policies = self.policies.borrow();
        request.templates.iter().all(|id| {
            let mut all = policies.grantable();
            all.any(|one| one.id == *id && one.names(who))
        })
    }

    fn may_answer(
        &self,
        request: &AccessRequest,
        answer: &Answer,
        who: &Approver,
    ) -> Result<(), AccessError> {
        match answer {
            // Never oneself: neither who asked, nor the subject, nor a person it acts for.
            Answer::Approve if self.is_for(request, who) => Err(AccessError::Oneself),
            // Giving up what one has or wants takes nobody's leave.
            Answer::Revoke { .. } if request.is_by(who) => Ok(()),
            // Whoever runs weir can end all of it, but give only what the policies say.
            Answer::Deny { .. } | Answer::Revoke { .. } if who.is_operator() => Ok(()),
            _ if self.is_named(request, who) => Ok(()),
            _ => Err(AccessError::NotYours),
        }
    }

    fn is_for(&self, request: &AccessRequest, who: &Approver) -> bool {
        request.is_by(who)
            || who.is_called(&request.subject)
            || self
                .acting
                .acts_for(&request.subject, |name| who.is_called(name))
    }

    /// Whether whoever granted it is, as is known by now, one for whom its subject acts.
    fn is_by_oneself(&self, request: &AccessRequest) -> bool {
        let State::Granted { by, .. } = &request.state else {
            return false;
        };
        self.acting.acts_for(&request.subject, |name| name == by)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// On disk first: what was said must not be forgotten.
    fn keep(&mut self, request: AccessRequest) -> Result<(), AccessError> {
        self.journal.append(&request)?;
        self.requests.insert(request.id.clone(), request);
        Ok(())
    }

    fn find(&self, id: &str) -> Result<&AccessRequest, AccessError> {
        let mut found = self
            .requests
            .range(id.to_owned()..)
            .take_while(|(known, _)| known.starts_with(id));
        match (found.next(), found.next()) {
            (Some((_, request)), None) if !id.is_empty() => Ok(request),
            (Some((known, request)), _) if known == id => Ok(request),
            (Some(_), Some(_)) => Err(AccessError::Ambiguous(short(id))),
            _ => Err(AccessError::NoSuchRequest(short(id))),
        }
    }

    fn granted(&self, now: Timestamp) -> impl Iterator<Item = &AccessRequest> {
        let requests = self.requests.values();
        requests.filter(move |request| request.until().is_some_and(|until| until > now))
    }
}

fn is_forgotten(request: &AccessRequest, now: Timestamp) -> bool {
    let over = request.until().unwrap_or(request.asked);
    now.duration_since(over) > KEPT
}

fn short(id: &str) -> String {
    id.chars().take(40).collect()
}
