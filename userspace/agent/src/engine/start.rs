//! How an engine comes to stand: everything that can fail first, what governs last.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::watch;
use weir_identity::People;
use weir_intercept::{Interceptor, Options, cgroup::Cgroup};
use weir_ship::Shipped;
use weir_store::Indexer;
use weir_wire::postgres::Limits;

use super::{
    Engine, EngineError, Inner, PINS, PolicyFiles, StartOptions, Tagged, approvals,
    datagrams::Places, granted, live::Live, recorder, refusals, refusals::RefusalLog,
    report_unresolved, ship, telemetry,
};
use crate::{
    audit::{Audit, AuditEvent},
    config::Config,
    dns::{self, Resolver, ResolverOptions},
    identity::{Providers, Registry},
    mask::key::MaskKey,
    route::Routes,
    session::postgres::{Cancels, Catalogues, Services},
    signals::Signals,
    tls::Authority,
};

impl Engine {
    /// Loads policies and keys, starts interception and tags the configured workloads. Nothing is
    /// tagged before everything else stands.
    ///
    /// # Errors
    /// When any of it fails. What was pinned before stays in force.
    pub async fn start(config: Config, options: StartOptions) -> Result<Self, EngineError> {
        let state = config.engine.state.clone();
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| EngineError::State { path, source }
        };
        let providers = Providers::new(&config)?;
        let identities = Registry::new(&config, &providers)?;
        let authority = Authority::open(&config.engine.authority())?;
        let shipped = Shipped::default();
        let started = Timestamp::now();
        let telemetry = telemetry::of(&config, &options.instance, started);
        let recorder = recorder::open(&config, &shipped, telemetry.observer())?;
        let key = state.join("mask.key");
        let mask_key = Arc::new(MaskKey::open(&key).map_err(at(&key))?);
        let audit_path = config.engine.audit();
        let audit = Arc::new(Audit::open(&audit_path).map_err(at(&audit_path))?);
        let signals = Arc::new(Signals::open(
            state.join("signals.json"),
            Arc::clone(&audit),
        )?);
        let journals = options.journals.as_deref().unwrap_or(&state);
        let approvals = approvals::open(&config, journals, Arc::clone(&audit))?;
        let files = PolicyFiles::new(options.policies.or_else(|| config.engine.policies.clone()))
            .signed_by(config.policies.keys.clone())
            .remembered_in(&state);
        let loaded = files.read()?;
        files.note(&loaded)?;
        let policies = Arc::new(loaded.policies);
        let mut routes = Routes::new(&config);
        report_unresolved(&mut routes).await;

        let upstreams = config
            .engine
            .resolvers
            .addresses()
            .map_err(EngineError::Resolvers)?
            .into_iter()
            .map(|address| SocketAddr::new(address, dns::PORT))
            .collect();
        let interceptor = Interceptor::start(Options {
            pin_dir: Path::new(PINS).join(&options.instance),
            inherited: options.inherited,
        })?;
        let mut workloads = BTreeMap::new();
        for workload in &config.workloads {
            let cgroup = Cgroup::resolve(workload.cgroup.below_root())?;
            if workload.create {
                cgroup.create()?;
            }
            let id = interceptor.tag(&cgroup, &workload.rules)?;
            let workload = Arc::new(workload.clone());
            let populated = watch::Sender::new(true);
            let tagged = Tagged {
                workload,
                cgroup,
                populated,
            };
            workloads.insert(id, tagged);
        }
        let index = options.index.then(|| {
            let path = state.join(format!("{}.index", options.instance));
            Indexer::start(&path, &config.engine.records())
        });
        let live = Arc::new(Live::new(index.transpose()?));
        let refusals = Arc::new(RefusalLog::default());
        if let Some(stream) = interceptor.take_refusals() {
            tokio::spawn(refusals::collect(
                stream,
                Arc::clone(&refusals),
                Arc::clone(&audit),
            ));
        }
        let limits = Limits {
            message: config.engine.max_message,
            ..Limits::default()
        };
        let services = Services {
            authority,
            mask_key,
            catalogues: Catalogues::default(),
            cancels: Arc::new(Cancels::default()),
            limits,
        };
        let policies = watch::Sender::new(policies);
        let granted = granted::Granted::open(journals, &config, identities.acting(), &policies)?;
        let resolver = Resolver::new(
            &config,
            ResolverOptions {
                upstreams,
                recorder: recorder.clone(),
                policies: policies.subscribe(),
                signals: Arc::clone(&signals),
            },
        );
        audit.write(&AuditEvent::Started {
            instance: &options.instance,
            policy: &policies.borrow().version().to_string(),
        });
        let places = Places::new(
            &config,
            workloads
                .iter()
                .map(|(id, tagged)| (*id, tagged.workload.as_ref())),
        );
        let interceptor = Arc::new(interceptor);
        let engine = Self(Arc::new(Inner {
            recorder,
            interception: interceptor.status(),
            interceptor: Mutex::new(Some(Arc::clone(&interceptor))),
            instance: options.instance,
            started,
            files,
            workloads,
            places,
            routes: ArcSwap::from_pointee(routes),
            services: Arc::new(services),
            resolver: Arc::new(resolver),
            policies,
            granted,
            loaded: ArcSwap::from_pointee(started),
            shutdown: watch::Sender::new(false),
            live,
            refusals,
            people: People::default(),
            signals,
            approvals,
            answers: options.answers,
            sign_ins: providers.sign_ins(),
            identities,
            audit,
            shipper: Mutex::new(Some(ship::start(&config, shipped)?)),
            telemetry: telemetry.standing(),
            telling: Mutex::new(Some(telemetry)),
            config,
        }));
        engine.tell_places(&interceptor)?;
        tokio::spawn(granted::follow(Arc::downgrade(&engine.0)));
        let inner = Arc::downgrade(&engine.0);
        engine.0.resolver.when_given(move |workload, name| {
            if let Some(inner) = inner.upgrade() {
                Self(inner).tell_given(workload, name);
            }
        });
        Ok(engine)
    }
}
