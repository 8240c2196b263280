//! Tables of texts and what they are read as, and properties of all texts.

mod beside;
mod bodies;
mod bounds;
mod decisions;
mod definitions;
mod hostile;
mod limits;
mod properties;
mod queries;
mod replication;
mod results;
mod skeletons;
mod spellings;
mod utilities;
mod writes;

use proptest::sample::Index;

use crate::model::{Access, Command, Control, Effect, Predicate, Statement};
use crate::sql::{Limits, statements};

/// Reads a text with the usual limits.
fn read(text: &str) -> Vec<Statement> {
    statements(text.as_bytes(), &Limits::default())
}

/// A text with pieces put in, each in the place of so many characters.
fn edited(text: &str, edits: Vec<(Index, usize, String)>) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for (at, cut, piece) in edits {
        let from = at.index(chars.len() + 1);
        let to = (from + cut).min(chars.len());
        chars.splice(from..to, piece.chars());
    }
    chars.into_iter().collect()
}

/// A statement in one line:
/// `verb predicate object:access… [* column…] function()… +effect… {control}`.
fn line(statement: &Statement) -> String {
    match statement {
        Statement::Opaque(opaque) => format!("opaque {}", snake(&format!("{:?}", opaque.reason))),
        Statement::Command(command) => command_line(command),
    }
}

fn command_line(command: &Command) -> String {
    let mut words = vec![command.verb.as_str().to_owned()];
    words.extend(match command.predicate {
        Predicate::NotApplicable => None,
        other => Some(snake(&format!("{other:?}"))),
    });
    let mut objects: Vec<String> = command
        .objects
        .iter()
        .map(|object| {
            let access = match object.access {
                Access::Read => "r",
                Access::Write => "w",
                Access::Define => "d",
            };
            let parts = [
                object.database.clone(),
                object.schema.clone(),
                Some(object.name.clone()),
            ];
            format!(
                "{}:{access}",
                parts.into_iter().flatten().collect::<Vec<_>>().join(".")
            )
        })
        .collect();
    objects.sort();
    words.extend(objects);
    let mut columns: Vec<&str> = command.columns.named.iter().map(String::as_str).collect();
    if command.columns.all {
        columns.insert(0, "*");
    }
    if !columns.is_empty() {
        words.push(format!("[{}]", columns.join(" ")));
    }
    words.extend(
        command
            .functions
            .iter()
            .map(|function| format!("{function}()")),
    );
    words.extend(
        command
            .effects
            .iter()
            .map(|effect: &Effect| format!("+{}", snake(&format!("{effect:?}")))),
    );
    words.extend(match &command.control {
        Control::None => None,
        Control::Prepare { name } => Some(format!("{{prepare {name}}}")),
        Control::Execute { name } => Some(format!("{{execute {name}}}")),
        Control::Deallocate { name } => {
            Some(format!("{{deallocate {}}}", name.as_deref().unwrap_or("*")))
        }
        Control::Declare { name } => Some(format!("{{declare {name}}}")),
        Control::Fetch { name } => Some(format!("{{fetch {name}}}")),
        Control::Close { name } => Some(format!("{{close {}}}", name.as_deref().unwrap_or("*"))),
        Control::Set { name, value } => {
            Some(format!("{{{name} = {}}}", value.as_deref().unwrap_or("?")))
        }
        Control::Discard => Some("{discard}".to_owned()),
        // Tried by tests of its own.
        Control::Copy(_) => None,
    });
    words.join(" ")
}

fn snake(camel: &str) -> String {
    let mut out = String::new();
    for c in camel.chars() {
        if c.is_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// Checks a table of texts and the lines that they are read as, one for each statement.
fn check(table: &[(&str, &str)]) {
    let wrong: Vec<String> = table
        .iter()
        .filter_map(|(text, expected)| {
            let met = read(text).iter().map(line).collect::<Vec<_>>().join("\n");
            let expected = expected
                .lines()
                .map(str::trim)
                .collect::<Vec<_>>()
                .join("\n");
            (met != expected).then(|| format!("{text}\n  expected {expected}\n  met      {met}"))
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
