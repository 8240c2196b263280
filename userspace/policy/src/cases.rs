//! Test cases for policies: who asks for what, and what the answer must be.
//!
//! Job: read cases from TOML, and judge them by a bundle. Not its job: finding the files, and
//! telling people (the agent's `cli`).
//!
//! Known limits: a case is one message or one look-up by itself. What a session carries from one
//! command to the next is stated by the case (`in_transaction`), not played.

use weir_command::{ColumnUse, Command, Control, Predicate, Statement, Verb, sql};

use crate::{
    Asking, Context, DataClass, Diagnostics, Lookup, LookupContext, Mode, Policies, Ruling, Source,
    Subject, Target, Verdict, bundle,
};

mod check;
mod raw;

#[cfg(test)]
mod tests;

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its source's name.
    pub file: String,
    /// The line on which it begins.
    pub line: usize,
    /// What it is called: its `name`, or what is asked.
    pub name: String,
    subject: Subject,
    asked: Asked,
    expected: Expected,
}

#[derive(Clone, Debug)]
enum Asked {
    Message {
        target: Target,
        context: Context,
        statements: Vec<Statement>,
    },
    Name {
        host: String,
        record_type: String,
        context: LookupContext,
    },
}

/// What a case demands. What it doesn't mention may be anything.
#[derive(Clone, Debug)]
struct Expected {
    answer: &'static str,
    rule: Option<String>,
    approvers: Option<Vec<String>>,
    policies: Option<Vec<String>>,
    clear: Vec<DataClass>,
    masked: Vec<DataClass>,
}

/// What became of a case.
#[derive(Clone, Debug)]
pub struct Tried {
    /// What the policies say.
    pub got: Ruling,
    /// Where that is not what the case demands; none when it holds.
    pub failures: Vec<String>,
}

impl Case {
    /// Reads the cases of one source.
    ///
    /// # Errors
    /// Everything that is wrong with them, each with its place.
    pub fn read(source: &Source) -> Result<Vec<Self>, Diagnostics> {
        check::read(source)
    }

    /// The cases of the shipped policies.
    #[must_use]
    pub fn shipped_sources() -> Vec<Source> {
        bundle::shipped_cases()
    }
}

impl Policies {
    /// Judges one case.
    #[must_use]
    pub fn try_case(&self, case: &Case) -> Tried {
        let (verdict, shown) = match &case.asked {
            Asked::Message {
                target,
                context,
                statements,
            } => {
                let asking = Asking {
                    subject: &case.subject,
                    target,
                    context,
                };
                let verdict = self.judge_message(Mode::Enforce, asking, statements);
                (verdict, self.clear(&case.subject, target, context))
            }
            Asked::Name {
                host,
                record_type,
                context,
            } => {
                let lookup = Lookup {
                    subject: &case.subject,
                    host,
                    record_type,
                    context,
                };
                (self.judge_lookup(&lookup), Default::default())
            }
        };
        let got = Ruling::of(&verdict);
        let mut failures = case.expected.differs(&got, &verdict);
        let Expected { clear, masked, .. } = &case.expected;
        for (classes, expected) in [(clear, true), (masked, false)] {
            for class in classes {
                if !self.masking().classes().any(|known| known == class) {
                    failures.push(format!("no data class is called `{class}`"));
                } else if shown.shows(class) != expected {
                    let (wanted, is) = if expected {
                        ("clear", "masked")
                    } else {
                        ("masked", "clear")
                    };
                    failures.push(format!("expected {class} {wanted}, it is {is}"));
                }
            }
        }
        Tried { got, failures }
    }
}

impl Expected {
    fn differs(&self, got: &Ruling, verdict: &Verdict) -> Vec<String> {
        let mut failures = Vec::new();
        if self.answer != got.answer {
            failures.push(format!("expected {}, got {}", self.answer, told(got)));
            return failures;
        }
        if let Some(rule) = &self.rule
            && got.rule.as_ref() != Some(rule)
        {
            failures.push(format!("expected the rule {rule}, got {}", told(got)));
        }
        if let Some(approvers) = &self.approvers
            && let Verdict::Ask(ask) = verdict
            && !same(approvers, &ask.approvers())
        {
            failures.push(format!(
                "expected the approvers {}, got {}",
                list(approvers),
                list(&ask.approvers())
            ));
        }
        if let Some(policies) = &self.policies
            && !same(policies, &got.policies)
        {
            failures.push(format!(
                "expected the policies {} to decide, got {}",
                list(policies),
                list(&got.policies)
            ));
        }
        failures
    }
}

fn same(one: &[String], other: &[String]) -> bool {
    one.len() == other.len() && one.iter().all(|name| other.contains(name))
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "nobody".to_owned();
    }
    names.join(", ")
}

/// An answer on one line.
fn told(got: &Ruling) -> String {
    let mut text = got.answer.to_owned();
    if let Some(rule) = &got.rule {
        text.push_str(" by ");
        text.push_str(rule);
    }
    if let Some(message) = &got.message {
        text.push_str(": ");
        text.push_str(message);
    }
    text
}

/// What opening a session is.
fn connect() -> Statement {
    Statement::Command(Box::new(Command {
        verb: Verb::Connect,
        objects: Vec::new(),
        columns: ColumnUse::default(),
        predicate: Predicate::NotApplicable,
        effects: Default::default(),
        functions: Default::default(),
        operators: Default::default(),
        row_limit: Default::default(),
        gathers: false,
        control: Control::None,
    }))
}

fn statements(text: &str) -> Vec<Statement> {
    sql::statements(text.as_bytes(), &sql::Limits::default())
}
