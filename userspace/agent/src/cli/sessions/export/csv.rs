//! A line a command, for spreadsheets (RFC 4180).
//!
//! A cell that a spreadsheet would take for a formula begins with a `'`: what an agent sent must not
//! run where somebody looks at it.

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
};

use weir_record::{Entry, Event, Intent, Outcome, Seq, SessionStart, Status, VerdictSummary};

use super::{Form, Masks, Sink};
use crate::cli::moment;

const HEADINGS: &[&str] = &[
    "session",
    "started",
    "workload",
    "subject",
    "target",
    "destination",
    "database",
    "seq",
    "time",
    "verdict",
    "rule",
    "verbs",
    "objects",
    "text",
    "parameters",
    "status",
    "code",
    "rows",
    "masked",
    "bytes",
    "micros",
    "policy_version",
];

/// The form, and where it is.
#[derive(Default)]
pub(super) struct Table {
    session: Option<SessionStart>,
    database: String,
    /// Commands whose outcome is to come.
    pending: BTreeMap<Seq, Intent>,
}

impl Table {
    fn line(&self, intent: &Intent, outcome: Option<&Outcome>, sink: &mut Sink) -> io::Result<()> {
        let Some(start) = &self.session else {
            return Ok(());
        };
        let (verdict, rule) = told(&intent.verdict);
        let verbs: Vec<&str> = intent.statements.iter().map(|s| s.verb.as_str()).collect();
        let objects = intent.statements.iter().flat_map(|s| &s.objects);
        let objects: Vec<&str> = objects.map(String::as_str).collect();
        let sent = intent.parameters.iter();
        let sent: Vec<&str> = sent.map(|one| one.as_deref().unwrap_or("NULL")).collect();
        let (status, code) = outcome.map_or(("", ""), |outcome| became(&outcome.status));
        let count = |of: fn(&Outcome) -> u64| {
            outcome.map_or_else(String::new, |outcome| of(outcome).to_string())
        };
        row(
            &[
                &start.id.to_string(),
                &start.started.to_string(),
                &start.workload,
                &start.subject,
                start.target.as_deref().unwrap_or_default(),
                &start.destination,
                &self.database,
                &intent.seq.to_string(),
                &moment::after(start.started, intent.at).to_string(),
                verdict,
                rule,
                &verbs.join(" "),
                &objects.join("; "),
                &intent.text,
                &sent.join("; "),
                status,
                code,
                &count(|outcome| outcome.rows),
                &count(|outcome| outcome.masked),
                &count(|outcome| outcome.bytes),
                &count(|outcome| outcome.micros),
                &intent.policy_version,
            ],
            sink,
        )
    }
}

impl Form for Table {
    fn begin(&mut self, sink: &mut Sink) -> io::Result<()> {
        row(HEADINGS, sink)
    }

    fn session(&mut self, start: &SessionStart, _: Masks, _: &mut Sink) -> io::Result<()> {
        *self = Self {
            session: Some(start.clone()),
            ..Self::default()
        };
        Ok(())
    }

    fn entry(&mut self, entry: Entry, _: i64, sink: &mut Sink) -> io::Result<()> {
        match entry {
            Entry::Event(Event::Opened { database, .. }) => self.database = database,
            Entry::Event(Event::Intent(intent)) => {
                self.pending.insert(intent.seq, intent);
            }
            Entry::Event(Event::Outcome { seq, outcome }) => {
                if let Some(intent) = self.pending.remove(&seq) {
                    self.line(&intent, Some(&outcome), sink)?;
                }
            }
            Entry::Event(_) | Entry::Response { .. } | Entry::Request { .. } => {}
        }
        Ok(())
    }

    fn over(&mut self, sink: &mut Sink) -> io::Result<()> {
        let pending = std::mem::take(&mut self.pending);
        pending
            .values()
            .try_for_each(|intent| self.line(intent, None, sink))
    }
}

fn told(verdict: &VerdictSummary) -> (&'static str, &str) {
    match verdict {
        VerdictSummary::Allow { would_be: None, .. } => ("allow", ""),
        VerdictSummary::Allow {
            would_be: Some(would_be),
            ..
        } => ("observed", told(would_be).1),
        VerdictSummary::Deny { rule, .. } => ("deny", rule),
        VerdictSummary::Ask { .. } => ("ask", ""),
    }
}

fn became(status: &Status) -> (&'static str, &str) {
    match status {
        Status::Completed { .. } => ("completed", ""),
        Status::Failed { code, .. } => ("failed", code),
        Status::Refused => ("refused", ""),
        Status::Skipped => ("skipped", ""),
        Status::Lost => ("lost", ""),
    }
}

fn row(cells: &[&str], sink: &mut Sink) -> io::Result<()> {
    let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
    write!(sink.0, "{}\r\n", cells.join(","))
}

/// One cell, in quotes where it must be. What a terminal would act on is spelt out.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let mut cell = String::with_capacity(text.len() + 3);
    if formula {
        cell.push('\'');
    }
    for c in text.chars() {
        match c {
            '"' => cell.push_str("\"\""),
            '\n' | '\r' | '\t' => cell.push(c),
            c if crate::cli::escape::is_hazard(c) => cell.extend(c.escape_unicode()),
            c => cell.push(c),
        }
    }
    if cell.contains(['"', ',', '\n', '\r', '\t', '\'', ';']) {
        return format!("\"{cell}\"");
    }
    cell
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_neither_a_formula_nor_more_than_one_cell() {
        for (text, expected) in [
            ("SELECT 1", "SELECT 1"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("=cmd|' /C calc'!A0", "\"'=cmd|' /C calc'!A0\""),
            ("@SUM(1)", "\"'@SUM(1)\""),
            ("-1+1", "\"'-1+1\""),
            ("\t=1", "\"'\t=1\""),
            ("a\r\n=1", "\"a\r\n=1\""),
            ("\u{1b}[2J", "\\u{1b}[2J"),
        ] {
            assert_eq!(cell(text), expected, "{text:?}");
        }
    }
}
