//! Which sessions are wanted, and what that is in SQL.

use jiff::Timestamp;
use rusqlite::types::Value;
use serde::{Deserialize, Serialize};
use weir_record::SessionId;

use crate::text;

/// Which sessions are wanted. What is said of commands is asked of one and the same command.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wanted {
    /// Of this subject.
    pub subject: Option<String>,
    /// To this target.
    pub target: Option<String>,
    /// Of this workload.
    pub workload: Option<String>,
    /// With a command that was answered so; [`Answer::Deny`] includes sessions that were refused
    /// as a whole, unless more is asked of the command.
    pub verdict: Option<Answer>,
    /// With a command that names this table. Either name may be qualified further than the other:
    /// `public.people` finds a plain `people`, too, which may be that one.
    pub table: Option<String>,
    /// With a command that has this in its text or in what was sent beside it, whatever the case.
    pub text: Option<String>,
    /// Open, or with such a command, at this moment or later.
    pub since: Option<Timestamp>,
    /// Open, or with such a command, before this moment.
    pub until: Option<Timestamp>,
    /// Older than this one: the next page of a listing whose last session it is.
    pub before: Option<SessionId>,
    /// At most so many.
    pub limit: Option<usize>,
}

/// How policy answered a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It went on.
    Allow,
    /// It was refused.
    Deny,
    /// A human was asked.
    Ask,
    /// It went on only because its workload is observed.
    Observed,
}

impl Answer {
    /// As the index has it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Ask => "ask",
            Self::Observed => "observed",
        }
    }
}

/// Conditions on `sessions AS s`, and their values.
#[derive(Debug, Default)]
pub(crate) struct Conditions {
    pub(crate) sql: Vec<String>,
    pub(crate) values: Vec<Value>,
}

impl Conditions {
    fn add(&mut self, sql: impl Into<String>, values: impl IntoIterator<Item = Value>) {
        self.sql.push(sql.into());
        self.values.extend(values);
    }

    fn text(&mut self, sql: &str, value: Option<&String>) {
        if let Some(value) = value {
            self.add(sql, [Value::Text(value.clone())]);
        }
    }

    /// All of them.
    pub(crate) fn all(&self) -> String {
        if self.sql.is_empty() {
            return "TRUE".to_owned();
        }
        self.sql.join(" AND ")
    }
}

/// What `wanted` says, but for its page.
pub(crate) fn conditions(wanted: &Wanted) -> Conditions {
    let mut all = Conditions::default();
    all.text("s.subject = ?", wanted.subject.as_ref());
    all.text("s.target = ?", wanted.target.as_ref());
    all.text("s.workload = ?", wanted.workload.as_ref());
    if let Some(since) = wanted.since {
        all.add("s.last >= ?", [micros(since)]);
    }
    if let Some(until) = wanted.until {
        all.add("s.started < ?", [micros(until)]);
    }
    let of_one = of_one_command(wanted);
    if !of_one.sql.is_empty() {
        let found = format!(
            "s.number IN (SELECT c.session FROM commands AS c WHERE {})",
            of_one.all()
        );
        let whole =
            wanted.verdict == Some(Answer::Deny) && wanted.table.is_none() && wanted.text.is_none();
        let sql = if whole {
            format!("({found} OR s.refused)")
        } else {
            found
        };
        all.add(sql, of_one.values);
    }
    all
}

/// What one command must be.
fn of_one_command(wanted: &Wanted) -> Conditions {
    let mut one = Conditions::default();
    if let Some(verdict) = wanted.verdict {
        one.add("c.verdict = ?", [Value::Text(verdict.as_str().to_owned())]);
    }
    if let Some(table) = &wanted.table {
        named(&text::typed(table), &mut one);
    }
    if let Some(text) = &wanted.text {
        let text = text::fold(text);
        // Shorter ones have no trigram to look up.
        if text.chars().count() >= 3 {
            let phrase = format!("\"{}\"", text.replace('"', "\"\""));
            one.add(
                "c.number IN (SELECT rowid FROM texts WHERE texts MATCH ?)",
                [Value::Text(phrase)],
            );
        } else {
            one.add("instr(c.searched, ?) > 0", [Value::Text(text)]);
        }
    }
    if one.sql.is_empty() {
        return one;
    }
    if let Some(since) = wanted.since {
        one.add("c.last >= ?", [micros(since)]);
    }
    if let Some(until) = wanted.until {
        one.add("c.first < ?", [micros(until)]);
    }
    one
}

/// Names that end as this one does, or that this one ends as.
fn named(name: &str, one: &mut Conditions) {
    let parts = text::parts(name);
    let shorter: Vec<Value> = (0..parts.len())
        .filter_map(|from| parts.get(from..))
        .map(|parts| Value::Text(parts.join(".")))
        .collect();
    let marks = vec!["?"; shorter.len()].join(", ");
    let longer = format!(".{name}");
    let length = i64::try_from(longer.chars().count()).unwrap_or(i64::MAX);
    let last = Value::Text(text::last(name).to_owned());
    let values = [last]
        .into_iter()
        .chain(shorter)
        .chain([Value::Integer(-length), Value::Text(longer)]);
    one.add(
        format!(
            "c.number IN (SELECT command FROM objects WHERE last = ? AND (name IN ({marks}) OR substr(name, ?) = ?))"
        ),
        values,
    );
}

fn micros(at: Timestamp) -> Value {
    Value::Integer(at.as_microsecond())
}
