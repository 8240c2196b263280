//! What sessions do, counted and traced, and told to whoever watches a host: OTLP and Prometheus.
//!
//! It hears of everything by the record ([`weir_record::Observer`]), so what is counted and what is
//! on record can't tell two stories, and every protocol is counted alike. Nothing here decides
//! anything or holds anybody up: sessions touch relaxed atomics, and what is told goes from tasks of
//! its own, over a queue that drops what finds no room and counts it.
//!
//! Not its job: what a person or an auditor wants to know of a command. That is on record, and
//! shipped; nothing that an agent said or saw leaves by this way.
//!
//! | room | its one job |
//! |---|---|
//! | `instrument` | counters, levels, histograms, and those by name |
//! | `meters` | all that is counted, and telling it as families |
//! | `heard` | what is on record, to both |
//! | `span` | traces and their spans, sampled and queued |
//! | [`prometheus`] | the endpoint and its text |
//! | `otlp` | the collector |
//! | `status` | how telling stands |
//!
//! Known limits: counts begin anew with each start. What no session's record has isn't here, unless
//! the daemon adds it: sockets that the kernel refuses, identities, sinks.

#![forbid(unsafe_code)]

mod family;
mod heard;
mod instrument;
mod meters;
mod otlp;
pub mod prometheus;
mod span;
mod status;

use std::{net::SocketAddr, sync::Arc};

use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use weir_record::Observer;

pub use self::{
    family::{Distribution, Family, Kind, Point, Value},
    meters::{Declared, Meters},
    otlp::{Otlp, Secret, Teller, Tls},
    status::{EndpointStatus, OtlpStatus, TelemetryStatus},
};
use self::{
    heard::Listener,
    span::{Span, Tracer},
    status::State,
};

/// Gathers all metrics of the moment.
pub type Gather = Arc<dyn Fn() -> Vec<Family> + Send + Sync>;

/// Whom to tell.
#[derive(Clone, Default)]
pub struct Options {
    /// Where Prometheus may ask.
    pub prometheus: Option<SocketAddr>,
    /// The collector.
    pub otlp: Option<Otlp>,
}

/// Counts and traces; tells nobody before it [runs](Self::run).
pub struct Telemetry {
    options: Options,
    teller: Teller,
    listener: Arc<Listener>,
    spans: Option<mpsc::Receiver<Span>>,
    state: Arc<State>,
}

/// Telling, until it is dropped or stopped.
#[derive(Debug)]
pub struct Running {
    tasks: JoinSet<()>,
    endpoint: JoinSet<()>,
    stop: watch::Sender<bool>,
}

/// How telling stands, to whoever asks.
#[derive(Clone, Debug)]
pub struct Standing {
    meters: Arc<Meters>,
    state: Arc<State>,
}

impl Telemetry {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(options: Options, teller: Teller, meters: Meters) -> Self {
        let otlp = options.otlp.as_ref();
        let state = Arc::new(State::new(
            options.prometheus.map(|address| address.to_string()),
            otlp.map(|otlp| origin(&otlp.endpoint).to_owned()),
        ));
        let traced = otlp.and_then(|otlp| otlp.traces).map(|ratio| {
            let (queue, spans) = mpsc::channel(otlp::QUEUE);
            let dropped = Arc::clone(&state.unqueued);
            (Tracer::new(&teller.host, ratio, queue, dropped), spans)
        });
        let (tracer, spans) = traced.unzip();
        Self {
            listener: Arc::new(Listener {
                meters: Arc::new(meters),
                tracer,
            }),
            options,
            teller,
            spans,
            state,
        }
    }

    /// Who hears of the records.
    #[must_use]
    pub fn observer(&self) -> Arc<dyn Observer> {
        Arc::clone(&self.listener) as Arc<dyn Observer>
    }

    /// How telling stands, also once it runs.
    #[must_use]
    pub fn standing(&self) -> Standing {
        Standing {
            meters: Arc::clone(&self.listener.meters),
            state: Arc::clone(&self.state),
        }
    }

    /// Tells whom it was told to tell.
    #[must_use]
    pub fn run(self, gather: Gather) -> Running {
        let (mut tasks, mut endpoint) = (JoinSet::new(), JoinSet::new());
        let stop = watch::Sender::new(false);
        let state = || Arc::clone(&self.state);
        if let Some(address) = self.options.prometheus {
            endpoint.spawn(prometheus::serve(address, Arc::clone(&gather), state()));
        }
        if let Some(otlp) = self.options.otlp {
            if let Some(interval) = otlp.interval {
                tasks.spawn(otlp::tell_metrics(
                    (otlp.clone(), interval),
                    self.teller.clone(),
                    gather,
                    state(),
                    stop.subscribe(),
                ));
            }
            if let Some(spans) = self.spans {
                tasks.spawn(otlp::tell_spans(
                    otlp,
                    self.teller,
                    spans,
                    state(),
                    stop.subscribe(),
                ));
            }
        }
        Running {
            tasks,
            endpoint,
            stop,
        }
    }
}

/// An address without its path, which may be a secret.
fn origin(address: &str) -> &str {
    let host = address.find("://").map_or(0, |place| place + "://".len());
    let path = address.get(host..).and_then(|rest| rest.find('/'));
    let end = path.map_or(address.len(), |path| host + path);
    address.get(..end).unwrap_or_default()
}

impl Running {
    /// Tells the rest, as far as that takes no more than some seconds.
    pub async fn stop(mut self) {
        self.endpoint.shutdown().await;
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

impl Standing {
    /// What is counted.
    #[must_use]
    pub fn meters(&self) -> &Meters {
        &self.meters
    }

    /// All metrics of this crate.
    #[must_use]
    pub fn families(&self) -> Vec<Family> {
        let mut all = self.meters.families();
        all.extend(self.state.families());
        all
    }

    /// How telling stands.
    #[must_use]
    pub fn status(&self) -> TelemetryStatus {
        self.state.status()
    }
}

#[cfg(test)]
mod sample;
