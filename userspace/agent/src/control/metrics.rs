//! `GET /v1/metrics`: how the daemon stands, in Prometheus's text format (version 0.0.4).
//!
//! Made of the status alone, so asking costs a session nothing. What commands were judged how is not
//! counted here: the events of [`weir_ship`] tell each.

use std::{collections::BTreeMap, fmt::Write};

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};

use super::rooms::StatusRoom;
use crate::engine::Status;

const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) async fn metrics<D: StatusRoom>(State(daemon): State<D>) -> Response {
    (
        [(header::CONTENT_TYPE, CONTENT_TYPE)],
        text(&daemon.status()),
    )
        .into_response()
}

/// One metric: its samples, by their labels.
struct Metric {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    samples: Vec<(Vec<(&'static str, String)>, u64)>,
}

fn text(status: &Status) -> String {
    let mut text = String::new();
    for metric in metrics_of(status) {
        metric.write(&mut text);
    }
    text
}

fn metrics_of(status: &Status) -> Vec<Metric> {
    let mut live: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for session in &status.sessions {
        let target = session.target.as_deref().unwrap_or_default();
        *live.entry((target, &session.workload)).or_default() += 1;
    }
    let live = live.into_iter().map(|((target, workload), number)| {
        let labels = [("target", target), ("workload", workload)];
        (
            labels
                .map(|(name, value)| (name, value.to_owned()))
                .to_vec(),
            number,
        )
    });
    let sinks = |value: fn(&weir_ship::SinkStatus) -> u64| {
        let labelled = status.sinks.iter().map(|sink| {
            let labels = vec![("sink", sink.name.clone()), ("kind", sink.kind.clone())];
            (labels, value(sink))
        });
        labelled.collect::<Vec<_>>()
    };
    let metric = |name, kind, help, samples| Metric {
        name,
        kind,
        help,
        samples,
    };
    let since = u64::try_from(status.started.as_second()).unwrap_or(0);
    vec![
        metric(
            "weir_info",
            "gauge",
            "What runs, and by which policy it judges.",
            vec![(
                vec![
                    ("version", status.version.clone()),
                    ("policy", status.policy.version.clone()),
                ],
                1,
            )],
        ),
        metric(
            "weir_start_time_seconds",
            "gauge",
            "When the daemon started.",
            vec![(Vec::new(), since)],
        ),
        metric(
            "weir_sessions_live",
            "gauge",
            "Sessions that are open.",
            live.collect(),
        ),
        metric(
            "weir_kernel_refusals_total",
            "counter",
            "Calls that the kernel refused by itself.",
            vec![(Vec::new(), status.kernel_refusals)],
        ),
        metric(
            "weir_sink_delivered_total",
            "counter",
            "Events, or records, that a sink delivered.",
            sinks(|sink| sink.delivered),
        ),
        metric(
            "weir_sink_parked_total",
            "counter",
            "Events that a receiver will never take.",
            sinks(|sink| sink.parked),
        ),
        metric(
            "weir_sink_waiting",
            "gauge",
            "Sessions that wait to be told, or records to be uploaded.",
            sinks(|sink| sink.waiting),
        ),
        metric(
            "weir_sink_under_way",
            "gauge",
            "Events that were sent and that the receiver may yet lose.",
            sinks(|sink| sink.under_way),
        ),
        metric(
            "weir_sink_lag_seconds",
            "gauge",
            "How old the oldest event is that is under way.",
            sinks(|sink| sink.lag_seconds),
        ),
        metric(
            "weir_sink_up",
            "gauge",
            "Whether a sink can deliver, as far as is known.",
            sinks(|sink| u64::from(sink.is_well())),
        ),
    ]
}

impl Metric {
    /// Nothing where there is no sample.
    fn write(&self, text: &mut String) {
        let Self {
            name,
            kind,
            help,
            samples,
        } = self;
        if samples.is_empty() {
            return;
        }
        push(
            text,
            format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"),
        );
        for (labels, value) in samples {
            let labels: Vec<String> = labels
                .iter()
                .map(|(label, value)| format!("{label}=\"{}\"", escaped(value)))
                .collect();
            if labels.is_empty() {
                push(text, format_args!("{name} {value}\n"));
            } else {
                push(
                    text,
                    format_args!("{name}{{{}}} {value}\n", labels.join(",")),
                );
            }
        }
    }
}

fn push(text: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a text can't fail.
    text.write_fmt(what).ok();
}

/// As the format has label values.
fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_the_status_is_told_by_target_and_by_sink() {
        let session = |id: &str| {
            serde_json::json!({
                "id": id, "workload": "c\"i", "subject": "s", "target": "orders",
                "destination": "192.0.2.1:5432", "observed": false, "since": "2026-11-21T10:00:00Z",
            })
        };
        let status = serde_json::from_value(serde_json::json!({
            "version": "0.1.0", "instance": "daemon", "started": "1970-01-01T00:00:07Z",
            "policy": { "version": "0011", "source": "shipped", "loaded": "2026-11-21T10:01:00Z" },
            "interception": { "port": 4242, "programs": [], "workloads": [] },
            "targets": [], "sessions": [session("a"), session("b")], "kernel_refusals": 3,
            "sinks": [{
                "name": "siem", "kind": "syslog", "delivered": 12, "parked": 1, "under_way": 3,
                "waiting": 2, "lag_seconds": 40, "last_success": null, "error": "away",
                "failing_since": null,
            }],
        }))
        .unwrap();
        let text = text(&status);
        for line in [
            "weir_info{version=\"0.1.0\",policy=\"0011\"} 1",
            "weir_start_time_seconds 7",
            "# TYPE weir_sessions_live gauge",
            "weir_sessions_live{target=\"orders\",workload=\"c\\\"i\"} 2",
            "weir_kernel_refusals_total 3",
            "weir_sink_delivered_total{sink=\"siem\",kind=\"syslog\"} 12",
            "weir_sink_lag_seconds{sink=\"siem\",kind=\"syslog\"} 40",
            "weir_sink_up{sink=\"siem\",kind=\"syslog\"} 0",
        ] {
            assert!(text.lines().any(|told| told == line), "{line} in:\n{text}");
        }
    }
}
