//! Who is told what is counted and traced, in `weir status`.

use std::io;

use weir_telemetry::TelemetryStatus;

use crate::cli::{
    line::{Line, Tone},
    moment,
    out::Out,
    sessions::story::count,
    table::{Column, Table},
};

/// Nothing where nobody is told.
pub(super) fn print(telemetry: &TelemetryStatus, out: &mut Out) -> io::Result<()> {
    if *telemetry == TelemetryStatus::default() {
        return Ok(());
    }
    let mut table = Table::new([
        Column::text("telemetry"),
        Column::text("at"),
        Column::text("told"),
        Column::text("dropped"),
        Column::text("last"),
        Column::text("state"),
    ]);
    if let Some(endpoint) = &telemetry.prometheus {
        table.row([
            Line::of(Tone::Strong, "prometheus"),
            Line::plain(&endpoint.address),
            Line::plain(format!("asked {}", count(endpoint.asked, "time"))),
            Line::default(),
            Line::default(),
            state(endpoint.error.as_deref(), 0),
        ]);
    }
    if let Some(otlp) = &telemetry.otlp {
        table.row([
            Line::of(Tone::Strong, "otlp"),
            Line::plain(&otlp.endpoint),
            Line::plain(format!(
                "{}, metrics {}",
                count(otlp.spans, "span"),
                count(otlp.metrics, "time")
            )),
            Line::plain(otlp.dropped.to_string()),
            otlp.last_success.map_or_else(
                || Line::of(Tone::Dim, "never"),
                |at| Line::plain(moment::second(at)),
            ),
            state(otlp.error.as_deref(), otlp.dropped),
        ]);
    }
    super::section(&table, false, "", out)
}

fn state(error: Option<&str>, dropped: u64) -> Line {
    match error {
        Some(error) => Line::of(Tone::Bad, error),
        None if dropped > 0 => Line::of(Tone::Warn, "ok, but spans were dropped"),
        None => Line::of(Tone::Good, "ok"),
    }
}
