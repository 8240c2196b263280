//! Why a verdict is what it is, and what would have changed it.
//!
//! Job: judge a message again, then with one thing changed at a time, and say which change alone
//! leads to another answer. Nothing here decides anything: it makes no permit that leaves it.
//!
//! Known limits: two things that must change together are not found; the columns that are masked
//! are taken away at once, as no single one of them would do.

use std::collections::BTreeSet;

use serde::Serialize;
use weir_command::{ColumnUse, Command, Control, Effect, Predicate, RowLimit, Statement, Verb};

use crate::{Asking, Context, Mode, Policies, Subject, Verdict, WouldBe, bundle::Counts};

mod facts;
mod lookup;

#[cfg(test)]
mod tests;

pub use facts::Facts;
pub use lookup::LookupFacts;

/// Most changes that are tried.
const MAX_CHANGES: usize = 200;

/// What was decided, by what, from what, and what would have changed it: of a message, or of a
/// question to the DNS ([`LookupFacts`]).
#[derive(Clone, Debug, Serialize)]
pub struct Explanation<F = Facts> {
    /// The version that judged.
    pub version: String,
    /// The answer.
    #[serde(flatten)]
    pub answer: Ruling,
    /// The policies that decided.
    pub deciding: Vec<Deciding>,
    /// What was judged.
    pub facts: F,
    /// Each single change that was tried.
    pub changes: Vec<Change>,
}

/// A verdict in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ruling {
    /// `allow`, `ask` or `deny`; of an observed workload what would have been.
    pub answer: &'static str,
    /// The command goes on nevertheless, since its workload is only observed.
    pub observed: bool,
    /// Of a deny.
    pub rule: Option<String>,
    /// What the policies say.
    pub message: Option<String>,
    /// Of an ask.
    pub approvers: Vec<String>,
    /// Ids of the policies that decided.
    pub policies: Vec<String>,
}

/// A policy that decided, as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deciding {
    /// Its id.
    pub id: String,
    /// `permit` or `forbid`.
    pub effect: String,
    /// Its source's name.
    pub file: String,
    /// The line on which it begins.
    pub line: usize,
    /// All of it.
    pub text: String,
}

/// One thing changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What: "without the effect `destroy`".
    pub change: String,
    /// What the answer is then.
    pub answer: &'static str,
    /// By which rule, where it is a deny.
    pub rule: Option<String>,
    /// Whether that is another answer.
    pub flips: bool,
}

impl Ruling {
    /// Of a verdict.
    #[must_use]
    pub fn of(verdict: &Verdict) -> Self {
        let answer = |answer, policies: &[String]| Self {
            answer,
            observed: false,
            rule: None,
            message: None,
            approvers: Vec::new(),
            policies: policies.to_vec(),
        };
        match verdict {
            Verdict::Allow(permit) => match permit.would_be() {
                None => answer("allow", permit.deciding()),
                Some(WouldBe::Ask(ask)) => Self {
                    observed: true,
                    ..Self::of(&Verdict::Ask(ask.clone()))
                },
                Some(WouldBe::Deny(refusal)) => Self {
                    observed: true,
                    ..Self::of(&Verdict::Deny(refusal.clone()))
                },
            },
            Verdict::Ask(ask) => Self {
                message: ask.message().map(str::to_owned),
                approvers: ask.approvers(),
                ..answer("ask", ask.deciding())
            },
            Verdict::Deny(refusal) => Self {
                rule: Some(refusal.rule.clone()),
                message: Some(refusal.message.clone()),
                ..answer("deny", &refusal.deciding)
            },
        }
    }
}

/// What came of each change, against the answer that there is.
struct Trials<'a> {
    answer: &'a Ruling,
    changes: Vec<Change>,
}

impl<'a> Trials<'a> {
    fn of(answer: &'a Ruling) -> Self {
        let changes = Vec::new();
        Self { answer, changes }
    }

    fn tell(&mut self, change: String, then: Ruling) {
        if self.changes.len() < MAX_CHANGES {
            self.changes.push(Change {
                change,
                flips: then.answer != self.answer.answer,
                answer: then.answer,
                rule: then.rule,
            });
        }
    }
}

/// What is judged again.
#[derive(Clone)]
struct Trial<'a> {
    asking: Asking<'a>,
    statements: &'a [Statement],
}

impl Trial<'_> {
    fn of(self, policies: &Policies) -> Ruling {
        let verdict = policies.judge_message(Mode::Enforce, self.asking, self.statements);
        Ruling::of(&verdict)
    }
}

impl Policies {
    /// Explains the verdict on a message.
    #[must_use]
    pub fn explain(&self, mode: Mode, asking: Asking<'_>, statements: &[Statement]) -> Explanation {
        let verdict = self.judge_message(mode, asking, statements);
        let answer = Ruling::of(&verdict);
        Explanation {
            version: self.version().to_string(),
            deciding: self.written(&answer.policies),
            facts: self.facts(asking, statements),
            changes: self.changes(asking, statements, &answer),
            answer,
        }
    }

    /// How the policies with these ids are written.
    #[must_use]
    pub fn written(&self, ids: &[String]) -> Vec<Deciding> {
        let written = ids.iter().filter_map(|id| {
            let rule = self.rules.about(id)?;
            Some(Deciding {
                id: id.clone(),
                effect: rule.effect.to_string(),
                file: rule.written.file.clone(),
                line: rule.written.line,
                text: rule.written.text.clone(),
            })
        });
        written.collect()
    }

    fn changes(
        &self,
        asking: Asking<'_>,
        statements: &[Statement],
        answer: &Ruling,
    ) -> Vec<Change> {
        let mut trials = Trials::of(answer);
        let mut tell = |change, then| trials.tell(change, then);
        if answer.answer == "ask" {
            let yes = Ruling {
                answer: "allow",
                rule: None,
                ..answer.clone()
            };
            tell("with a human's yes".to_owned(), yes);
        }
        for (change, changed) in of_statements(statements, self.rules.counts) {
            let trial = Trial {
                asking,
                statements: &changed,
            };
            tell(change, trial.of(self));
        }
        for (change, subject) in self.of_subject(asking.subject) {
            let asking = Asking {
                subject: &subject,
                ..asking
            };
            tell(change, Trial { asking, statements }.of(self));
        }
        for (change, context) in of_context(asking.context) {
            let asking = Asking {
                context: &context,
                ..asking
            };
            tell(change, Trial { asking, statements }.of(self));
        }
        for id in &answer.policies {
            let without = self.without(id);
            let change = format!("without the policy `{id}`");
            tell(change, Trial { asking, statements }.of(&without));
        }
        trials.changes
    }

    fn of_subject(&self, subject: &Subject) -> Vec<(String, Subject)> {
        let mut changed = Vec::new();
        for group in &self.rules.groups {
            let mut other = subject.clone();
            if subject.groups.contains(group) {
                other.groups.retain(|own| own != group);
                changed.push((format!("outside of the group `{group}`"), other));
            } else {
                other.groups.push(group.clone());
                changed.push((format!("in the group `{group}`"), other));
            }
        }
        if subject.on_behalf_of.is_some() {
            let alone = Subject {
                on_behalf_of: None,
                ..subject.clone()
            };
            changed.push(("on nobody's behalf".to_owned(), alone));
        }
        changed
    }
}

fn of_context(context: &Context) -> Vec<(String, Context)> {
    let change = if context.in_transaction {
        "outside of a transaction"
    } else {
        "in a transaction"
    };
    let other = Context {
        in_transaction: !context.in_transaction,
        ..context.clone()
    };
    let mut changed = vec![(change.to_owned(), other)];
    if context.rows.estimated.is_some() {
        let mut other = context.clone();
        other.rows.estimated = Some(0);
        changed.push(("with no rows estimated".to_owned(), other));
    }
    for signal in &context.signals {
        let mut other = context.clone();
        other.signals.remove(signal);
        changed.push((format!("without the signal `{signal}`"), other));
    }
    changed
}

/// Changes of what is asked. Each is made to all statements alike.
fn of_statements(statements: &[Statement], counts: Counts) -> Vec<(String, Vec<Statement>)> {
    let commands = || {
        statements.iter().filter_map(|statement| match statement {
            Statement::Command(command) => Some(command.as_ref()),
            Statement::Opaque(_) => None,
        })
    };
    let mut changed = Vec::new();
    let unlimited = [Predicate::Absent, Predicate::Trivial];
    if commands().any(|command| unlimited.contains(&command.predicate)) {
        changed.push((
            "with a WHERE that names a column".to_owned(),
            each(statements, |command| {
                if unlimited.contains(&command.predicate) {
                    command.predicate = Predicate::Present;
                }
            }),
        ));
    }
    let effects: BTreeSet<Effect> = commands().flat_map(|c| c.effects.iter().copied()).collect();
    for effect in effects {
        changed.push((
            format!("without the effect `{}`", crate::judge::effect_name(effect)),
            each(statements, |command| {
                command.effects.remove(&effect);
            }),
        ));
    }
    let functions: BTreeSet<&String> = commands().flat_map(|command| &command.functions).collect();
    for function in functions {
        changed.push((
            format!("without the function `{}`", function.escape_debug()),
            each(statements, |command| {
                command.functions.remove(function);
            }),
        ));
    }
    if commands().any(|command| command.columns != ColumnUse::default()) {
        changed.push((
            "naming no column, and not `*`".to_owned(),
            each(statements, |command| command.columns = ColumnUse::default()),
        ));
    }
    let limited = |command: &Command| command.row_limit == RowLimit::AtMost(1);
    let select = |command: &Command| command.verb == Verb::Select && !limited(command);
    if counts.limits && commands().any(select) {
        changed.push((
            "with LIMIT 1".to_owned(),
            each(statements, |command| {
                if command.verb == Verb::Select {
                    command.row_limit = RowLimit::AtMost(1);
                }
            }),
        ));
    }
    if counts.gathers && commands().any(|command| command.gathers) {
        changed.push((
            "gathering no rows in one".to_owned(),
            each(statements, |command| command.gathers = false),
        ));
    }
    if commands().any(|command| matches!(command.control, Control::Set { .. })) {
        changed.push((
            "without the setting".to_owned(),
            each(statements, |command| command.control = Control::None),
        ));
    }
    if statements.len() > 1 {
        for (number, statement) in statements.iter().enumerate() {
            changed.push((
                format!("statement {} alone", number + 1),
                vec![statement.clone()],
            ));
        }
    }
    changed
}

fn each(statements: &[Statement], change: impl Fn(&mut Command)) -> Vec<Statement> {
    let mut statements = statements.to_vec();
    for statement in &mut statements {
        if let Statement::Command(command) = statement {
            change(command);
        }
    }
    statements
}
