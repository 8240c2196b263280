//! An explanation for people.

use std::io;

use weir_policy::{Change, Explanation, Facts, Ruling, StatementFacts};

use super::{
    super::super::{
        line::{Line, Tone},
        out::Out,
    },
    Told,
};

/// Prints all of it.
pub(super) fn print(told: &Told<'_>, out: &mut Out) -> io::Result<()> {
    let place = format!("{}#{}", told.session, told.command);
    out.line(&Line::of(Tone::Key, place))?;
    out.block(Tone::Plain, "  ", told.text)?;
    for note in &told.notes {
        out.line(&Line::of(Tone::Warn, "note: ").text(note))?;
    }
    if let Some(explanation) = &told.judged_by {
        explained(explanation, "as it was judged", out)?;
    }
    if let Some(explanation) = &told.in_force {
        explained(explanation, "as it would be judged now", out)?;
    }
    Ok(())
}

fn explained(explanation: &Explanation, when: &str, out: &mut Out) -> io::Result<()> {
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

fn judged(facts: &Facts, out: &mut Out) -> io::Result<()> {
    let mut tell = |label: &str, value: String| {
        if value.is_empty() {
            return Ok(());
        }
        out.line(&Line::of(Tone::Dim, format!("    {label:<12}")).text(value))
    };
    let of = |what: &str, list: &[String]| {
        if list.is_empty() {
            String::new()
        } else {
            format!("{what}{}", list.join(", "))
        }
    };
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
