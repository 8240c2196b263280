//! What the server received, read from its own log.
//!
//! With `log_statement = all` a simple query and an execution are logged before they run; with
//! `log_min_duration_statement = 0` a parse and a bind are logged when they are done. All of it is
//! written before the client gets its answer, so a test that has its answer sees everything here.
//!
//! Known limits: a statement whose parse is refused is known from the error it caused, and only if
//! it isn't the text that the same connection sent just before.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use crate::Result;
use crate::error::At;

/// How a statement's text arrived at the server, or what was done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A simple query; its text may hold several statements.
    Query,
    /// An extended-protocol parse that the server accepted.
    Parse,
    /// A bind of what was parsed before.
    Bind,
    /// An execution of what was parsed before.
    Execute,
    /// The server refused it before running any of it.
    Rejected,
}

/// One statement as the server saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// What arrived.
    pub kind: Kind,
    /// The role that sent it.
    pub user: String,
    /// Its text as it arrived, several lines where it had them.
    pub text: String,
}

/// Reads a server's log.
pub(super) fn read(log: &Path) -> Result<Vec<Statement>> {
    let bytes = fs::read(log).at("read", log)?;
    Ok(parse(&String::from_utf8_lossy(&bytes)))
}

/// One entry of the log, by `log_line_prefix = '%m [%p] %q%u@%d '`.
struct Entry<'a> {
    pid: &'a str,
    user: &'a str,
    severity: &'a str,
    message: String,
}

fn parse(log: &str) -> Vec<Statement> {
    let mut statements = Vec::new();
    // What each connection sent last, to tell what is refused from what failed while it ran.
    let mut last: HashMap<String, String> = HashMap::new();
    for entry in entries(log) {
        let Some((kind, text)) = classify(&entry) else {
            continue;
        };
        if kind == Kind::Rejected && last.get(entry.pid).is_some_and(|known| known == text) {
            continue;
        }
        last.insert(entry.pid.to_owned(), text.to_owned());
        statements.push(Statement {
            kind,
            user: entry.user.to_owned(),
            text: text.to_owned(),
        });
    }
    statements
}

/// The server indents each further line of a message by a tab, so no statement can forge an entry.
fn entries(log: &str) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    for line in log.split_terminator('\n') {
        if let Some(continued) = line.strip_prefix('\t') {
            if let Some(entry) = entries.last_mut() {
                entry.message.push('\n');
                entry.message.push_str(continued);
            }
        } else if let Some(entry) = entry(line) {
            entries.push(entry);
        } else {
            // Not from a client's connection. An empty entry takes its further lines.
            entries.push(Entry {
                pid: "",
                user: "",
                severity: "",
                message: String::new(),
            });
        }
    }
    entries
}

fn entry(line: &str) -> Option<Entry<'_>> {
    let (_, rest) = line.split_once(" [")?;
    let (pid, rest) = rest.split_once("] ")?;
    let (session, rest) = rest.split_once(' ')?;
    let (user, _database) = session.split_once('@')?;
    let (severity, message) = rest.split_once(":  ")?;
    Some(Entry {
        pid,
        user,
        severity,
        message: message.to_owned(),
    })
}

fn classify<'a>(entry: &'a Entry<'_>) -> Option<(Kind, &'a str)> {
    match entry.severity {
        "STATEMENT" => Some((Kind::Rejected, &entry.message)),
        "LOG" => {
            if let Some(text) = entry.message.strip_prefix("statement: ") {
                return Some((Kind::Query, text));
            }
            if let Some(text) = entry.message.strip_prefix("execute ") {
                return Some((Kind::Execute, after_name(text)?));
            }
            // `duration: 0.1 ms  parse NAME: TEXT`. Without a step it is the end of what was logged
            // before.
            let (_, step) = entry
                .message
                .strip_prefix("duration: ")?
                .split_once(" ms  ")?;
            if let Some(text) = step.strip_prefix("parse ") {
                Some((Kind::Parse, after_name(text)?))
            } else {
                Some((Kind::Bind, after_name(step.strip_prefix("bind ")?)?))
            }
        }
        _ => None,
    }
}

/// `NAME: TEXT`. A prepared statement's name that holds a colon and a space would cut it too early;
/// no driver gives such a name.
fn after_name(text: &str) -> Option<&str> {
    text.split_once(": ").map(|(_name, text)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(log: &str) -> Vec<(Kind, String)> {
        parse(log)
            .into_iter()
            .map(|statement| (statement.kind, statement.text))
            .collect()
    }

    #[test]
    fn a_statement_cannot_forge_an_entry() {
        let log = "2026-01-01 00:00:00.000 UTC [7] app@shop LOG:  statement: SELECT 1;\n\
                   \t2026-01-01 00:00:00.000 UTC [8] app@shop LOG:  statement: DROP TABLE people\n";
        assert_eq!(
            kinds(log),
            [(
                Kind::Query,
                "SELECT 1;\n2026-01-01 00:00:00.000 UTC [8] app@shop LOG:  statement: DROP TABLE people"
                    .to_owned()
            )]
        );
    }

    #[test]
    fn a_failure_while_running_is_not_a_second_arrival() {
        let log = "2026-01-01 UTC [7] app@shop LOG:  statement: SELECT 1/0\n\
                   2026-01-01 UTC [7] app@shop ERROR:  division by zero\n\
                   2026-01-01 UTC [7] app@shop STATEMENT:  SELECT 1/0\n\
                   2026-01-01 UTC [7] app@shop ERROR:  syntax error at or near \"SELEC\" at character 1\n\
                   2026-01-01 UTC [7] app@shop STATEMENT:  SELEC\n\
                   \t  1\n";
        assert_eq!(
            kinds(log),
            [
                (Kind::Query, "SELECT 1/0".to_owned()),
                (Kind::Rejected, "SELEC\n  1".to_owned())
            ]
        );
    }

    #[test]
    fn a_refusal_on_one_connection_is_not_excused_by_the_same_text_on_another() {
        let log = "2026-01-01 UTC [7] app@shop LOG:  statement: SELEC\n\
                   2026-01-01 UTC [8] app@shop STATEMENT:  SELEC\n";
        assert_eq!(parse(log).len(), 2);
    }

    #[test]
    fn the_extended_protocol_is_told_apart_step_by_step() {
        let log = "2026-01-01 UTC [7] app@shop LOG:  duration: 0.103 ms  parse s1: SELECT $1::int\n\
                   2026-01-01 UTC [7] app@shop LOG:  duration: 0.050 ms  bind s1/p: SELECT $1::int\n\
                   2026-01-01 UTC [7] app@shop DETAIL:  parameters: $1 = '3'\n\
                   2026-01-01 UTC [7] app@shop LOG:  execute s1/p: SELECT $1::int\n\
                   2026-01-01 UTC [7] app@shop DETAIL:  parameters: $1 = '3'\n\
                   2026-01-01 UTC [7] app@shop LOG:  duration: 0.010 ms\n\
                   2026-01-01 UTC [9] LOG:  statement: not from a client\n\
                   \tcontinued\n";
        let text = || "SELECT $1::int".to_owned();
        assert_eq!(
            kinds(log),
            [
                (Kind::Parse, text()),
                (Kind::Bind, text()),
                (Kind::Execute, text())
            ]
        );
    }
}
