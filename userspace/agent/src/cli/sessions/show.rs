//! `weir sessions show`: who, where, when, then each command with its verdict and outcome.

use std::{collections::BTreeMap, io};

use serde::Serialize;
use weir_record::{Entry, Event, Intent, Outcome, SessionStart};

use super::{
    super::{
        error::CliError,
        line::{Line, Tone},
        out::Out,
    },
    source::Recorded,
    story,
};

/// Everything that happened, without the bytes of the answers.
#[derive(Serialize)]
struct Session {
    /// What was said is left out: it is for the recipients.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    encrypted: bool,
    events: Vec<Event>,
    tail: weir_record::Tail,
}

/// Prints a session.
pub(super) fn print(recorded: Recorded, json: bool, out: &mut Out) -> Result<(), CliError> {
    let Recorded {
        start, mut entries, ..
    } = recorded;
    let mut events = Vec::new();
    let mut broken = None;
    for entry in entries.by_ref() {
        match entry {
            Ok(Entry::Event(event)) => events.push(event),
            Ok(Entry::Response { .. } | Entry::Request { .. }) => {}
            Err(error) => broken = Some(error),
        }
    }
    let (tail, encrypted) = (entries.tail(), entries.is_outline());
    if json {
        events.insert(0, Event::Start(start));
        out.json(&Session {
            encrypted,
            events,
            tail,
        })?;
    } else {
        if encrypted {
            let hint = "encrypted: what was said and seen is shown to its recipients (--identity)";
            out.line(&Line::of(Tone::Warn, hint))?;
        }
        let ended = events.iter().any(|event| matches!(event, Event::End(_)));
        told(&start, events, out)?;
        if !ended && broken.is_none() {
            out.line(&story::unfinished(tail))?;
        }
    }
    // What is good was shown; that the rest is not must still fail the command.
    broken.map_or(Ok(()), |error| Err(error.into()))
}

/// Outcomes may come long after their commands; a person wants them side by side.
fn told(start: &SessionStart, events: Vec<Event>, out: &mut Out) -> io::Result<()> {
    let outcomes: BTreeMap<_, Outcome> = events
        .iter()
        .filter_map(|event| match event {
            Event::Outcome { seq, outcome } => Some((*seq, outcome.clone())),
            _ => None,
        })
        .collect();
    story::head(start, out)?;
    for event in events {
        match event {
            Event::Start(_) | Event::Outcome { .. } => {}
            Event::Opened { database, user, .. } => {
                let label = Line::of(Tone::Dim, "  opened   ");
                out.line(&label.text(format!("database {database} as {user}")))?;
            }
            Event::Process(process) => story::speaker(&process, out)?,
            Event::Intent(intent) => command(start, &intent, &outcomes, out)?,
            Event::Approval { seq, at, approval } => {
                out.line(&story::approval(&start.started, seq, at, &approval))?;
            }
            // What an outline has of one.
            Event::Note { message } if message.is_empty() => {}
            Event::Note { message } => {
                out.blank()?;
                out.line(&Line::of(Tone::Warn, "note: ").text(message))?;
            }
            Event::End(end) => {
                out.blank()?;
                out.line(&story::end(&end))?;
            }
        }
    }
    Ok(())
}

fn command(
    start: &SessionStart,
    intent: &Intent,
    outcomes: &BTreeMap<weir_record::Seq, Outcome>,
    out: &mut Out,
) -> io::Result<()> {
    story::command(start, intent, out)?;
    let outcome = outcomes.get(&intent.seq).map_or_else(
        || Line::of(Tone::Warn, "no outcome on record"),
        story::outcome,
    );
    out.line(&Line::plain("  ").join(outcome))
}
