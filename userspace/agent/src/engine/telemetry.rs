//! What is counted and traced, as the configuration has it, and what only the engine knows beside it.

use std::sync::Arc;

use jiff::Timestamp;
use secrecy::SecretString;
use weir_ship::{Shipper, ocsf::Host};
use weir_telemetry::{
    Declared, Family, Gather, Kind, Meters, Options, Otlp, Telemetry, Teller, prometheus,
};

use super::{Engine, Inner, lock};
use crate::{
    config::{self, Config},
    identity::IdentityStatus,
    tls::client_config,
};

/// Counts from here on; tells nobody yet.
pub(super) fn of(config: &Config, instance: &str, started: Timestamp) -> Telemetry {
    let host = config.ship.host.clone().map_or_else(Host::own, Host::new);
    let teller = Teller {
        host: host.name().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        instance: instance.to_owned(),
        started: u64::try_from(started.as_nanosecond()).unwrap_or(0),
    };
    let targets = config.targets.iter().map(|target| Declared {
        name: target.name.to_string(),
        protocol: target.protocol().to_string(),
        upstream: target
            .upstream
            .as_ref()
            .map(|upstream| (upstream.host.to_string(), upstream.port)),
    });
    let workloads = config.workloads.iter().map(|one| one.name.to_string());
    let meters = Meters::new(targets.collect(), workloads.collect());
    let options = Options {
        prometheus: config.telemetry.prometheus,
        otlp: config.telemetry.otlp.as_ref().map(collector),
    };
    Telemetry::new(options, teller, meters)
}

fn collector(declared: &config::Otlp) -> Otlp {
    let headers = declared.headers.clone().map(|source| {
        let read = move || -> Result<SecretString, String> {
            let read = source.lines();
            read.map_err(|error| format!("the headers: {error}"))
        };
        Arc::new(read) as weir_telemetry::Secret
    });
    let ca = declared.ca.clone();
    Otlp {
        endpoint: declared.endpoint.clone(),
        headers,
        tls: Arc::new(move || client_config(ca.as_deref()).map_err(|error| error.to_string())),
        interval: declared.metrics,
        traces: declared.traces.map(config::Part::ratio),
    }
}

impl Engine {
    /// How it stands, as Prometheus reads it.
    #[must_use]
    pub fn metrics(&self) -> String {
        prometheus::text(&families(&self.0))
    }

    /// What gathers all metrics, for as long as there is an engine.
    pub(super) fn gather(&self) -> Gather {
        let inner = Arc::downgrade(&self.0);
        Arc::new(move || {
            inner
                .upgrade()
                .map_or_else(Vec::new, |inner| families(&inner))
        })
    }
}

fn families(inner: &Inner) -> Vec<Family> {
    let mut all = inner.telemetry.families();
    let info = Family::new(
        "weir.info",
        "",
        Kind::Gauge,
        "What runs, and by which policies it judges.",
    );
    let policies = inner.policies.borrow().version().to_string();
    let version = ("weir.version", env!("CARGO_PKG_VERSION"));
    all.push(info.with([version, ("weir.policy.version", policies.as_str())], 1));
    let loaded = Family::new(
        "weir.policy.loaded",
        "s",
        Kind::Gauge,
        "When the policies in force were loaded, since 1970.",
    );
    all.push(loaded.with([], inner.loaded.load().as_second()));
    let started = Family::new(
        "weir.start.time",
        "s",
        Kind::Gauge,
        "When the daemon started, since 1970.",
    );
    all.push(started.with([], inner.started.as_second()));
    let refused = Family::new(
        "weir.kernel.refused",
        "{call}",
        Kind::Counter,
        "Calls that the kernel refused by itself.",
    );
    all.push(refused.with([], inner.refusals.count()));
    all.extend(identities(&inner.identities.status()));
    let shipper = lock(&inner.shipper);
    all.extend(sinks(
        &shipper.as_ref().map(Shipper::status).unwrap_or_default(),
    ));
    all
}

fn identities(declared: &[IdentityStatus]) -> [Family; 2] {
    let mut state = Family::new(
        "weir.identity.state",
        "",
        Kind::Gauge,
        "How identities stand: 1 for the state that each is in.",
    );
    let mut expires = Family::new(
        "weir.identity.expires",
        "s",
        Kind::Gauge,
        "When the token of an identity ends, since 1970.",
    );
    for identity in declared {
        let name = ("weir.identity", identity.name.as_str());
        for known in ["declared", "verified", "unverified", "revoked"] {
            let is = i64::from(identity.state == known);
            state = state.with([name, ("weir.identity.state", known)], is);
        }
        if let Some(at) = identity.expires {
            expires = expires.with([name], at.as_second());
        }
    }
    [state, expires]
}

fn sinks(all: &[weir_ship::SinkStatus]) -> Vec<Family> {
    let family = |name, unit, kind, help, value: fn(&weir_ship::SinkStatus) -> u64| {
        let family = Family::new(name, unit, kind, help);
        all.iter().fold(family, |family, sink| {
            let labels = [
                ("weir.sink", sink.name.as_str()),
                ("weir.sink.kind", sink.kind.as_str()),
            ];
            family.with(labels, value(sink))
        })
    };
    vec![
        family(
            "weir.sink.delivered",
            "{item}",
            Kind::Counter,
            "Events, or records, that a sink delivered.",
            |sink| sink.delivered,
        ),
        family(
            "weir.sink.parked",
            "{event}",
            Kind::Counter,
            "Events that a receiver will never take.",
            |sink| sink.parked,
        ),
        family(
            "weir.sink.waiting",
            "{item}",
            Kind::Gauge,
            "Sessions that wait to be told, or records to be uploaded.",
            |sink| sink.waiting,
        ),
        family(
            "weir.sink.under_way",
            "{event}",
            Kind::Gauge,
            "Events that were sent and that the receiver may yet lose.",
            |sink| sink.under_way,
        ),
        family(
            "weir.sink.lag",
            "s",
            Kind::Gauge,
            "How old the oldest event is that is under way.",
            |sink| sink.lag_seconds,
        ),
        family(
            "weir.sink.up",
            "",
            Kind::Gauge,
            "Whether a sink can deliver, as far as is known.",
            |sink| u64::from(sink.is_well()),
        ),
    ]
}
