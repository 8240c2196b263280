//! How telling others stands.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Family, Kind, instrument::Counter};

/// How telling others stands, as the API and the CLI show it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TelemetryStatus {
    /// The endpoint for Prometheus, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<EndpointStatus>,
    /// The collector, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otlp: Option<OtlpStatus>,
}

/// The endpoint for Prometheus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointStatus {
    /// Where it listens, or should.
    pub address: String,
    /// How often it was asked for metrics.
    pub asked: u64,
    /// Why it doesn't listen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A collector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtlpStatus {
    /// Its address.
    pub endpoint: String,
    /// Spans that it has.
    pub spans: u64,
    /// Spans that it will never have.
    pub dropped: u64,
    /// How often it was told metrics.
    pub metrics: u64,
    /// When it took something last.
    pub last_success: Option<Timestamp>,
    /// Why it takes nothing now.
    pub error: Option<String>,
    /// Since when.
    pub failing_since: Option<Timestamp>,
}

/// The same, shared by what tells and whoever asks.
#[derive(Debug)]
pub(crate) struct State {
    status: Mutex<TelemetryStatus>,
    /// Spans that found no room, which sessions count.
    pub(crate) unqueued: Arc<Counter>,
}

impl State {
    pub(crate) fn new(prometheus: Option<String>, otlp: Option<String>) -> Self {
        let status = TelemetryStatus {
            prometheus: prometheus.map(|address| EndpointStatus {
                address,
                asked: 0,
                error: None,
            }),
            otlp: otlp.map(|endpoint| OtlpStatus {
                endpoint,
                spans: 0,
                dropped: 0,
                metrics: 0,
                last_success: None,
                error: None,
                failing_since: None,
            }),
        };
        Self {
            status: Mutex::new(status),
            unqueued: Arc::default(),
        }
    }

    pub(crate) fn status(&self) -> TelemetryStatus {
        let mut status = self.lock().clone();
        if let Some(otlp) = &mut status.otlp {
            otlp.dropped += self.unqueued.get();
        }
        status
    }

    /// It has these spans, or metrics.
    pub(crate) fn delivered(&self, spans: usize, metrics: bool) {
        self.with(|otlp| {
            otlp.spans += spans as u64;
            otlp.metrics += u64::from(metrics);
            otlp.last_success = Some(Timestamp::now());
            otlp.failing_since = None;
            if let Some(after) = otlp.error.take() {
                tracing::info!(collector = otlp.endpoint, after, "it takes telemetry again");
            }
        });
    }

    pub(crate) fn dropped(&self, spans: usize) {
        self.with(|otlp| otlp.dropped += spans as u64);
    }

    /// Tells the log when it begins to fail, and when the reason becomes another.
    pub(crate) fn failed(&self, why: &str) {
        self.with(|otlp| {
            if otlp.error.as_deref() != Some(why) {
                tracing::warn!(collector = otlp.endpoint, why, "telemetry is not taken");
            }
            otlp.error = Some(why.to_owned());
            otlp.failing_since.get_or_insert_with(Timestamp::now);
        });
    }

    /// Whether the endpoint listens.
    pub(crate) fn listens(&self, error: Option<String>) {
        if let Some(endpoint) = &mut self.lock().prometheus {
            if let Some(error) = &error
                && endpoint.error.as_ref() != Some(error)
            {
                let address = &endpoint.address;
                tracing::error!(
                    address,
                    error,
                    "metrics can't be asked for; it is tried again"
                );
            }
            endpoint.error = error;
        }
    }

    pub(crate) fn asked(&self) {
        if let Some(endpoint) = &mut self.lock().prometheus {
            endpoint.asked += 1;
        }
    }

    /// As metrics; nothing where nobody is told.
    pub(crate) fn families(&self) -> Option<Family> {
        let otlp = self.status().otlp?;
        let spans = Family::new(
            "weir.telemetry.spans",
            "{span}",
            Kind::Counter,
            "Spans that the collector has, and that it will never have.",
        );
        Some(
            spans
                .with([("weir.telemetry.outcome", "delivered")], otlp.spans)
                .with([("weir.telemetry.outcome", "dropped")], otlp.dropped),
        )
    }

    fn with(&self, change: impl FnOnce(&mut OtlpStatus)) {
        if let Some(otlp) = &mut self.lock().otlp {
            change(otlp);
        }
    }

    fn lock(&self) -> MutexGuard<'_, TelemetryStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
