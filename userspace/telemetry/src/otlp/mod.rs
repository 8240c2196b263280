//! OTLP over HTTP, in binary protobuf: metrics at an interval, spans in batches.
//!
//! A collector that is slow or away holds nobody up: spans wait in a queue of a fixed size, and what
//! finds no room there is dropped and counted. Metrics are told anew each time, with all that was
//! counted, so nothing of them waits at all.
//!
//! Source: "OpenTelemetry Protocol Specification" 1.5, OTLP/HTTP.

mod attribute;
mod collector;
mod metrics;
mod spans;

use std::{sync::Arc, time::Duration};

use opentelemetry_proto::tonic::{
    collector::{
        metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse},
        trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    },
    common::v1::InstrumentationScope,
    metrics::v1::{ResourceMetrics, ScopeMetrics},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans},
};
use prost::Message;
use secrecy::SecretString;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout},
};

use self::collector::{Collector, Failure};
use crate::{Gather, span::Span, status::State};

/// How many spans wait.
pub(crate) const QUEUE: usize = 8192;
/// How many go at once, at most.
const BATCH: usize = 512;
/// How long the first of a batch waits for others.
const LINGER: Duration = Duration::from_secs(1);
/// How long after a failure it is tried again, first and at most.
const PAUSE: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60)];
/// How long what is left may take when weir stops.
const FAREWELL: Duration = Duration::from_secs(2);

/// Reads what is secret each time that it is used, so that what is renewed is taken; the error is in
/// words for people.
pub type Secret = Arc<dyn Fn() -> Result<SecretString, String> + Send + Sync>;
/// Makes what verifies the collector, likewise.
pub type Tls = Arc<dyn Fn() -> Result<rustls::ClientConfig, String> + Send + Sync>;

/// Where to tell.
#[derive(Clone)]
pub struct Otlp {
    /// The collector's base address, to which `/v1/traces` and `/v1/metrics` are added.
    pub endpoint: String,
    /// Headers of each request, a line each (`name: value`).
    pub headers: Option<Secret>,
    /// Whom to trust.
    pub tls: Tls,
    /// How often metrics are told; never without it.
    pub interval: Option<Duration>,
    /// Which part of all sessions is traced; none without it.
    pub traces: Option<f64>,
}

/// Who tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Teller {
    /// The host's name.
    pub host: String,
    /// Weir's version.
    pub version: String,
    /// The engine's name.
    pub instance: String,
    /// When it started, in nanoseconds since 1970.
    pub started: u64,
}

impl Teller {
    fn resource(&self) -> Resource {
        let attributes = [
            ("service.name", "weir"),
            ("service.version", &self.version),
            ("service.instance.id", &self.instance),
            ("host.name", &self.host),
        ];
        Resource {
            attributes: attributes
                .map(|(name, value)| attribute::text(name, value))
                .into(),
            ..Resource::default()
        }
    }

    fn scope(&self) -> InstrumentationScope {
        InstrumentationScope {
            name: "weir".to_owned(),
            version: self.version.clone(),
            ..InstrumentationScope::default()
        }
    }
}

/// Tells metrics until `stop`, and once more then.
pub(crate) async fn tell_metrics(
    (otlp, every): (Otlp, Duration),
    teller: Teller,
    gather: Gather,
    state: Arc<State>,
    mut stop: watch::Receiver<bool>,
) {
    let mut collector = Collector::new(&otlp, "/v1/metrics");
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let last = tokio::select! {
            _ = ticks.tick() => false,
            _ = stop.wait_for(|stop| *stop) => true,
        };
        let request = ExportMetricsServiceRequest {
            resource_metrics: vec![ResourceMetrics {
                resource: Some(teller.resource()),
                scope_metrics: vec![ScopeMetrics {
                    scope: Some(teller.scope()),
                    metrics: metrics::told(&gather(), teller.started, now()),
                    ..ScopeMetrics::default()
                }],
                ..ResourceMetrics::default()
            }],
        };
        let sent = async {
            let answer = collector.send(request.encode_to_vec()).await?;
            let answer = ExportMetricsServiceResponse::decode(answer).unwrap_or_default();
            match answer.partial_success {
                Some(some) if some.rejected_data_points > 0 => Err(Failure::Refused(format!(
                    "it rejects {} points of metrics",
                    some.rejected_data_points
                ))),
                _ => Ok(()),
            }
        };
        let sent = async {
            match sent.await {
                Ok(()) => state.delivered(0, true),
                Err(error) => state.failed(&error.to_string()),
            }
        };
        tokio::select! {
            () = sent => {}
            () = farewell(&mut stop) => return,
        }
        if last {
            return;
        }
    }
}

/// Tells spans until `stop`, and then what is left.
pub(crate) async fn tell_spans(
    otlp: Otlp,
    teller: Teller,
    mut spans: mpsc::Receiver<Span>,
    state: Arc<State>,
    mut stop: watch::Receiver<bool>,
) {
    let mut collector = Collector::new(&otlp, "/v1/traces");
    let mut batch = Vec::with_capacity(BATCH);
    while fill(&mut batch, &mut spans, &mut stop).await {
        deliver(&mut batch, &mut collector, &teller, &state, &mut stop).await;
    }
    // Nothing comes any more that anybody waits for.
    spans.close();
    let left = async {
        while spans.recv_many(&mut batch, BATCH).await > 0 {
            deliver(&mut batch, &mut collector, &teller, &state, &mut stop).await;
        }
    };
    if timeout(FAREWELL, left).await.is_err() {
        state.dropped(batch.len() + spans.len());
    }
}

/// Fills a batch. False once weir stops.
async fn fill(
    batch: &mut Vec<Span>,
    spans: &mut mpsc::Receiver<Span>,
    stop: &mut watch::Receiver<bool>,
) -> bool {
    let mut until = None;
    while batch.len() < BATCH {
        let room = BATCH - batch.len();
        let full = async {
            match until {
                Some(until) => sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            got = spans.recv_many(batch, room) => if got == 0 {
                return false;
            },
            () = full => return true,
            _ = stop.wait_for(|stop| *stop) => return false,
        }
        until.get_or_insert_with(|| Instant::now() + LINGER);
    }
    true
}

/// Delivers a batch, however long that takes; while weir stops it is tried once.
async fn deliver(
    batch: &mut Vec<Span>,
    collector: &mut Collector,
    teller: &Teller,
    state: &State,
    stop: &mut watch::Receiver<bool>,
) {
    if batch.is_empty() {
        return;
    }
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(teller.resource()),
            scope_spans: vec![ScopeSpans {
                scope: Some(teller.scope()),
                spans: batch.iter().map(spans::told).collect(),
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    };
    let body = bytes::Bytes::from(request.encode_to_vec());
    let [mut pause, longest] = PAUSE;
    loop {
        let sent = tokio::select! {
            sent = collector.send(body.clone()) => sent,
            () = farewell(stop) => Err(Failure::Later("it didn't answer in time".to_owned())),
        };
        match sent {
            Ok(answer) => {
                let answer = ExportTraceServiceResponse::decode(answer).unwrap_or_default();
                let rejected = answer.partial_success.map_or(0, |some| some.rejected_spans);
                let rejected = usize::try_from(rejected).unwrap_or(0).min(batch.len());
                state.delivered(batch.len() - rejected, false);
                if rejected > 0 {
                    state.dropped(rejected);
                    state.failed(&format!("it rejects {rejected} spans"));
                }
                break;
            }
            Err(error @ Failure::Refused(_)) => {
                state.failed(&error.to_string());
                state.dropped(batch.len());
                break;
            }
            Err(error @ Failure::Later(_)) => {
                state.failed(&error.to_string());
                if *stop.borrow() {
                    state.dropped(batch.len());
                    break;
                }
                tokio::select! {
                    () = sleep(pause) => {}
                    _ = stop.wait_for(|stop| *stop) => {}
                }
                pause = (pause * 2).min(longest);
            }
        }
    }
    batch.clear();
}

/// Resolves some time after weir began to stop.
async fn farewell(stop: &mut watch::Receiver<bool>) {
    // Whoever could say so being gone is the same.
    stop.wait_for(|stop| *stop).await.ok();
    sleep(FAREWELL).await;
}

/// In nanoseconds since 1970.
fn now() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(0)
}

#[cfg(test)]
mod tests;
