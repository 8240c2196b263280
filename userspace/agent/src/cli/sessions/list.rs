//! `weir sessions list`.

use std::{collections::BTreeSet, io};

use weir_record::{Summary, Tail};

use super::{
    super::{
        line::{Line, Tone},
        moment,
        out::Out,
        table::{Column, Table},
    },
    story,
};
use crate::control::Sessions;

/// Sessions as a table, and what the table leaves out.
pub(super) fn print(
    listed: &Sessions,
    live: Option<&BTreeSet<String>>,
    out: &mut Out,
) -> io::Result<()> {
    if listed.sessions.is_empty() {
        out.line(&Line::of(Tone::Dim, "no sessions"))?;
    } else {
        let mut table = Table::new([
            Column::text("id"),
            Column::text("started"),
            Column::text("workload"),
            Column::text("subject"),
            Column::text("target"),
            Column::text("database"),
            Column::number("commands"),
            Column::number("refused"),
            Column::number("observed"),
            Column::number("masked"),
            Column::number("lasted"),
            Column::text("end"),
        ]);
        for session in &listed.sessions {
            table.row(row(session, live));
        }
        table.print(out)?;
    }
    let more = listed.matched.saturating_sub(listed.sessions.len());
    if more > 0 {
        out.line(&Line::of(
            Tone::Dim,
            format!("{more} older ones are not shown: --limit"),
        ))?;
    }
    left_out(listed, out)
}

/// What can't be told, and why.
pub(super) fn left_out(listed: &Sessions, out: &mut Out) -> io::Result<()> {
    if listed.pending > 0 {
        let pending = story::count(u64::try_from(listed.pending).unwrap_or(u64::MAX), "record");
        out.line(&Line::of(
            Tone::Warn,
            format!("{pending} are not in the index yet: ask again in a moment"),
        ))?;
    }
    for record in &listed.unreadable {
        out.line(&Line::of(Tone::Bad, "unreadable: ").text(&record.problem))?;
    }
    Ok(())
}

fn row(summary: &Summary, live: Option<&BTreeSet<String>>) -> Vec<Line> {
    let start = &summary.start;
    let tally = |number: u64, tone| match number {
        0 => Line::of(Tone::Dim, 0),
        number => Line::of(tone, number),
    };
    let end = match &summary.end {
        Some(end) => story::end_in_short(end),
        None if live.is_some_and(|live| live.contains(&start.id.to_string())) => {
            Line::of(Tone::Good, "live")
        }
        None if summary.tail == Tail::Whole => Line::of(Tone::Warn, "no end on record"),
        None => Line::of(Tone::Warn, "cut off"),
    };
    let end = if summary.encrypted {
        end.and(Tone::Dim, ", encrypted")
    } else {
        end
    };
    vec![
        Line::of(Tone::Key, start.id),
        Line::plain(moment::second(start.started)),
        Line::plain(&start.workload),
        Line::plain(&start.subject),
        start
            .target
            .as_ref()
            .map_or_else(|| Line::plain(&start.destination), Line::plain),
        summary
            .database
            .as_ref()
            .map_or_else(|| Line::of(Tone::Dim, "-"), Line::plain),
        tally(summary.commands, Tone::Plain),
        tally(summary.refused + summary.asked, Tone::Bad),
        tally(summary.observed, Tone::Warn),
        tally(summary.masked, Tone::Warn),
        Line::of(Tone::Dim, moment::duration(summary.last)),
        end,
    ]
}
