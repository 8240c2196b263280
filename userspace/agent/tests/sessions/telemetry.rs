//! What is counted and traced of real sessions, as a real collector and a real reader of
//! Prometheus's format get it.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use opentelemetry_proto::tonic::{
    common::v1::{KeyValue, any_value::Value},
    metrics::v1::{Metric, metric::Data, number_data_point},
    trace::v1::Span,
};
use testbed::{
    Postgres, Spawn,
    otel::{Collector, Downstream},
    venv,
};
use tokio::runtime::Runtime;
use weir_agent::tls::client_config;
use weir_policy::{Policies, Source};
use weir_record::{Durability, Options, Recorder, SigningKey, retain::Spared};
use weir_telemetry::{Declared, Meters, Otlp, Running, Standing, Telemetry, Teller, prometheus};

use crate::{common::Gate, server};

/// Longer than anything here takes, also on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(90);

/// A gate whose sessions are counted and told to a collector.
struct Stand {
    gate: Gate,
    standing: Standing,
    running: Option<Running>,
    downstream: Downstream,
    port: u16,
    runtime: Runtime,
    _dir: tempfile::TempDir,
}

impl Stand {
    fn before(server: &Postgres, policies: Policies) -> Self {
        let runtime = Runtime::new().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let port = testbed::free_port().unwrap();
        let options = weir_telemetry::Options {
            prometheus: None,
            otlp: Some(Otlp {
                endpoint: format!("http://127.0.0.1:{port}"),
                headers: None,
                tls: Arc::new(|| client_config(None).map_err(|error| error.to_string())),
                interval: Some(Duration::from_secs(1)),
                traces: Some(1.0),
            }),
        };
        let teller = Teller {
            host: "db-1".to_owned(),
            version: "0.1.0".to_owned(),
            instance: "test".to_owned(),
            started: 1,
        };
        let declared = Declared {
            name: "db".to_owned(),
            protocol: "postgres".to_owned(),
            upstream: Some(("127.0.0.1".to_owned(), server.port())),
        };
        let meters = Meters::new(vec![declared], vec!["test".to_owned()]);
        let telemetry = Telemetry::new(options, teller, meters);
        let records = Options {
            dir: dir.path().join("records"),
            key: SigningKey::open(dir.path()).unwrap(),
            durability: Durability::Batched,
            recipients: Vec::new(),
            reserve: 0,
            keep: None,
            max_size: None,
        };
        let observer = telemetry.observer();
        let recorder = Recorder::open_observed(records, Spared::default(), observer).unwrap();
        let standing = telemetry.standing();
        let told = standing.clone();
        let running = {
            let _entered = runtime.enter();
            telemetry.run(Arc::new(move || told.families()))
        };
        Self {
            gate: Gate::recorded_by(recorder, server, policies),
            standing,
            running: Some(running),
            downstream: Downstream::start().unwrap(),
            port,
            runtime,
            _dir: dir,
        }
    }

    fn collector(&self) -> Collector {
        Collector::start(self.port, &self.downstream).unwrap()
    }

    /// Ends telling, with what is left.
    fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            self.runtime.block_on(running.stop());
        }
    }

    /// The spans of one trace, once its session's is among them.
    fn trace(&self, id: &str) -> Vec<Span> {
        let is_root = |span: &&Span| {
            span.parent_span_id.is_empty() && text(&span.attributes, "weir.session.id") == id
        };
        until("the trace arrives", || {
            self.downstream.spans().iter().find(is_root).is_some()
        });
        let spans = self.downstream.spans();
        let root = spans.iter().find(is_root).unwrap();
        let of_it = spans.iter().filter(|span| span.trace_id == root.trace_id);
        of_it.cloned().collect()
    }
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < PATIENCE, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The value of an attribute as text; empty where it isn't there.
fn text(attributes: &[KeyValue], name: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == name);
    match found.and_then(|found| found.value.clone()?.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::DoubleValue(number)) => number.to_string(),
        Some(other) => panic!("{name}: {other:?}"),
        None => String::new(),
    }
}

fn named<'a>(spans: &'a [Span], name: &str, verdict: &str) -> &'a Span {
    let found = spans
        .iter()
        .find(|span| span.name == name && text(&span.attributes, "weir.verdict") == verdict);
    found.unwrap_or_else(|| panic!("no {name} ({verdict}) in {spans:#?}"))
}

/// What is counted under a name and a label in the last that was told.
fn counted(metrics: &[Metric], name: &str, label: &str, value: &str) -> Option<i64> {
    let metric = metrics.iter().rev().find(|metric| metric.name == name)?;
    let points = match metric.data.as_ref()? {
        Data::Sum(sum) => &sum.data_points,
        Data::Gauge(gauge) => &gauge.data_points,
        other => panic!("{name}: {other:?}"),
    };
    let point = points
        .iter()
        .find(|point| text(&point.attributes, label) == value)?;
    match point.value? {
        number_data_point::Value::AsInt(number) => Some(number),
        number_data_point::Value::AsDouble(number) => panic!("{name}: {number}"),
    }
}

#[test]
fn a_session_is_a_trace_of_its_commands_and_names_its_record() {
    let server = server();
    let mut stand = Stand::before(&server, Policies::shipped().unwrap());
    let _collector = stand.collector();
    let statements = [
        "SELECT id, email FROM people LIMIT 3",
        "DROP TABLE people",
        "SELECT 1/0",
    ];
    let statements = statements.map(|statement| ["-c", statement]).concat();
    let out = stand.gate.psql_with(&statements);
    assert!(out.stderr_text().contains("weir:"), "{}", out.stderr_text());
    let summary = stand.gate.ended(1).remove(0);
    let spans = stand.trace(&summary.start.id.to_string());
    assert_eq!(spans.len(), 4, "{spans:#?}");

    let root = spans.iter().find(|span| span.name == "session db").unwrap();
    let of_root = |name| text(&root.attributes, name);
    assert_eq!(of_root("weir.workload"), "test");
    assert_eq!(of_root("weir.subject"), "unix:tester");
    assert_eq!(of_root("db.namespace"), "shop");
    assert_eq!(of_root("db.system.name"), "postgresql");
    assert_eq!(of_root("server.port"), "5432");
    assert_eq!(of_root("weir.session.end"), "closed");
    assert!(root.status.is_none());

    let allowed = named(&spans, "select db", "permit");
    let of_allowed = |name| text(&allowed.attributes, name);
    assert_eq!(allowed.parent_span_id, root.span_id);
    assert_eq!(of_allowed("weir.command.seq"), "1");
    assert_eq!(of_allowed("db.response.returned_rows"), "3");
    assert_eq!(of_allowed("weir.masked"), "3");
    assert_eq!(of_allowed("weir.outcome"), "completed");
    for duration in ["weir.duration.judge", "weir.duration.target"] {
        let told: f64 = of_allowed(duration).parse().unwrap();
        assert!(told > 0.0, "{duration}");
    }
    assert!(root.start_time_unix_nano <= allowed.start_time_unix_nano);
    assert!(allowed.end_time_unix_nano <= root.end_time_unix_nano);

    let refused = named(&spans, "drop db", "deny");
    assert_eq!(text(&refused.attributes, "error.type"), "refused");
    assert!(!text(&refused.attributes, "weir.rule").is_empty());
    assert_eq!(refused.status.as_ref().unwrap().code, 2);
    let failed = spans
        .iter()
        .find(|span| text(&span.attributes, "db.response.status_code") == "22012");
    assert_eq!(text(&failed.unwrap().attributes, "error.type"), "failed");

    stand.stop();
    let resource = stand.downstream.resources().remove(0);
    assert_eq!(text(&resource.attributes, "service.name"), "weir");
    assert_eq!(text(&resource.attributes, "host.name"), "db-1");
    until("the last metrics arrive", || {
        let metrics = stand.downstream.metrics();
        let verdicts = |verdict| counted(&metrics, "weir.verdicts", "weir.verdict", verdict);
        verdicts("permit") == Some(2) && verdicts("deny") == Some(1)
    });
    let metrics = stand.downstream.metrics();
    let masked = counted(&metrics, "weir.masked", "weir.target", "db");
    let active = counted(&metrics, "weir.session.active", "weir.target", "db");
    assert_eq!((masked, active), (Some(3), Some(0)));
}

#[test]
fn nothing_that_was_said_or_seen_and_no_secret_leaves() {
    let server = server();
    let mut stand = Stand::before(&server, Policies::shipped().unwrap());
    let _collector = stand.collector();
    let statements = [
        // Literals, comments and names; in what is allowed, refused, and fails.
        "SELECT 'canary-literal' AS canary_alias /* canary-comment */",
        "SELECT id, email FROM people WHERE name <> 'canary-name' LIMIT 2",
        "DELETE FROM canary_table",
        "SELECT 'canary-cast'::int",
        "SELECT 'canary-open",
        "SET application_name = 'canary-setting'",
    ];
    let arguments = statements.map(|statement| ["-c", statement]).concat();
    let out = stand.gate.psql_with(&arguments);
    let seen = out.stdout_text() + &out.stderr_text();
    // It was all there to be taken.
    for canary in ["canary-literal", "canary-cast"] {
        assert!(seen.contains(canary), "{seen}");
    }
    stand
        .gate
        .psql_with(&["-d", "canary_database", "-c", "SELECT 1"]);
    let summaries = stand.gate.ended(2);
    for summary in &summaries {
        stand.trace(&summary.start.id.to_string());
    }
    stand.stop();
    let scraped = prometheus::text(&stand.standing.families());
    let email = server
        .psql_as_superuser("SELECT email FROM people LIMIT 1")
        .unwrap();
    assert!(email.contains('@'), "{email}");
    for secret in ["canary", server.app_password(), email.trim()] {
        assert!(
            !stand.downstream.holds(secret.as_bytes()),
            "{secret} is told"
        );
        assert!(!scraped.contains(secret), "{secret} in {scraped}");
    }
}

#[test]
fn a_collector_that_is_away_holds_nobody_up_and_gets_the_rest_when_it_is_back() {
    let server = server();
    let mut stand = Stand::before(&server, Policies::shipped().unwrap());
    let ids = |stand: &Stand, count| -> Vec<String> {
        let ended = stand.gate.ended(count);
        ended.iter().map(|one| one.start.id.to_string()).collect()
    };
    // Away from the start.
    assert_eq!(stand.gate.psql("SELECT 1").stdout_text(), "1\n");
    let status = || stand.standing.status().otlp.unwrap();
    until("the outage shows", || status().error.is_some());
    let collector = stand.collector();
    for id in ids(&stand, 1) {
        stand.trace(&id);
    }
    until("it is well", || status().error.is_none());
    // Away in the middle.
    drop(collector);
    assert_eq!(stand.gate.psql("SELECT 2").stdout_text(), "2\n");
    until("the second outage shows", || status().error.is_some());
    assert_eq!(stand.gate.psql("SELECT 3").stdout_text(), "3\n");
    let _collector = stand.collector();
    for id in ids(&stand, 3) {
        stand.trace(&id);
    }
    assert_eq!(status().dropped, 0);
    stand.stop();
}

#[test]
fn what_waited_for_people_tells_for_how_long() {
    let server = server();
    let source = Source {
        name: "ask.cedar".to_owned(),
        text: "@id(\"all\") permit(principal, action, resource) unless { action == Weir::Action::\"delete\" };\n\
               @id(\"ask-delete\") @approvers(\"dba\") @timeout(\"1\")\n\
               permit(principal, action == Weir::Action::\"delete\", resource) when { context.approved };"
            .to_owned(),
    };
    let mut stand = Stand::before(&server, Policies::load(&[source]).unwrap());
    let _collector = stand.collector();
    stand.gate.psql("DELETE FROM orders WHERE id = 1");
    let summary = stand.gate.ended(1).remove(0);
    let spans = stand.trace(&summary.start.id.to_string());
    let asked = named(&spans, "delete db", "ask");
    assert_eq!(
        text(&asked.attributes, "weir.approval.outcome"),
        "timed_out"
    );
    assert!(asked.end_time_unix_nano - asked.start_time_unix_nano > 900_000_000);
    named(&spans, "delete db", "deny");
    stand.stop();
    let scraped = prometheus::text(&stand.standing.families());
    for line in [
        "weir_approval_pending 0",
        "weir_approval_settled_total{weir_approval_outcome=\"timed_out\"} 1",
        "weir_approval_wait_duration_seconds_count 1",
    ] {
        assert!(
            scraped.lines().any(|told| told == line),
            "{line} in {scraped}"
        );
    }
}

/// Prints each sample that Prometheus's own reader finds, and fails where it finds none right.
const READER: &str = r#"
import sys
from prometheus_client.parser import text_string_to_metric_families as read
for family in read(sys.stdin.read()):
    assert family.documentation, family.name
    assert family.type in ("counter", "gauge", "histogram"), family
    for sample in family.samples:
        print(family.type, sample.name, sorted(sample.labels.items()), sample.value)
"#;

#[test]
fn prometheus_reads_all_that_is_told() {
    let server = server();
    let mut stand = Stand::before(&server, Policies::shipped().unwrap());
    stand.gate.psql("SELECT id, email FROM people LIMIT 3");
    stand.gate.psql("DROP TABLE people");
    stand.gate.ended(2);
    stand.stop();
    let told = prometheus::text(&stand.standing.families());
    let read = Spawn::new(venv().unwrap())
        .args(["-c", READER])
        .stdin(told.as_bytes())
        .run_ok()
        .unwrap();
    let read = read.stdout_text();
    let samples: HashMap<&str, &str> = read
        .lines()
        .filter_map(|line| line.rsplit_once(' '))
        .collect();
    let lines = told.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(samples.len(), lines, "each sample once, and none lost");
    let target = "('network_protocol_name', 'postgres'), ('weir_target', 'db')";
    for (sample, value) in [
        (format!("counter weir_masked_total [{target}]"), "3"),
        (
            format!("counter weir_verdicts_total [{target}, ('weir_verdict', 'deny')]"),
            "1",
        ),
        (
            format!("gauge weir_session_active [{target}, ('weir_workload', 'test')]"),
            "0",
        ),
        (
            format!("histogram weir_verdict_duration_seconds_count [{target}]"),
            "2",
        ),
    ] {
        assert_eq!(
            samples.get(sample.as_str()),
            Some(&value),
            "{sample} in\n{read}"
        );
    }
}
