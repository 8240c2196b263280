//! The parts of a session's story, in words: who, where, how judged, what became of it.
//!
//! Shared by `show`, `replay` and the account of `run`, so that they say the same of the same.

use std::io;

use jiff::Timestamp;
use weir_record::{
    Answered, Approval, End, Intent, Outcome, Process, Seq, SessionStart, Settled, Side,
    StatementSummary, Status, Tail, VerdictSummary,
};

use super::super::{
    line::{Line, Tone},
    moment,
    out::Out,
};

/// A number with its noun in the right form: `1 row`, `2 rows`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    let plural = match noun.strip_suffix('y') {
        _ if number == 1 => noun.to_owned(),
        Some(stem) => format!("{stem}ies"),
        None => format!("{noun}s"),
    };
    format!("{number} {plural}")
}

fn label(name: &str) -> Line {
    Line::new().and(Tone::Dim, format!("  {name:<9}"))
}

/// Who connected, from where, to what.
pub(crate) fn head(start: &SessionStart, out: &mut Out) -> io::Result<()> {
    out.line(
        &Line::of(Tone::Strong, "session ")
            .and(Tone::Key, start.id)
            .and(Tone::Dim, format!("  {}", moment::second(start.started))),
    )?;
    let mut who = label("who").and(Tone::Strong, &start.subject);
    if !start.groups.is_empty() {
        who = who.text(format!(" in {}", start.groups.join(", ")));
    }
    if let Some(person) = &start.on_behalf_of {
        who = who.text(format!(" on behalf of {person}"));
    }
    out.line(&who)?;
    process(&start.process, label, out)?;
    let mut workload =
        label("workload").text(format!("{} in {}", start.workload, start.process.cgroup));
    if start.observed {
        workload = workload
            .text(", ")
            .and(Tone::Warn, "observed: nothing is refused that can go on");
    }
    out.line(&workload)?;
    let target = match (&start.target, &start.protocol) {
        (Some(target), Some(protocol)) => format!("{target} ({protocol}), "),
        (Some(target), None) => format!("{target}, "),
        (None, _) => "no declared target, ".to_owned(),
    };
    let name = match &start.destination_name {
        Some(name) => format!(" ({name})"),
        None => String::new(),
    };
    let place = if start.protocol.as_deref() == Some(crate::dns::PROTOCOL) {
        format!("weir's resolver, asked as {}", start.destination)
    } else {
        format!("{target}dialled as {}{name}", start.destination)
    };
    out.line(&label("where").text(place))?;
    out.line(&label("policy").and(Tone::Key, &start.policy_version))
}

/// Which program called, as what, and what called it.
fn process(process: &Process, label: impl Fn(&str) -> Line, out: &mut Out) -> io::Result<()> {
    let exe = process
        .exe
        .as_deref()
        .unwrap_or("an executable that could not be read");
    out.line(&label("process").text(format!(
        "{} (pid {}, uid {}), {exe}",
        process.comm, process.pid, process.uid
    )))?;
    if !process.arguments.is_empty() {
        out.line(&label("as").text(process.arguments.join(" ")))?;
    }
    if let Some(hash) = &process.exe_hash {
        out.line(&label("blake3").and(Tone::Dim, hash))?;
    }
    if !process.ancestry.is_empty() {
        let parents = process.ancestry.iter();
        let parents = parents.map(|parent| format!("{} ({})", parent.comm, parent.pid));
        out.line(&label("from").text(parents.collect::<Vec<_>>().join(" < ")))?;
    }
    Ok(())
}

/// The process that the commands after it come from.
pub(crate) fn speaker(speaker: &Process, out: &mut Out) -> io::Result<()> {
    out.blank()?;
    process(speaker, label, out)
}

/// One command: its number, when, how it was judged, and its text.
pub(crate) fn command(start: &SessionStart, intent: &Intent, out: &mut Out) -> io::Result<()> {
    let at = moment::clock(moment::after(start.started, intent.at));
    let head = Line::of(Tone::Strong, format!("#{}", intent.seq))
        .and(Tone::Dim, format!("  {at}  "))
        .join(verdict(&intent.verdict));
    out.blank()?;
    out.line(&head)?;
    let read: Vec<String> = intent.statements.iter().map(statement).collect();
    if !read.is_empty() {
        out.line(&Line::of(Tone::Dim, format!("  {}", read.join("; "))))?;
    }
    for signal in &intent.signals {
        let line = Line::of(Tone::Warn, "  signal ").text(signal.to_string());
        out.line(&line)?;
    }
    // An outline has none.
    if !intent.text.is_empty() {
        out.block(Tone::Plain, "  > ", &intent.text)?;
    }
    for (number, value) in (1..).zip(&intent.parameters) {
        let line = Line::of(Tone::Dim, format!("  ${number}"));
        out.line(&match value {
            Some(value) => line.and(Tone::Dim, " = ").text(value),
            None => line.and(Tone::Dim, " is NULL"),
        })?;
    }
    Ok(())
}

/// What became of a command.
pub(crate) fn outcome(outcome: &Outcome) -> Line {
    let mut line = match &outcome.status {
        Status::Completed { tag } => Line::of(Tone::Good, tag),
        Status::Failed { code, message } if message.is_empty() => {
            Line::of(Tone::Bad, format!("failed {code}"))
        }
        Status::Failed { code, message } => {
            Line::of(Tone::Bad, format!("failed {code}")).text(format!(": {message}"))
        }
        Status::Refused => Line::of(Tone::Bad, "not forwarded"),
        Status::Skipped => {
            Line::of(Tone::Warn, "skipped").text(": an earlier command of its batch failed")
        }
        Status::Lost if outcome.sent.is_some() => Line::of(Tone::Bad, "cut off"),
        Status::Lost => Line::of(Tone::Bad, "lost")
            .text(": the connection ended before the target answered; it may have been done"),
    };
    if outcome.rows > 0 {
        line = line.text(format!(", {}", count(outcome.rows, "row")));
    }
    if let Some(sent) = outcome.sent {
        let (sent, received) = (count(sent, "byte"), count(outcome.bytes, "byte"));
        line = line.text(format!(", {sent} sent, {received} received"));
    }
    if outcome.masked > 0 {
        line = line.text(", ").and(
            Tone::Warn,
            format!("{} masked", count(outcome.masked, "value")),
        );
    }
    if !outcome.detected.is_empty() {
        let found = outcome.detected.iter();
        let found: Vec<String> = found
            .map(|found| format!("{} ×{}", found.detector, found.values))
            .collect();
        line = line.text(format!(", found {}", found.join(", ")));
    }
    let micros = i64::try_from(outcome.micros).unwrap_or(i64::MAX);
    line.and(Tone::Dim, format!(", {}", moment::duration(micros)))
}

/// A step on the way of a command that waited for people.
pub(crate) fn approval(started: &Timestamp, seq: Seq, at: i64, approval: &Approval) -> Line {
    let at = moment::clock(moment::after(*started, at));
    let line = Line::of(Tone::Strong, format!("  #{seq}")).and(Tone::Dim, format!("  {at}  "));
    match approval {
        Approval::Asked {
            request,
            of,
            wait_seconds,
            rows_estimated,
        } => {
            let rows = rows_estimated
                .map(|rows| format!(", about {}", count(rows, "row")))
                .unwrap_or_default();
            line.and(Tone::Warn, "asked").text(format!(
                " {of}, for at most {wait_seconds} s{rows} ({request})"
            ))
        }
        Approval::Answered {
            by,
            name,
            answer,
            reason,
        } => {
            let name = name.as_ref().map(|name| format!(" ({name})"));
            let (tone, said) = answered(*answer);
            let reason = reason.as_ref().map(|reason| format!(": {reason}"));
            line.and(tone, said).text(format!(
                " by {by}{}{}",
                name.unwrap_or_default(),
                reason.unwrap_or_default()
            ))
        }
        Approval::Settled { how } => {
            let (tone, said) = settled(*how);
            line.and(tone, said)
        }
    }
}

/// What somebody said.
pub(crate) fn answered(answer: Answered) -> (Tone, String) {
    match answer {
        Answered::Once => (Tone::Good, "approved once".to_owned()),
        Answered::Session => (Tone::Good, "approved for this session".to_owned()),
        Answered::Shape { minutes } => (
            Tone::Good,
            format!("approved for statements of this shape, {minutes} minutes"),
        ),
        Answered::No => (Tone::Bad, "denied".to_owned()),
    }
}

/// What became of a request.
pub(crate) fn settled(how: Settled) -> (Tone, &'static str) {
    match how {
        Settled::Approved => (Tone::Good, "waits no longer: approved"),
        Settled::Denied => (Tone::Bad, "waits no longer: denied"),
        Settled::TimedOut => (Tone::Bad, "nobody answered in time"),
        Settled::GaveUp => (Tone::Warn, "the agent gave up"),
        Settled::Cancelled => (Tone::Warn, "the agent cancelled it"),
        Settled::PolicyChanged => (Tone::Warn, "the policy changed"),
        Settled::Shutdown => (Tone::Warn, "weir was stopped"),
        Settled::NotAsked => (Tone::Bad, "could not be asked"),
        Settled::Restarted => (Tone::Bad, "weir was restarted while it waited"),
        Settled::SessionEnded => (Tone::Warn, "the session ended"),
    }
}

/// How a session ended; nothing is told of one that has no end yet.
pub(crate) fn end(end: &End) -> Line {
    match end {
        End::Closed => Line::of(Tone::Good, "closed"),
        End::ClientGone => Line::of(Tone::Warn, "the agent vanished"),
        End::ServerGone => Line::of(Tone::Warn, "the target vanished"),
        End::Refused { rule, message } => {
            Line::of(Tone::Bad, "refused").text(format!(" by {rule}: {message}"))
        }
        End::ProtocolError { side, message } => {
            let side = match side {
                Side::Client => "the agent",
                Side::Server => "the target",
            };
            Line::of(Tone::Bad, "protocol error").text(format!(" of {side}: {message}"))
        }
        End::Error { message } => Line::of(Tone::Bad, "failed").text(format!(": {message}")),
        End::Idle => Line::of(Tone::Warn, "ended").text(": nothing was sent for too long"),
        End::Shutdown => Line::of(Tone::Warn, "ended because weir was stopped"),
        End::Killed { by, reason } => {
            let reason = reason.as_deref().map(|reason| format!(": {reason}"));
            Line::of(Tone::Bad, "killed").text(format!(" by {by}{}", reason.unwrap_or_default()))
        }
        End::IdentityLost { message } => {
            Line::of(Tone::Bad, "ended").text(format!(", the identity is lost: {message}"))
        }
        End::WorkloadStopped => {
            Line::of(Tone::Warn, "ended").text(": the workload has no process left")
        }
        End::GrantEnded { grant } => {
            Line::of(Tone::Bad, "ended").text(format!(" with what was granted: {grant}"))
        }
        End::PolicyChanged { rule, message } => {
            Line::of(Tone::Bad, "ended").text(format!(" by {rule}: {message}"))
        }
    }
}

/// How a session ended, without the explanations that fill a line of their own.
pub(crate) fn end_in_short(ended: &End) -> Line {
    match ended {
        End::Refused { rule, .. } => Line::of(Tone::Bad, format!("refused by {rule}")),
        End::PolicyChanged { rule, .. } => Line::of(Tone::Bad, format!("ended by {rule}")),
        End::ProtocolError { .. } => Line::of(Tone::Bad, "protocol error"),
        End::Killed { by, .. } => Line::of(Tone::Bad, format!("killed by {by}")),
        End::Error { .. } => Line::of(Tone::Bad, "failed"),
        End::IdentityLost { .. } => Line::of(Tone::Bad, "identity lost"),
        End::WorkloadStopped => Line::of(Tone::Warn, "workload stopped"),
        End::GrantEnded { .. } => Line::of(Tone::Bad, "grant ended"),
        End::Closed | End::ClientGone | End::ServerGone | End::Shutdown => end(ended),
        End::Idle => Line::of(Tone::Warn, "idle"),
    }
}

/// What a record that just stops means.
pub(crate) fn unfinished(tail: Tail) -> Line {
    let torn = match tail {
        Tail::Whole => String::new(),
        Tail::Torn { bytes } => format!(", {} into an entry", count(bytes, "byte")),
    };
    Line::of(Tone::Warn, format!("the record stops here{torn}"))
        .text(": the session goes on, or weir was killed")
}

/// How policy judged.
pub(crate) fn verdict(verdict: &VerdictSummary) -> Line {
    match verdict {
        VerdictSummary::Allow {
            would_be: Some(would_be),
            ..
        } => Line::of(Tone::Warn, "observed")
            .text(": would have been ")
            .join(self::verdict(would_be)),
        VerdictSummary::Allow {
            policies,
            only_prepares: true,
            ..
        } => Line::of(Tone::Good, "parsed only").and(
            Tone::Dim,
            format!(": {} will ask when it is bound", policies.join(", ")),
        ),
        VerdictSummary::Allow {
            policies,
            approved_by,
            ..
        } => {
            let line = Line::of(Tone::Good, "allowed")
                .and(Tone::Dim, format!(" by {}", policies.join(", ")));
            if approved_by.is_empty() {
                return line;
            }
            line.text(format!(", approved by {}", approved_by.join(", ")))
        }
        VerdictSummary::Deny { rule, message, .. } => Line::of(Tone::Bad, "refused")
            .text(" by ")
            .and(Tone::Strong, rule)
            .text(format!(": {message}")),
        VerdictSummary::Ask {
            approvers, message, ..
        } => {
            let message = message.as_deref().unwrap_or("a human must approve it");
            Line::of(Tone::Warn, "held").text(format!(" for {}: {message}", approvers.join(", ")))
        }
    }
}

/// How policy judged, without the reason: for where the way out is told once for all.
pub(crate) fn verdict_in_short(verdict: &VerdictSummary) -> Line {
    match verdict {
        VerdictSummary::Allow {
            would_be: Some(would_be),
            ..
        } => Line::of(Tone::Warn, "observed")
            .text(": would have been ")
            .join(verdict_in_short(would_be)),
        VerdictSummary::Deny { rule, .. } => Line::of(Tone::Bad, "refused")
            .text(" by ")
            .and(Tone::Strong, rule),
        VerdictSummary::Allow { would_be: None, .. } | VerdictSummary::Ask { .. } => {
            self::verdict(verdict)
        }
    }
}

pub(super) fn statement(statement: &StatementSummary) -> String {
    match &statement.opaque {
        Some(reason) => format!("could not be read ({reason})"),
        None if statement.objects.is_empty() => statement.verb.clone(),
        None => format!("{}: {}", statement.verb, statement.objects.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nouns_agree_with_their_numbers() {
        assert_eq!(count(1, "row"), "1 row");
        assert_eq!(count(0, "value"), "0 values");
        assert_eq!(count(2, "policy"), "2 policies");
    }

    #[test]
    fn a_hostile_message_stays_on_its_line() {
        let line = end(&End::Error {
            message: "a\n\u{1b}[2J".into(),
        });
        assert!(!line.to_string().contains('\n'));
        assert!(!line.to_string().contains("\u{1b}[2J"));
    }
}
