//! What weir read in a command, in words for who approves it.

use serde::{Deserialize, Serialize};
use weir_command::{Access, Command, Effect, Object, Predicate, Statement};

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// What it asks for: `delete`; or `opaque`.
    pub verb: String,
    /// What it names and how it uses it: `write public.refunds`.
    pub objects: Vec<String>,
    /// What it does beside: `derives`, `dynamic_code` …
    pub effects: Vec<String>,
    /// Whether a condition limits the rows: `present`, `missing` …; nothing where there is none to
    /// have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicate: Option<String>,
    /// The functions that it calls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<String>,
    /// Why it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
}

impl From<&Statement> for Facts {
    fn from(statement: &Statement) -> Self {
        match statement {
            Statement::Command(command) => Self::of(command),
            Statement::Opaque(opaque) => Self {
                verb: "opaque".to_owned(),
                objects: Vec::new(),
                effects: Vec::new(),
                predicate: None,
                functions: Vec::new(),
                unread: Some(opaque.detail.clone()),
            },
        }
    }
}

impl Facts {
    fn of(command: &Command) -> Self {
        Self {
            verb: command.verb.as_str().to_owned(),
            objects: command.objects.iter().map(object).collect(),
            effects: command.effects.iter().map(effect).collect(),
            predicate: predicate(command.predicate),
            functions: command.functions.iter().cloned().collect(),
            unread: None,
        }
    }
}

fn object(object: &Object) -> String {
    let access = match object.access {
        Access::Read => "read",
        Access::Write => "write",
        Access::Define => "define",
    };
    let parts = [&object.database, &object.schema].into_iter().flatten();
    let path: String = parts.map(|part| format!("{part}.")).collect();
    format!("{access} {path}{}", object.name)
}

fn effect(effect: &Effect) -> String {
    snake(&format!("{effect:?}"))
}

fn predicate(predicate: Predicate) -> Option<String> {
    (predicate != Predicate::NotApplicable).then(|| snake(&format!("{predicate:?}")))
}

/// `DynamicCode` as `dynamic_code`, which is what policies call it.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}
