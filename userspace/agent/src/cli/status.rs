//! `weir status`: what the daemon governs now.

mod telemetry;

use std::io;

use super::{
    args,
    error::CliError,
    identity,
    line::{Line, Tone},
    moment,
    out::Out,
    runtime,
    sessions::story::count,
    table::{Column, Table},
};
use weir_policy::Mode;

use crate::{control::client::Client, engine::Status, identity::IdentityStatus};

/// Runs `weir status`.
pub(super) fn run(asked: &args::Status, out: &mut Out) -> Result<(), CliError> {
    let status = runtime::small()?.block_on(Client::new(&asked.socket).status())?;
    if asked.json {
        out.json(&status)?;
    } else {
        print(&status, out)?;
    }
    Ok(())
}

fn print(status: &Status, out: &mut Out) -> io::Result<()> {
    let label = |name: &str| Line::of(Tone::Dim, format!("{name:<13}"));
    out.line(
        &label("weir")
            .text(&status.version)
            .and(Tone::Dim, format!(", instance {}, since ", status.instance))
            .text(moment::second(status.started)),
    )?;
    out.line(
        &label("policy")
            .and(Tone::Key, &status.policy.version)
            .and(
                Tone::Dim,
                format!(" from {}, loaded ", status.policy.source),
            )
            .text(moment::second(status.policy.loaded)),
    )?;
    let interception = &status.interception;
    out.line(&label("interception").text(format!(
        "port {}, {} on each workload",
        interception.port,
        count_of(interception.programs.len(), "program"),
    )))?;
    let refusals = count(status.kernel_refusals, "call");
    out.line(&label("kernel").text(format!("refused {refusals} by itself")))?;
    workloads(status, out)?;
    identities(status, out)?;
    targets(status, out)?;
    sinks(status, out)?;
    telemetry::print(&status.telemetry, out)?;
    sessions(status, out)?;
    budgets(status, out)
}

/// The budgets that anything was counted against.
fn budgets(status: &Status, out: &mut Out) -> io::Result<()> {
    if status.budgets.is_empty() {
        return Ok(());
    }
    let mut table = Table::new([
        Column::text("budget"),
        Column::text("of"),
        Column::text("counted"),
        Column::text("at most"),
    ]);
    for budget in &status.budgets {
        let tone = if budget.count >= budget.limit {
            Tone::Warn
        } else {
            Tone::Plain
        };
        let most = format!("{} {} in {}", budget.limit, budget.what, budget.window);
        table.row([
            Line::of(Tone::Strong, &budget.name),
            Line::plain(&budget.of),
            Line::of(tone, budget.count.to_string()),
            Line::plain(most),
        ]);
    }
    section(&table, false, "", out)
}

fn workloads(status: &Status, out: &mut Out) -> io::Result<()> {
    let mut table = Table::new([
        Column::text("workload"),
        Column::text("cgroup"),
        Column::text("identity"),
        Column::text("mode"),
    ]);
    for workload in &status.interception.workloads {
        table.row([
            Line::of(Tone::Strong, &workload.name),
            Line::plain(&workload.cgroup),
            Line::plain(&workload.identity),
            mode(&workload.mode),
        ]);
    }
    section(
        &table,
        status.interception.workloads.is_empty(),
        "no workloads are governed",
        out,
    )
}

/// Only where something is to be verified: the others are as they are declared.
fn identities(status: &Status, out: &mut Out) -> io::Result<()> {
    let kept = |status: &&IdentityStatus| status.state != "declared";
    let kept: Vec<_> = status.identities.iter().filter(kept).cloned().collect();
    if kept.is_empty() {
        return Ok(());
    }
    out.blank()?;
    identity::print(&kept, out)?;
    identity::failures(&kept, out)
}

/// Observing is not what a glance should miss.
fn mode(mode: &str) -> Line {
    let tone = if mode == Mode::Observe.as_str() {
        Tone::Warn
    } else {
        Tone::Plain
    };
    Line::of(tone, mode)
}

fn targets(status: &Status, out: &mut Out) -> io::Result<()> {
    let mut table = Table::new([
        Column::text("target"),
        Column::text("protocol"),
        Column::text("upstream"),
    ]);
    for target in &status.targets {
        table.row([
            Line::of(Tone::Strong, &target.name),
            Line::plain(&target.protocol),
            target
                .upstream
                .as_ref()
                .map_or_else(|| Line::of(Tone::Dim, "as dialled"), Line::plain),
        ]);
    }
    let none = "no targets are declared: every connection is refused";
    section(&table, status.targets.is_empty(), none, out)
}

/// Nothing where nothing is shipped.
fn sinks(status: &Status, out: &mut Out) -> io::Result<()> {
    if status.sinks.is_empty() {
        return Ok(());
    }
    let mut table = Table::new([
        Column::text("ships to"),
        Column::text("kind"),
        Column::text("delivered"),
        Column::text("waiting"),
        Column::text("lag"),
        Column::text("last"),
        Column::text("state"),
    ]);
    for sink in &status.sinks {
        let state = match &sink.error {
            Some(error) => Line::of(Tone::Bad, error),
            None if sink.parked > 0 => Line::of(
                Tone::Warn,
                format!("{} parked", count(sink.parked, "event")),
            ),
            None => Line::of(Tone::Good, "ok"),
        };
        table.row([
            Line::of(Tone::Strong, &sink.name),
            Line::plain(&sink.kind),
            Line::plain(sink.delivered.to_string()),
            Line::plain(sink.waiting.to_string()),
            Line::plain(format!("{}s", sink.lag_seconds)),
            sink.last_success.map_or_else(
                || Line::of(Tone::Dim, "never"),
                |at| Line::plain(moment::second(at)),
            ),
            state,
        ]);
    }
    section(&table, false, "", out)
}

fn sessions(status: &Status, out: &mut Out) -> io::Result<()> {
    let mut table = Table::new([
        Column::text("live session"),
        Column::text("workload"),
        Column::text("subject"),
        Column::text("target"),
        Column::text("since"),
    ]);
    for session in &status.sessions {
        table.row([
            Line::of(Tone::Key, &session.id),
            Line::plain(&session.workload),
            Line::plain(&session.subject),
            session
                .target
                .as_ref()
                .map_or_else(|| Line::plain(&session.destination), Line::plain),
            Line::plain(moment::second(session.since)),
        ]);
    }
    section(&table, status.sessions.is_empty(), "no live sessions", out)
}

fn section(table: &Table, empty: bool, none: &str, out: &mut Out) -> io::Result<()> {
    out.blank()?;
    if empty {
        out.line(&Line::of(Tone::Dim, none))
    } else {
        table.print(out)
    }
}

fn count_of(number: usize, noun: &str) -> String {
    count(u64::try_from(number).unwrap_or(u64::MAX), noun)
}

#[cfg(test)]
mod tests {
    use super::{super::out::capture, *};

    #[test]
    fn a_status_reads_at_a_glance() {
        let status = serde_json::from_value(serde_json::json!({
            "version": "0.1.0",
            "instance": "daemon",
            "started": "2026-11-21T10:00:00Z",
            "policy": {
                "version": "0011223344556677",
                "source": "/etc/weir/policies",
                "loaded": "2026-11-21T10:01:00Z",
            },
            "interception": {
                "port": 4242,
                "programs": ["connect4", "connect6"],
                "workloads": [{"name": "ci", "cgroup": "/weir/ci", "identity": "ci-bot", "mode": "observe"}],
            },
            "targets": [{"name": "orders", "protocol": "postgres", "upstream": null}],
            "sessions": [],
            "kernel_refusals": 3,
            "budgets": [{"name": "bulk-rows", "what": "rows", "of": "unix:bot on orders", "count": 12400, "limit": 10000, "window": "10m"}],
            "sinks": [{
                "name": "siem",
                "kind": "syslog",
                "delivered": 12,
                "parked": 0,
                "under_way": 3,
                "waiting": 2,
                "lag_seconds": 40,
                "last_success": "2026-11-21T10:02:00Z",
                "error": "siem.internal:6514: no answer in time",
                "failing_since": "2026-11-21T10:02:40Z",
            }],
            "telemetry": {
                "prometheus": {"address": "127.0.0.1:9464", "asked": 12},
                "otlp": {
                    "endpoint": "https://collector.internal:4318",
                    "spans": 512,
                    "dropped": 3,
                    "metrics": 1,
                    "last_success": null,
                    "error": "it answered 503 Service Unavailable",
                    "failing_since": "2026-11-21T10:02:40Z",
                },
            },
        }))
        .unwrap();
        assert_eq!(
            capture::plain(|out| print(&status, out)),
            "weir         0.1.0, instance daemon, since 2026-11-21 10:00:00Z\n\
             policy       0011223344556677 from /etc/weir/policies, loaded 2026-11-21 10:01:00Z\n\
             interception port 4242, 2 programs on each workload\n\
             kernel       refused 3 calls by itself\n\
             \n\
             workload  cgroup    identity  mode\n\
             ci        /weir/ci  ci-bot    observe\n\
             \n\
             target  protocol  upstream\n\
             orders  postgres  as dialled\n\
             \n\
             ships to  kind    delivered  waiting  lag  last                  state\n\
             siem      syslog  12         2        40s  2026-11-21 10:02:00Z  siem.internal:6514: no answer in time\n\
             \n\
             telemetry   at                               told                       dropped  last   state\n\
             prometheus  127.0.0.1:9464                   asked 12 times                             ok\n\
             otlp        https://collector.internal:4318  512 spans, metrics 1 time  3        never  it answered 503 Service Unavailable\n\
             \n\
             no live sessions\n\
             \n\
             budget     of                  counted  at most\n\
             bulk-rows  unix:bot on orders  12400    10000 rows in 10m\n"
        );
    }
}
