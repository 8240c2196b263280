//! One request, as approvers, the journal and the API see it.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use weir_policy::{Ask, Demand, Requirement, Scope};
use weir_record::{Answered, Process, SessionStart, Settled};

use super::{
    desk::{Kept, Question},
    facts::Facts,
};

/// What waits for humans, or did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Its name: the session's id, `#`, and the command's number in the record.
    pub id: String,
    /// The session.
    pub session: String,
    /// When it was asked.
    pub asked: Timestamp,
    /// Until when it waits.
    pub expires: Timestamp,
    /// What became of it, and when; nothing while it waits.
    pub settled: Option<SettledAt>,
    /// Who asks.
    pub who: Who,
    /// The target.
    pub target: String,
    /// Its protocol.
    pub protocol: String,
    /// The database, or what the protocol has for one.
    pub database: String,
    /// The command, as it will be forwarded.
    pub command: String,
    /// The values beside its text.
    pub parameters: Vec<Option<String>>,
    /// How weir read it.
    pub statements: Vec<Facts>,
    /// The texts that it runs by their names, as `EXECUTE` does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<String>,
    /// Its text without literals: what a yes for its shape is for. Nothing where there is no such yes.
    pub shape: Option<String>,
    /// The rows that it would touch, where it changes some.
    pub rows: Option<Rows>,
    /// What must be met: of each, one demand.
    pub requirements: Vec<Vec<Demand>>,
    /// The same in words.
    pub of: String,
    /// What the policies say about it.
    pub message: Option<String>,
    /// Which they are.
    pub policies: Vec<String>,
    /// Their version.
    pub policy_version: String,
    /// What a yes is bound to: the hash of the command, its parameters, subject, target, policy and
    /// this request.
    pub hash: String,
    /// What was said.
    pub answers: Vec<Given>,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// The verified identity.
    pub subject: String,
    /// The person it acts for.
    pub on_behalf_of: Option<String>,
    /// The workload.
    pub workload: String,
    /// The process that opened the session.
    pub process: Process,
}

/// The rows that a command would touch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rows {
    /// The target's planner thinks so. It is no count: nothing was run.
    Estimated(u64),
    /// Why it can't be told.
    Unknown(String),
}

/// What somebody said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// Their id.
    pub by: String,
    /// What people call them.
    pub name: Option<String>,
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub answer: Answered,
    /// Why.
    pub reason: Option<String>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettledAt {
    /// How.
    pub how: Settled,
    /// When.
    pub at: Timestamp,
}

impl Request {
    /// What is asked, as it begins to wait for so long.
    pub(super) fn of(who: &Who, kept: &Kept, question: &Question<'_>, waits: Duration) -> Self {
        let asked = Timestamp::now();
        let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
        let mut request = Self {
            id: kept.request.clone(),
            session: kept.session.clone(),
            asked,
            expires: asked.saturating_add(waits).unwrap_or(Timestamp::MAX),
            settled: None,
            who: who.clone(),
            target: kept.target.name.clone(),
            protocol: kept.target.protocol.clone(),
            database: kept.target.database.clone(),
            command: text(&kept.text),
            parameters: question.shown_parameters.to_vec(),
            statements: question.statements.iter().map(Facts::from).collect(),
            runs: question.runs.to_vec(),
            shape: kept.shape.clone(),
            rows: question.rows.clone(),
            requirements: Vec::new(),
            of: String::new(),
            message: None,
            policies: Vec::new(),
            policy_version: String::new(),
            hash: String::new(),
            answers: Vec::new(),
        };
        request.under(question.ask, kept);
        request
    }

    /// Takes what it has of the policy that asks.
    pub(super) fn under(&mut self, ask: &Ask, kept: &Kept) {
        self.requirements = ask
            .requirements()
            .iter()
            .map(Requirement::demands)
            .map(<[_]>::to_vec)
            .collect();
        self.of = ask.describe();
        self.message = ask.message().map(str::to_owned);
        self.policies = ask.deciding().to_vec();
        self.policy_version = ask.version().to_string();
        self.hash = ask
            .binding(Scope::Once, &kept.matter())
            .map(|binding| binding.to_string())
            .unwrap_or_default();
    }

    /// `pending`, or how it was settled.
    #[must_use]
    pub fn state(&self) -> &'static str {
        self.settled
            .as_ref()
            .map_or("pending", |settled| settled.how.as_str())
    }
}

impl Who {
    /// Who opened a session.
    #[must_use]
    pub fn of(start: &SessionStart) -> Self {
        Self {
            subject: start.subject.clone(),
            on_behalf_of: start.on_behalf_of.clone(),
            workload: start.workload.clone(),
            process: start.process.clone(),
        }
    }
}
