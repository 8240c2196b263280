//! An explanation for people.

use std::io;

use weir_policy::{Change, Explanation, Facts, LookupFacts, Ruling, StatementFacts};

use super::{
    super::super::{
        line::{Line, Tone},
        out::Out,
    },
    Explained, Told,
};

/// Prints all of it.
pub(super) fn print(told: &Told<'_>, out: &mut Out) -> io::Result<()> {
    let place = format!("{}#{}", told.session, told.command);
    out.line(&Line::of(Tone::Key, place))?;
    out.block(Tone::Plain, "  ", told.text)?;
    for note in &told.notes {
        out.line(&Line::of(Tone::Warn, "note: ").text(note))?;
    }
    let judged_by = told.judged_by.as_ref().map(|by| (by, "as it was judged"));
    let in_force = told.in_force.as_ref();
    let in_force = in_force.map(|by| (by, "as it would be judged now"));
    for (explained, when) in judged_by.into_iter().chain(in_force) {
        match explained {
            Explained::Command(explanation) => explain(explanation, when, judged, out)?,
            Explained::Lookup(explanation) => explain(explanation, when, asked_about, out)?,
        }
    }
    Ok(())
}

fn explain<F>(
    explanation: &Explanation<F>,
    when: &str,
    judged: impl FnOnce(&F, &mut Out) -> io::Result<()>,
    out: &mut Out,
) -> io::Result<()> {
    out.blank()?;
    let Explanation {
        version,
        answer,
        deciding,
        facts,
        changes,
    } = explanation;
    let line = Line::plain(format!("{when}, by policy ")).and(Tone::Key, version);
    out.line(&line.text(": ").join(verdict(answer)))?;
    for policy in deciding {
        out.blank()?;
        let place = format!("{}:{}", policy.file, policy.line);
        out.line(&Line::plain("  ").and(Tone::Key, place))?;
        out.block(Tone::Plain, "    ", &policy.text)?;
    }
    out.blank()?;
    out.line(&Line::of(Tone::Dim, "  what was judged"))?;
    judged(facts, out)?;
    let (flips, stays): (Vec<_>, Vec<_>) = changes.iter().partition(|change| change.flips);
    list("  what alone would have changed it", &flips, out)?;
    list("  what alone would not", &stays, out)
}

fn verdict(answer: &Ruling) -> Line {
    let tone = match answer.answer {
        "allow" => Tone::Good,
        "ask" => Tone::Warn,
        _ => Tone::Bad,
    };
    let mut line = Line::of(tone, answer.answer);
    if let Some(rule) = &answer.rule {
        line = line.text(" by ").and(Tone::Key, rule);
    }
    if !answer.approvers.is_empty() {
        line = line.text(format!(" of {}", answer.approvers.join(", ")));
    }
    if let Some(message) = &answer.message {
        line = line.text(format!(": {message}"));
    }
    if answer.observed {
        line = line.text(" (observed, so it went on)");
    }
    line
}

/// A fact, where there is one.
fn tell(label: &str, value: &str, out: &mut Out) -> io::Result<()> {
    if value.is_empty() {
        return Ok(());
    }
    out.line(&Line::of(Tone::Dim, format!("    {label:<12}")).text(value))
}

fn of(what: &str, list: &[String]) -> String {
    if list.is_empty() {
        String::new()
    } else {
        format!("{what}{}", list.join(", "))
    }
}

fn asked_about(facts: &LookupFacts, out: &mut Out) -> io::Result<()> {
    let LookupFacts {
        subject,
        groups,
        on_behalf_of,
        workload,
        host,
        record_type,
        declared,
        length,
        labels,
        label_bits,
        names_per_minute,
        signals,
    } = facts;
    let declared = if *declared {
        "a host of a target"
    } else {
        "no host of a target that the workload may reach"
    };
    let shape = format!("{length} characters, {labels} labels, at most {label_bits} bits in one");
    for (label, value) in [
        ("subject", format!("{subject}{}", of(" in ", groups))),
        ("for", on_behalf_of.clone().unwrap_or_default()),
        ("workload", workload.clone()),
        ("asked", format!("resolve on {host} ({record_type})")),
        ("declared", declared.to_owned()),
        ("shape", shape),
        ("names", format!("{names_per_minute} in the minute before")),
        ("signals", of("", signals)),
    ] {
        tell(label, &value, out)?;
    }
    Ok(())
}

fn judged(facts: &Facts, out: &mut Out) -> io::Result<()> {
    let mut tell = |label: &str, value: String| tell(label, &value, out);
    tell(
        "subject",
        format!("{}{}", facts.subject, of(" in ", &facts.groups)),
    )?;
    tell("for", facts.on_behalf_of.clone().unwrap_or_default())?;
    tell("workload", facts.workload.clone())?;
    tell("program", facts.exe.clone().unwrap_or_default())?;
    tell(
        "target",
        format!("{} ({}), {}", facts.target, facts.protocol, facts.database),
    )?;
    let open = if facts.in_transaction {
        ", in a transaction"
    } else {
        ""
    };
    tell(
        "moment",
        format!("{}, hour {}{open}", facts.weekday, facts.hour),
    )?;
    tell("signals", of("", &facts.signals))?;
    tell("sees clear", of("", &facts.clear))?;
    for statement in &facts.statements {
        asked(statement, &mut tell)?;
    }
    Ok(())
}

fn asked(
    statement: &StatementFacts,
    tell: &mut impl FnMut(&str, String) -> io::Result<()>,
) -> io::Result<()> {
    tell("verb", statement.verb.to_owned())?;
    for question in &statement.questions {
        tell(
            "asked",
            format!(
                "{} on {} ({})",
                question.action, question.resource, question.access
            ),
        )?;
    }
    if statement.predicate != "not_applicable" {
        tell("WHERE", statement.predicate.to_owned())?;
    }
    tell("effects", statement.effects.join(", "))?;
    tell("functions", statement.functions.join(", "))?;
    let columns = |named: &[String], all: bool| {
        let mut named = named.to_vec();
        if all {
            named.push("*".to_owned());
        }
        named.join(", ")
    };
    tell(
        "reads",
        columns(&statement.columns_read, statement.all_columns),
    )?;
    tell(
        "writes",
        columns(&statement.columns_written, statement.all_columns_written),
    )?;
    tell("masked", statement.masked.join(", "))?;
    tell(
        "decides by",
        columns(
            &statement.predicates_sensitive,
            statement.predicates_all_columns,
        ),
    )?;
    let rows = |rows: Option<String>| rows.unwrap_or_default();
    let limit = statement.row_limit.map(|limit| format!("at most {limit}"));
    tell("answers", rows(limit))?;
    let estimated = statement
        .estimated_rows
        .map(|rows| format!("{rows} estimated"));
    tell("rows", rows(estimated))?;
    tell("setting", statement.setting.clone().unwrap_or_default())?;
    tell(
        "unread",
        statement.opaque_reason.unwrap_or_default().to_owned(),
    )
}

fn list(title: &str, changes: &[&Change], out: &mut Out) -> io::Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    out.line(&Line::of(Tone::Dim, title))?;
    for change in changes {
        let by = change.rule.as_ref().map(|rule| format!(" by {rule}"));
        out.line(&Line::plain(format!(
            "    {}: {}{}",
            change.change,
            change.answer,
            by.unwrap_or_default()
        )))?;
    }
    Ok(())
}
