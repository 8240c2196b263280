//! Requests as a person reads them.

use std::io;

use jiff::Timestamp;

use super::super::{
    line::{Line, Tone},
    moment,
    out::Out,
    sessions::story,
    table::{Column, Table},
};
use crate::approve::{Change, Request, Rows};

pub(super) fn list(requests: &[Request], out: &mut Out) -> io::Result<()> {
    if requests.is_empty() {
        return out.line(&Line::of(Tone::Dim, "nothing waits for approval"));
    }
    let mut table = Table::new([
        Column::text("id"),
        Column::text("state"),
        Column::text("asked"),
        Column::text("subject"),
        Column::text("target"),
        Column::text("approvers"),
        Column::text("command"),
    ]);
    for request in requests {
        table.row([
            Line::of(Tone::Key, &request.id),
            state(request),
            Line::plain(moment::second(request.asked)),
            Line::plain(&request.who.subject),
            Line::plain(&request.target),
            Line::plain(&request.of),
            Line::plain(short(&request.command)),
        ]);
    }
    table.print(out)
}

/// The beginning of a command, on one line.
fn short(command: &str) -> String {
    const MOST: usize = 60;
    let mut short: String = command.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((cut, _)) = short.char_indices().nth(MOST) {
        short.truncate(cut);
        short.push('…');
    }
    short
}

fn state(request: &Request) -> Line {
    let Some(settled) = &request.settled else {
        let left = request.expires.duration_since(Timestamp::now()).as_secs();
        return Line::of(Tone::Warn, format!("waits, {} s left", left.max(0)));
    };
    let (tone, _) = story::settled(settled.how);
    Line::of(tone, settled.how.as_str().replace('_', " "))
}

fn label(name: &str) -> Line {
    Line::of(Tone::Dim, format!("  {name:<10}"))
}

pub(super) fn show(request: &Request, out: &mut Out) -> io::Result<()> {
    out.line(
        &Line::of(Tone::Strong, "request ")
            .and(Tone::Key, &request.id)
            .text("  ")
            .join(state(request)),
    )?;
    let who = &request.who;
    let mut subject = label("who").and(Tone::Strong, &who.subject);
    if let Some(person) = &who.on_behalf_of {
        subject = subject.text(format!(" on behalf of {person}"));
    }
    out.line(&subject.text(format!(", workload {}", who.workload)))?;
    let process = &who.process;
    let exe = process.exe.as_deref().unwrap_or("an unknown executable");
    let called = if process.arguments.is_empty() {
        String::new()
    } else {
        format!(": {}", process.arguments.join(" "))
    };
    out.line(&label("process").text(format!("pid {}, {exe}{called}", process.pid)))?;
    out.line(&label("target").text(format!(
        "{} ({}), database {}",
        request.target, request.protocol, request.database
    )))?;
    for facts in &request.statements {
        let mut read = facts.verb.clone();
        if !facts.objects.is_empty() {
            read.push_str(&format!(": {}", facts.objects.join(", ")));
        }
        let facts = [
            facts.predicate.as_ref().map(|p| format!("condition {p}")),
            (!facts.effects.is_empty()).then(|| format!("effects {}", facts.effects.join(", "))),
            (!facts.functions.is_empty()).then(|| format!("calls {}", facts.functions.join(", "))),
            facts
                .unread
                .as_ref()
                .map(|why| format!("could not be read: {why}")),
        ];
        let facts: Vec<String> = facts.into_iter().flatten().collect();
        out.line(
            &label("does")
                .text(read)
                .and(Tone::Dim, format!("  {}", facts.join("; "))),
        )?;
    }
    match &request.rows {
        Some(Rows::Estimated(rows)) => out.line(
            &label("rows")
                .and(
                    Tone::Strong,
                    format!("about {}", story::count(*rows, "row")),
                )
                .and(
                    Tone::Dim,
                    ", as the target's planner estimates; nothing was run",
                ),
        )?,
        Some(Rows::Unknown(why)) => out.line(&label("rows").text(format!("unknown: {why}")))?,
        None => {}
    }
    let mut asks = label("asked by").text(request.policies.join(", "));
    if let Some(message) = &request.message {
        asks = asks.text(format!(": {message}"));
    }
    out.line(&asks.and(Tone::Dim, format!("  policy {}", request.policy_version)))?;
    out.line(&label("approvers").and(Tone::Strong, &request.of))?;
    out.block(Tone::Plain, "  > ", &request.command)?;
    for (number, value) in (1..).zip(&request.parameters) {
        let line = Line::of(Tone::Dim, format!("  ${number}"));
        out.line(&match value {
            Some(value) => line.and(Tone::Dim, " = ").text(value),
            None => line.and(Tone::Dim, " is NULL"),
        })?;
    }
    for text in &request.runs {
        out.line(&label("runs").and(Tone::Dim, "by its name:"))?;
        out.block(Tone::Plain, "  > ", text)?;
    }
    if let Some(shape) = &request.shape {
        out.line(&label("shape").and(Tone::Dim, shape))?;
    }
    out.line(&label("hash").and(Tone::Dim, &request.hash))?;
    for given in &request.answers {
        let (tone, said) = story::answered(given.answer);
        let name = given.name.as_deref().unwrap_or(&given.by);
        let reason = given.reason.as_ref().map(|reason| format!(": {reason}"));
        out.line(
            &label("answer")
                .and(tone, said)
                .text(format!(" by {name}{}", reason.unwrap_or_default()))
                .and(Tone::Dim, format!("  {}", moment::second(given.at))),
        )?;
    }
    Ok(())
}

pub(super) fn answered(request: &Request, out: &mut Out) -> io::Result<()> {
    let line = Line::of(Tone::Key, &request.id).text("  ");
    let line = match &request.settled {
        Some(_) => line.join(state(request)),
        None => line
            .and(Tone::Warn, "still waits")
            .text(format!(" for {}", request.of)),
    };
    out.line(&line)
}

pub(super) fn change(change: &Change, out: &mut Out) -> io::Result<()> {
    let request = &change.request;
    out.line(
        &Line::of(Tone::Dim, moment::second(Timestamp::now()))
            .text("  ")
            .and(Tone::Key, &request.id)
            .text("  ")
            .join(state(request))
            .text(format!(
                "  {} on {}: {}",
                request.who.subject,
                request.target,
                short(&request.command)
            )),
    )
}
