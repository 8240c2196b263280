//! SQL text in PostgreSQL's dialect to [`Statement`]s.
//!
//! Its job: to read a query string as the server would, or to say that it did not. The way of a
//! text: [`lex`] (the server's own lexer) → [`split`] (statements, and bounds on their depth) →
//! [`utility`] (statements read by hand) or [`respell`], [`parser`] and [`walk`] (queries, through
//! the parser crate) → [`facts`] → [`Command`](crate::Command). Wherever the reading could differ
//! from the server's, the result is [`Statement::Opaque`], never a guess.
//!
//! Not its job: to know the catalogue. Names are taken as written; what a view, a function, a
//! trigger or a `search_path` makes of them is for others.
//!
//! Known limits: see [`lex`], [`split`], [`walk`] and the module of each family of statements.

mod cursor;
mod facts;
mod function;
mod keyword;
mod lex;
mod made;
mod parser;
mod replication;
mod respell;
mod settings;
mod shape;
mod skeleton;
mod split;
#[cfg(test)]
mod tests;
mod tokens;
mod unread;
mod utility;
mod walk;

use crate::model::{Effect, Statement, Verb};
use facts::Facts;
use unread::Unread;

/// What one text may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest text that is parsed, in bytes.
    pub bytes: usize,
    /// Most statements in one text.
    pub statements: usize,
    /// Deepest nesting of parentheses and brackets.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 1 << 20,
            statements: 1000,
            depth: 50,
        }
    }
}

/// Reads a query string as the server would: every statement of it, in order, never fewer.
///
/// An empty string (or only comments and semicolons) is one [`Verb::Empty`].
/// What the grammar rejects makes the whole text one [`Statement::Opaque`], as the server refuses
/// a whole text for a mistake anywhere in it. A statement that is well formed, but of which weir
/// does not follow the meaning, is opaque by itself.
#[must_use]
pub fn statements(text: &[u8], limits: &Limits) -> Vec<Statement> {
    match read(text, limits) {
        Ok(statements) => statements,
        Err(unread) => vec![unread.into()],
    }
}

fn read(text: &[u8], limits: &Limits) -> Result<Vec<Statement>, Unread> {
    if text.len() > limits.bytes {
        return Err(Unread::TooLarge("the text is too long"));
    }
    let text = std::str::from_utf8(text).map_err(|_| Unread::Encoding("is not valid UTF-8"))?;
    if text.contains('\0') {
        return Err(Unread::Encoding("holds a NUL"));
    }
    let statements = split::split(lex::lex(text)?, limits)?;
    if statements.is_empty() {
        return Ok(vec![Facts::default().done(Verb::Empty)?]);
    }
    let mut read = Vec::with_capacity(statements.len());
    for statement in statements {
        let operators = tokens::operators(&statement);
        read.push(match utility::statement(statement) {
            Ok(Statement::Command(mut command)) => {
                command.operators = operators;
                Statement::Command(command)
            }
            Ok(opaque @ Statement::Opaque(_)) => opaque,
            Err(unread) if unread.is_of_the_whole_text() => return Err(unread),
            Err(unread) => unread.into(),
        });
    }
    Ok(read)
}

/// A text without its literals: what statements have in common that differ only in their values.
///
/// Two texts of one shape ask for the same, of the same objects, on the same condition, with other
/// values. `None` for what has no such shape: a text that is no query or change of rows, that could
/// not be read, or whose literals may be code. In a text that calls functions they stay, since they
/// may be code there, too.
#[must_use]
pub fn shape(text: &[u8], limits: &Limits) -> Option<String> {
    shape::of(text, limits)
}

/// Puts into `into` what `text` has in common with others that [`statements`] are the same of: all but values
/// that no reading looks at. False where that can't be told from its bytes alone.
///
/// It holds for texts that are read as commands to the end; what is opaque may say where in its text.
#[must_use]
pub fn skeleton(text: &[u8], into: &mut Vec<u8>) -> bool {
    skeleton::of(text, into)
}

/// Whether a function of this name, as the server or its usual extensions ship it, runs text that it is
/// given.
#[must_use]
pub fn runs_text(function: &str) -> bool {
    let dynamic = function::Trait::Has(Effect::DynamicCode);
    function::traits(function).contains(&dynamic)
}

/// The settings in the `options` parameter of a startup packet (`-c name=value --name=value`,
/// where a backslash keeps a space), as names in lower case and values; `None` where they can't be
/// read with certainty.
#[must_use]
pub fn startup_settings(options: &str) -> Option<Vec<(String, String)>> {
    settings::of_startup(options)
}

/// What `SET name = value` would be, or `RESET name` for no value: for startup parameters.
///
/// The same names are dangerous as in `SET`: a `role` is [`Verb::Assume`], and what changes how
/// later text is read is opaque. A session may begin in another encoding than UTF-8, where that has
/// ASCII's bytes for ASCII's characters alone: whoever reads its texts knows by which.
#[must_use]
pub fn setting(name: &str, value: Option<&str>) -> Statement {
    settings::of_session(name, value).unwrap_or_else(Statement::from)
}

/// Reads a text as a server does in a session of streaming replication. `None` for what such a
/// server reads as SQL: that is for [`statements`].
#[must_use]
pub fn replication_command(text: &[u8]) -> Option<Statement> {
    replication::command(text)
}

/// The opening of a session of streaming replication.
#[must_use]
pub fn replication_session() -> Statement {
    Facts::default()
        .done(Verb::Replicate)
        .unwrap_or_else(Statement::from)
}

/// The protocol's fast-path function call, which names its function by a number that says nothing.
#[must_use]
pub fn function_call() -> Statement {
    let mut facts = Facts::default();
    facts.has([Effect::DynamicCode]);
    facts
        .done(Verb::FunctionCall)
        .unwrap_or_else(Statement::from)
}
