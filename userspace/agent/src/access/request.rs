//! One request, from being asked to being over.

use jiff::{SignedDuration, Timestamp};
use rustls::crypto::ring;
use serde::{Deserialize, Serialize};
use weir_policy::Approver;

use super::{AccessError, WAITS};

/// For how long access can be had, in seconds: from a second to a week.
const SECONDS: std::ops::RangeInclusive<u32> = 1..=7 * 24 * 3600;
/// Longest reason, subject and action, in bytes.
const LONGEST: usize = 500;
/// Most actions of one request.
const MOST_ACTIONS: usize = 16;

/// What somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// A declared target.
    pub target: String,
    /// Actions of the policy schema, or the ids of templates.
    pub actions: Vec<String>,
    /// For how long, from the moment that it is granted.
    pub seconds: u32,
    /// Why, for those who answer.
    pub reason: String,
    /// For whom; who asks, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

/// A request, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessRequest {
    /// What tells it from others.
    pub id: String,
    /// Who asked, as policies name them.
    pub requester: String,
    /// Other names of who asked.
    pub aliases: Vec<String>,
    /// For whom.
    pub subject: String,
    /// For which target.
    pub target: String,
    /// What was asked for.
    pub actions: Vec<String>,
    /// The templates that permit it.
    pub templates: Vec<String>,
    /// Why.
    pub reason: String,
    /// For how long.
    pub seconds: u32,
    /// When it was asked.
    pub asked: Timestamp,
    /// What became of it.
    pub state: State,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub enum State {
    /// It waits for an answer.
    Waiting,
    /// It was granted.
    Granted {
        /// By whom.
        by: String,
        /// When.
        at: Timestamp,
        /// When it ends.
        until: Timestamp,
    },
    /// It was not.
    Denied {
        /// By whom.
        by: String,
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
    },
    /// It was granted, and ended before its time; or taken back unanswered.
    Revoked {
        /// By whom.
        by: String,
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
    },
}

/// What is said to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// Yes.
    Approve,
    /// No.
    Deny {
        /// Why.
        reason: String,
    },
    /// No longer.
    Revoke {
        /// Why.
        reason: String,
    },
}

impl Wanted {
    pub(super) fn check(&self) -> Result<(), AccessError> {
        let wrong = |problem: String| Err(AccessError::Wanted(problem));
        if !SECONDS.contains(&self.seconds) {
            return wrong("access is asked for from a second to a week".to_owned());
        }
        line("reason", &self.reason)?;
        if let Some(subject) = &self.subject {
            line("subject", subject)?;
        }
        if self.actions.is_empty() || self.actions.len() > MOST_ACTIONS {
            return wrong(format!("one to {MOST_ACTIONS} actions can be asked for"));
        }
        self.actions.iter().try_for_each(|one| line("action", one))
    }
}

fn line(what: &str, text: &str) -> Result<(), AccessError> {
    if text.trim().is_empty() || text.len() > LONGEST || text.contains(char::is_control) {
        let problem = format!("the {what} is one line of 1 to {LONGEST} bytes");
        return Err(AccessError::Wanted(problem));
    }
    Ok(())
}

impl AccessRequest {
    pub(super) fn new(
        wanted: Wanted,
        who: &Approver,
        templates: Vec<String>,
        now: Timestamp,
    ) -> Result<Self, AccessError> {
        Ok(Self {
            id: id()?,
            requester: who.id().to_owned(),
            aliases: who.aliases().to_vec(),
            subject: wanted.subject.unwrap_or_else(|| who.id().to_owned()),
            target: wanted.target,
            actions: wanted.actions,
            templates,
            reason: wanted.reason,
            seconds: wanted.seconds,
            asked: now,
            state: State::Waiting,
        })
    }

    /// Whether this is who asked, under whatever name they come.
    pub(super) fn is_by(&self, who: &Approver) -> bool {
        Approver::person(self.requester.clone(), self.aliases.clone(), Vec::new()).is_same_as(who)
    }

    pub(super) fn is_waiting(&self, now: Timestamp) -> bool {
        self.state == State::Waiting && now.duration_since(self.asked) < WAITS
    }

    /// When its grant ends, if it has one.
    #[must_use]
    pub fn until(&self) -> Option<Timestamp> {
        match self.state {
            State::Granted { until, .. } => Some(until),
            _ => None,
        }
    }

    /// What it is at this moment, in a word.
    #[must_use]
    pub fn standing(&self, now: Timestamp) -> &'static str {
        match &self.state {
            State::Waiting if self.is_waiting(now) => "waiting",
            State::Waiting => "lapsed",
            State::Granted { until, .. } if *until > now => "granted",
            State::Granted { .. } => "expired",
            State::Denied { .. } => "denied",
            State::Revoked { .. } => "revoked",
        }
    }

    pub(super) fn answered(
        &mut self,
        answer: Answer,
        who: &Approver,
        now: Timestamp,
    ) -> Result<(), AccessError> {
        let standing = self.standing(now);
        let is_right = match &answer {
            Answer::Approve | Answer::Deny { .. } => standing == "waiting",
            Answer::Revoke { .. } => standing == "waiting" || standing == "granted",
        };
        if !is_right {
            return Err(AccessError::NotNow(standing));
        }
        let (by, at) = (who.id().to_owned(), now);
        self.state = match answer {
            Answer::Approve => {
                let lasts = SignedDuration::from_secs(self.seconds.into());
                let until = now.checked_add(lasts);
                let until =
                    until.map_err(|_| AccessError::Wanted("there is no such time".to_owned()))?;
                State::Granted { by, at, until }
            }
            Answer::Deny { reason } => {
                line("reason", &reason)?;
                State::Denied { by, at, reason }
            }
            Answer::Revoke { reason } => {
                line("reason", &reason)?;
                State::Revoked { by, at, reason }
            }
        };
        Ok(())
    }
}

fn id() -> Result<String, AccessError> {
    let mut random = [0; 5];
    ring::default_provider()
        .secure_random
        .fill(&mut random)
        .map_err(|_| AccessError::Random)?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}
