//! What a human must say first, and the only way from their yes to a [`Permit`].
//!
//! Job: say exactly who must answer, what an answer is bound to, and whether answers are enough.
//! Not its job: finding people, showing them what is asked, and waiting (the agent's `approve`
//! room).
//!
//! Known limit: two accounts of one person count as two people unless they share an id or an alias.

mod answer;
mod matter;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

pub use answer::{Answer, Approver, NotGranted, OPERATOR};
pub use matter::{Binding, Matter, Scope};

use serde::{Deserialize, Serialize};

use crate::{Clear, Permit, PolicyVersion, Subject};

/// A command that is allowed once humans approve it. Only judgement makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    requirements: Vec<Requirement>,
    message: Option<String>,
    timeout_seconds: Option<u64>,
    deciding: Vec<String>,
    version: PolicyVersion,
    clear: Clear,
}

/// One thing to be met: any one of its demands. A forbid that must be lifted is one demand; where
/// several permits would do, each is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Requirement(Vec<Demand>);

/// What one policy demands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Demand {
    /// The policy's id.
    pub policy: String,
    /// Who may answer (`@approvers`): ids, aliases and groups. Where it names nobody, an operator
    /// may ([`OPERATOR`]).
    pub approvers: BTreeSet<String>,
    /// How many different people must (`@approvals`).
    pub approvals: u8,
}

/// What an [`Ask`] is made of.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) requirements: BTreeSet<Requirement>,
    pub(crate) messages: Vec<String>,
    pub(crate) timeout_seconds: Option<u64>,
    pub(crate) deciding: Vec<String>,
    pub(crate) version: PolicyVersion,
    pub(crate) clear: Clear,
}

impl Requirement {
    /// `demands` is not empty; if it were, nothing would meet it.
    pub(crate) fn any_of(demands: impl IntoIterator<Item = Demand>) -> Self {
        let mut demands: Vec<Demand> = demands.into_iter().collect();
        demands.sort_unstable();
        demands.dedup();
        Self(demands)
    }

    /// What would meet it, each by itself.
    #[must_use]
    pub fn demands(&self) -> &[Demand] {
        &self.0
    }

    fn is_met_by(&self, people: &[&Approver]) -> bool {
        self.0.iter().any(|demand| demand.is_met_by(people))
    }
}

impl Demand {
    /// Whether this person's yes counts for it.
    #[must_use]
    pub fn names(&self, person: &Approver) -> bool {
        if self.approvers.is_empty() {
            return person.is_operator();
        }
        self.approvers.iter().any(|name| person.is_meant_by(name))
    }

    /// `people` are different ones.
    fn is_met_by(&self, people: &[&Approver]) -> bool {
        let count = people.iter().filter(|person| self.names(person)).count();
        count >= usize::from(self.approvals.max(1))
    }

    /// As a person reads it: `2 of dba-oncall, unix:carol`.
    #[must_use]
    pub fn describe(&self) -> String {
        if self.approvers.is_empty() {
            return OPERATOR.to_owned();
        }
        let names: Vec<&str> = self.approvers.iter().map(String::as_str).collect();
        let names = names.join(", ");
        match self.approvals {
            0 | 1 => names,
            several => format!("{several} of {names}"),
        }
    }
}

impl Ask {
    pub(crate) fn new(asked: Asked) -> Self {
        let Asked {
            requirements,
            messages,
            timeout_seconds,
            deciding,
            version,
            clear,
        } = asked;
        Self {
            requirements: requirements.into_iter().collect(),
            message: (!messages.is_empty()).then(|| messages.join("; ")),
            timeout_seconds,
            deciding,
            version,
            clear,
        }
    }

    /// Both at once, for a message that holds several statements: what each requires must be met.
    ///
    /// Both are of one subject and target under one version, and what differs in that would make
    /// no answer fit.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        for requirement in other.requirements {
            if !self.requirements.contains(&requirement) {
                self.requirements.push(requirement);
            }
        }
        self.requirements.sort_unstable();
        let said = other.deciding.iter().all(|id| self.deciding.contains(id));
        for id in other.deciding {
            if !self.deciding.contains(&id) {
                self.deciding.push(id);
            }
        }
        self.message = match (self.message, other.message) {
            (Some(a), Some(b)) if !said => Some(format!("{a}; {b}")),
            (a, b) => a.or(b),
        };
        self.timeout_seconds = match (self.timeout_seconds, other.timeout_seconds) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self
    }

    /// What must be met, all of it.
    #[must_use]
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// Everybody who is named, each once; an operator where a policy names nobody.
    #[must_use]
    pub fn approvers(&self) -> Vec<String> {
        let demands = self.requirements.iter().flat_map(Requirement::demands);
        let mut names = BTreeSet::new();
        for demand in demands {
            names.extend(demand.approvers.iter().cloned());
            if demand.approvers.is_empty() {
                names.insert(OPERATOR.to_owned());
            }
        }
        names.into_iter().collect()
    }

    /// What the deciding policies say (`@message`), in their order.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// How long to wait (`@timeout`, seconds), the shortest that a policy says.
    #[must_use]
    pub fn timeout_seconds(&self) -> Option<u64> {
        self.timeout_seconds
    }

    /// Ids of the policies that decided.
    #[must_use]
    pub fn deciding(&self) -> &[String] {
        &self.deciding
    }

    /// The version that judged.
    #[must_use]
    pub fn version(&self) -> &PolicyVersion {
        &self.version
    }

    /// What its permit will show clear.
    #[must_use]
    pub fn clear(&self) -> &Clear {
        &self.clear
    }

    /// Whether anything that is asked is this person's to answer.
    #[must_use]
    pub fn names(&self, person: &Approver) -> bool {
        let mut demands = self.requirements.iter().flat_map(Requirement::demands);
        demands.any(|demand| demand.names(person))
    }

    /// The permit, where the answers are enough: each bound to this very matter, by people of whom
    /// none asks for themselves, and together meeting every requirement.
    ///
    /// # Errors
    /// Why they are not.
    pub fn granted(&self, answers: &[Answer], matter: &Matter<'_>) -> Result<Permit, NotGranted> {
        let bindings =
            [Scope::Once, Scope::Session, Scope::Shape].map(|scope| self.binding(scope, matter));
        let mut people: Vec<&Approver> = Vec::new();
        for answer in answers {
            self.may_answer(&answer.by, matter.subject)?;
            if !bindings.contains(&Some(answer.to)) {
                return Err(NotGranted::OtherMatter {
                    by: answer.by.id().to_owned(),
                });
            }
            if !people.iter().any(|known| known.is_same_as(&answer.by)) {
                people.push(&answer.by);
            }
        }
        if self.requirements.is_empty() {
            return Err(NotGranted::Lacking {
                of: OPERATOR.to_owned(),
            });
        }
        for requirement in &self.requirements {
            if !requirement.is_met_by(&people) {
                return Err(NotGranted::Lacking {
                    of: requirement.describe(),
                });
            }
        }
        let by = people.iter().map(|person| person.id().to_owned());
        Ok(Permit::approved(
            self.version.clone(),
            self.deciding.clone(),
            self.clear.clone(),
            by.collect(),
        ))
    }

    /// Whether this person may have a say in what this subject asks.
    ///
    /// # Errors
    /// They are the subject or the person it acts for, or nothing that is asked names them.
    pub fn may_answer(&self, person: &Approver, subject: &Subject) -> Result<(), NotGranted> {
        let by = || person.id().to_owned();
        let themselves = [Some(&subject.id), subject.on_behalf_of.as_ref()];
        if themselves
            .into_iter()
            .flatten()
            .any(|name| person.is_called(name))
        {
            return Err(NotGranted::Oneself { by: by() });
        }
        if !self.names(person) {
            return Err(NotGranted::NotNamed { by: by() });
        }
        Ok(())
    }

    /// The permit to have a statement *parsed* whose execution asks: nothing runs by it, and what
    /// is bound to the statement is judged, and asks, itself.
    #[must_use]
    pub fn preparation(&self) -> Permit {
        Permit::preparing(
            self.version.clone(),
            self.deciding.clone(),
            self.clear.clone(),
        )
    }

    /// Who must answer, as a person reads it: `dba and (2 of lead, security)`.
    #[must_use]
    pub fn describe(&self) -> String {
        let all: Vec<String> = self
            .requirements
            .iter()
            .map(|requirement| requirement.describe())
            .collect();
        all.join(", and ")
    }
}

impl Requirement {
    /// As a person reads it.
    #[must_use]
    pub fn describe(&self) -> String {
        let demands: Vec<String> = self.0.iter().map(Demand::describe).collect();
        demands.join(" or ")
    }
}
