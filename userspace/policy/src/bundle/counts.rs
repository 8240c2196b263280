//! What policies look at of how many rows there are: what nobody looks at isn't asked for, and
//! makes no verdict differ from another.

use serde_json::Value;
use weir_command::{RowLimit, Statement, Verb};

use super::cedar::looks_at;
use crate::{Policies, judge::Facts};

/// What one policy looks at, or any of a bundle.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// `context.row_limit`.
    pub(crate) limits: bool,
    /// `context.gathers_rows`.
    pub(crate) gathers: bool,
    /// `context.estimated_rows`.
    pub(super) estimates: bool,
    /// The same in a template, whatever it is about once it is granted.
    granted: bool,
}

impl Counts {
    /// Notes what a policy in Cedar's JSON form looks at, and says it.
    pub(super) fn note(&mut self, policy: &Value) -> Self {
        let own = Self {
            limits: looks_at(policy, "row_limit"),
            gathers: looks_at(policy, "gathers_rows"),
            estimates: looks_at(policy, "estimated_rows"),
            granted: false,
        };
        self.limits |= own.limits;
        self.gathers |= own.gathers;
        self.estimates |= own.estimates;
        own
    }

    /// Notes what a template looks at.
    pub(super) fn note_template(&mut self, template: &Value) {
        self.granted |= self.note(template).estimates;
    }
}

/// Whether a planner can tell of how many rows a message is: of one query or change of rows alone.
pub(crate) fn is_planned(statements: &[Statement]) -> bool {
    let [Statement::Command(command)] = statements else {
        return false;
    };
    matches!(
        command.verb,
        Verb::Select | Verb::Insert | Verb::Update | Verb::Delete | Verb::Merge
    ) && !command.copies_out()
}

impl Policies {
    /// The number of the parameter whose value limits a message's answer, where a policy looks at the
    /// limit.
    #[must_use]
    pub fn limiting_parameter(&self, statements: &[Statement]) -> Option<u16> {
        match statements {
            [Statement::Command(command)] if self.rules.counts.limits => match command.row_limit {
                RowLimit::Parameter(number) => Some(number),
                RowLimit::Unknown | RowLimit::AtMost(_) => None,
            },
            _ => None,
        }
    }

    /// Whether a policy looks at how many rows a message will return or change. Only of one query or
    /// change of rows by itself can that be told.
    #[must_use]
    pub fn wants_estimate(&self, statements: &[Statement]) -> bool {
        if !self.rules.counts.estimates {
            return false;
        }
        let [statement @ Statement::Command(command)] = statements else {
            return false;
        };
        let facts = Facts::of(statement);
        let uses = command.objects.iter().map(|o| facts.action_on(o.access));
        let mut actions = std::iter::once(facts.action()).chain(uses);
        is_planned(statements)
            && (self.rules.counts.granted
                || actions.any(|action| {
                    let action = self.vocabulary.action(action);
                    action.is_none_or(|action| self.rules.estimating.speak_of(action))
                }))
    }
}
