//! What is written to cases that make sense.

use std::ops::Range;

use toml::Spanned;

use super::{
    Asked, Case, Expected, connect,
    raw::{self, Answer},
    statements,
};
use crate::{
    Context, Diagnostic, Diagnostics, LookupContext, Moment, Program, RowCounts, Severity, Source,
    Subject, Target, Weekday,
    bundle::{is_host, is_planned},
};

use weir_command::{RowLimit, Statement, sql};

pub(super) fn read(source: &Source) -> Result<Vec<Case>, Diagnostics> {
    let error = |span: Range<usize>, message: String| {
        Diagnostic::at(Severity::Error, source, span, message, None)
    };
    let file: raw::File = toml::from_str(&source.text).map_err(|found| {
        let span = found.span().unwrap_or_default();
        Diagnostics(vec![error(span, found.message().to_owned())])
    })?;
    let mut found = Vec::new();
    let mut cases = Vec::new();
    for written in file.case {
        let span = written.span();
        match case(source, &span, written.into_inner(), &file.defaults) {
            Ok(case) => cases.push(case),
            Err(Wrong { at, what }) => found.push(error(at.unwrap_or(span), what)),
        }
    }
    if found.is_empty() {
        Ok(cases)
    } else {
        Err(Diagnostics(found))
    }
}

/// What is wrong with a case, and where it is not all of it.
struct Wrong {
    at: Option<Range<usize>>,
    what: String,
}

fn wrong<T>(at: Option<Range<usize>>, what: impl Into<String>) -> Result<T, Wrong> {
    let what = what.into();
    Err(Wrong { at, what })
}

fn case(
    source: &Source,
    span: &Range<usize>,
    written: raw::Case,
    defaults: &raw::Defaults,
) -> Result<Case, Wrong> {
    let or = |own: &Option<String>, default: &Option<String>, last: &str| {
        let named = own.as_ref().or(default.as_ref());
        named.map_or(last, String::as_str).to_owned()
    };
    let groups = written.groups.as_ref().or(defaults.groups.as_ref());
    let subject = Subject {
        id: or(&written.subject, &defaults.subject, "unix:agent"),
        groups: groups.cloned().unwrap_or_default(),
        on_behalf_of: written.on_behalf_of.clone(),
    };
    let workload = or(&written.workload, &defaults.workload, "agent");
    let expected = expected(&written)?;
    let of_names = [
        written.record_type.as_ref().map(Spanned::span),
        written.declared.as_ref().map(Spanned::span),
        written.names_per_minute.as_ref().map(Spanned::span),
    ];
    let of_statements = [
        written.row_limit.as_ref().map(Spanned::span),
        written.estimated_rows.as_ref().map(Spanned::span),
    ];
    let (name, asked) = if let Some(lookup) = &written.lookup {
        let host = lookup.get_ref();
        if written.command.is_some()
            || written.replication.is_some()
            || written.connect
            || written.function_call
        {
            return wrong(None, "a case asks one thing: a command or a lookup");
        }
        if !is_host(host) {
            let what = "a name is looked up in lower case, without the final dot";
            return wrong(Some(lookup.span()), what);
        }
        if let Some(at) = of_statements.into_iter().flatten().next() {
            return wrong(Some(at), "this is about a command, and the case has none");
        }
        let record_type = written
            .record_type
            .map_or("A".to_owned(), Spanned::into_inner);
        let context = LookupContext {
            workload,
            signals: written.signals,
            declared: written.declared.is_some_and(Spanned::into_inner),
            names_per_minute: written.names_per_minute.map_or(1, Spanned::into_inner),
        };
        let name = format!("{record_type} {host}");
        let host = host.clone();
        (
            name,
            Asked::Name {
                host,
                record_type,
                context,
            },
        )
    } else {
        if let Some(at) = of_names.into_iter().flatten().next() {
            return wrong(Some(at), "this is about a lookup, and the case has none");
        }
        let command = written.command.as_ref().map(Spanned::get_ref);
        let replication = written.replication.as_ref().map(Spanned::get_ref);
        let (name, statements) =
            match (command, replication, written.connect, written.function_call) {
                (Some(text), None, false, false) => (text.clone(), statements(text)),
                (None, Some(text), false, false) => {
                    let command = sql::replication_command(text.as_bytes());
                    (
                        text.clone(),
                        command.map_or_else(|| statements(text), |command| vec![command]),
                    )
                }
                (None, None, true, false) => ("connect".to_owned(), vec![connect()]),
                (None, None, false, true) => {
                    ("function call".to_owned(), vec![sql::function_call()])
                }
                _ => {
                    let what = "a case asks one thing: `command`, `replication`, `connect`, \
                            `function_call` or `lookup`";
                    return wrong(None, what);
                }
            };
        let rows = rows(&written, &statements)?;
        let target = Target {
            name: or(&written.target, &defaults.target, "db"),
            protocol: or(&written.protocol, &defaults.protocol, "postgres"),
            database: or(&written.database, &defaults.database, "db"),
        };
        let context = Context {
            workload,
            in_transaction: written.in_transaction,
            moment: moment(&written)?,
            process: program(&written)?,
            application_name: written.application_name,
            signals: written.signals,
            rows,
        };
        (
            name,
            Asked::Message {
                target,
                context,
                statements,
            },
        )
    };
    let place = Diagnostic::at(Severity::Error, source, span.clone(), "", None);
    Ok(Case {
        file: place.file,
        line: place.line,
        name: written.name.unwrap_or(name),
        subject,
        asked,
        expected,
    })
}

/// What a case says of the rows of its only statement.
fn rows(written: &raw::Case, statements: &[Statement]) -> Result<RowCounts, Wrong> {
    let by_parameter = matches!(
        statements,
        [Statement::Command(command)] if matches!(command.row_limit, RowLimit::Parameter(_))
    );
    if let Some(limit) = &written.row_limit
        && !by_parameter
    {
        let what = "a case says what limits the rows only of one statement with LIMIT $1: \
                    otherwise the text says it";
        return wrong(Some(limit.span()), what);
    }
    if let Some(rows) = &written.estimated_rows
        && !is_planned(statements)
    {
        let what = "rows are estimated only of a SELECT, INSERT, UPDATE, DELETE or MERGE by itself";
        return wrong(Some(rows.span()), what);
    }
    Ok(RowCounts {
        limit: written.row_limit.as_ref().map(|limit| *limit.get_ref()),
        estimated: written.estimated_rows.as_ref().map(|rows| *rows.get_ref()),
    })
}

fn expected(written: &raw::Case) -> Result<Expected, Wrong> {
    if let Some(rule) = &written.rule
        && written.expect != Answer::Deny
    {
        return wrong(Some(rule.span()), "only what is denied has a rule");
    }
    if let Some(approvers) = &written.approvers
        && written.expect != Answer::Ask
    {
        return wrong(Some(approvers.span()), "only what is asked has approvers");
    }
    Ok(Expected {
        answer: match written.expect {
            Answer::Allow => "allow",
            Answer::Ask => "ask",
            Answer::Deny => "deny",
        },
        rule: written.rule.as_ref().map(|rule| rule.get_ref().clone()),
        approvers: written.approvers.as_ref().map(|all| all.get_ref().clone()),
        policies: written.policies.clone(),
        clear: written.clear.clone(),
        masked: written.masked.clone(),
    })
}

fn moment(written: &raw::Case) -> Result<Moment, Wrong> {
    let hour = match &written.hour {
        Some(hour) if *hour.get_ref() > 23 => {
            return wrong(Some(hour.span()), "an hour is 0 to 23");
        }
        Some(hour) => *hour.get_ref(),
        None => 12,
    };
    let weekday = match &written.weekday {
        None => Weekday::default(),
        Some(name) => {
            let known = Weekday::ALL
                .into_iter()
                .find(|day| day.as_str() == name.get_ref());
            match known {
                Some(day) => day,
                None => return wrong(Some(name.span()), "a weekday is monday to sunday"),
            }
        }
    };
    Ok(Moment { hour, weekday })
}

fn program(written: &raw::Case) -> Result<Option<Program>, Wrong> {
    let (exe_hash, uid) = (&written.exe_hash, &written.uid);
    let Some(exe) = &written.exe else {
        let lone = exe_hash.as_ref().map(Spanned::span);
        return match lone.or(uid.as_ref().map(Spanned::span)) {
            Some(at) => wrong(Some(at), "a program has an `exe`"),
            None => Ok(None),
        };
    };
    Ok(Some(Program {
        exe: exe.clone(),
        exe_hash: exe_hash.as_ref().map(|hash| hash.get_ref().clone()),
        uid: uid.as_ref().map(|uid| *uid.get_ref()),
    }))
}
