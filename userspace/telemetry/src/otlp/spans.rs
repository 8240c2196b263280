//! Spans as OTLP has them, by the semantic conventions for databases (1.33) where those have a name.

use opentelemetry_proto::tonic::{
    common::v1::KeyValue,
    trace::v1::{Span as Told, Status, span::SpanKind, status::StatusCode},
};

use super::attribute::{flag, float, number, text};
use crate::{
    meters::Verdict,
    span::{Command, Finish, Of, Span, What},
};

/// One span.
pub(super) fn told(span: &Span) -> Told {
    let of = &span.of;
    let (id, parent, name, kind, attributes, failed) = match &span.what {
        What::Session {
            how,
            rule,
            failed,
            dialled,
        } => {
            let mut attributes = session(of);
            attributes.push(text("weir.session.end", *how));
            if let Some(rule) = rule {
                attributes.push(text("weir.rule", &**rule));
            }
            if let Some(dialled) = dialled {
                attributes.push(float("weir.duration.dial", dialled.as_secs_f64()));
            }
            let name = format!("session {}", target(of));
            let kind = SpanKind::Server;
            (of.span(0), Vec::new(), name, kind, attributes, *failed)
        }
        What::Command(command, finish) => {
            let (attributes, failed) = self::command(of, command, finish);
            let name = format!("{} {}", command.operation, target(of));
            let id = of.span(command.seq.get());
            let parent = of.span(0).to_vec();
            (id, parent, name, SpanKind::Client, attributes, failed)
        }
    };
    Told {
        trace_id: of.trace.to_vec(),
        span_id: id.to_vec(),
        parent_span_id: parent,
        name,
        kind: kind.into(),
        start_time_unix_nano: span.start,
        end_time_unix_nano: span.end,
        attributes,
        status: failed.then(|| Status {
            // Messages may quote what was said.
            message: String::new(),
            code: StatusCode::Error.into(),
        }),
        // Sampled, and its parent is known not to be remote.
        flags: 0x101,
        ..Told::default()
    }
}

fn target(of: &Of) -> &str {
    let undeclared = || of.protocol.as_deref().unwrap_or("undeclared");
    of.target.as_deref().unwrap_or_else(undeclared)
}

fn session(of: &Of) -> Vec<KeyValue> {
    let mut attributes = shared(of);
    attributes.extend([
        text("weir.workload", &*of.workload),
        text("weir.subject", &*of.subject),
        text("weir.policy.version", &*of.policy),
        flag("weir.observed", of.observed),
    ]);
    attributes
}

/// What a session's span and those of its commands have in common.
fn shared(of: &Of) -> Vec<KeyValue> {
    let mut attributes = vec![text("weir.session.id", of.session.to_string())];
    if let Some(target) = &of.target {
        attributes.push(text("weir.target", &**target));
    }
    match of.protocol.as_deref() {
        Some("postgres") => attributes.push(text("db.system.name", "postgresql")),
        Some(protocol) => attributes.push(text("network.protocol.name", protocol)),
        None => {}
    }
    if let Some(database) = of.database.get() {
        attributes.push(text("db.namespace", &**database));
    }
    if let Some((address, port)) = of.destination.rsplit_once(':') {
        let bare = address.trim_start_matches('[').trim_end_matches(']');
        let named = of.destination_name.as_deref().unwrap_or(bare);
        attributes.push(text("server.address", named));
        if let Ok(port) = port.parse::<u16>() {
            attributes.push(number("server.port", port.into()));
        }
    }
    attributes
}

fn command(of: &Of, command: &Command, finish: &Finish) -> (Vec<KeyValue>, bool) {
    let mut attributes = shared(of);
    attributes.extend([
        text("db.operation.name", command.operation),
        number("weir.command.seq", command.seq.get()),
        text("weir.verdict", command.verdict.as_str()),
    ]);
    if let Some(rule) = &command.rule {
        attributes.push(text("weir.rule", &**rule));
    }
    if let Some(took) = command.took {
        attributes.push(float("weir.duration.judge", took.as_secs_f64()));
    }
    if let Some(held) = command.held {
        attributes.push(float("weir.duration.hold", seconds(held.unsigned_abs())));
    }
    let mut error = (command.verdict == Verdict::Deny).then_some("refused");
    match finish {
        Finish::Answered {
            how,
            code,
            rows,
            bytes,
            masked,
            micros,
        } => {
            attributes.extend([
                text("weir.outcome", *how),
                number("db.response.returned_rows", *rows),
                number("weir.response.size", *bytes),
                number("weir.masked", *masked),
                float("weir.duration.target", seconds(*micros)),
            ]);
            if let Some(code) = code {
                let code = String::from_utf8_lossy(code).into_owned();
                attributes.push(text("db.response.status_code", code));
            }
            if matches!(*how, "failed" | "lost") {
                error = Some(how);
            }
        }
        Finish::Settled(how) => attributes.push(text("weir.approval.outcome", *how)),
        Finish::Lost => error = Some("lost"),
    }
    attributes.extend(error.map(|error| text("error.type", error)));
    (attributes, error.is_some())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "what is lost is less than one in 2^53"
)]
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}
