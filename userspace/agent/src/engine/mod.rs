//! The engine: what `weir daemon` and `weir run` both are. It joins the rooms, and owns what lives
//! longer than a connection.
//!
//! Register, then check, then watch: a connection is known as live before it is judged, and takes
//! its view of the policies before that, so that no change can slip between.

mod connection;
mod live;
mod policies;
mod refusals;
mod status;

use std::{
    collections::HashMap,
    future::Future,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::{
    sync::{RwLock, watch},
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep},
};
use weir_intercept::{AcceptError, CgroupId, Interceptor, Options, Rules, cgroup::Cgroup};
use weir_policy::Policies;
use weir_wire::postgres::Limits;

use self::{live::Live, refusals::RefusalLog};
pub use self::{
    policies::{PolicyFiles, ReadPolicies, ReloadError, Reloaded},
    status::{
        InterceptionStatus, KernelRefusal, LiveSession, PolicyStatus, Status, TargetStatus,
        WorkloadStatus,
    },
};
use crate::{
    audit::{Audit, AuditEvent},
    config::{Config, Workload},
    mask::key::MaskKey,
    route::Routes,
    session::postgres::{Cancels, Catalogues, Services},
    tls::{Authority, TlsError},
};

/// How often host names of targets are looked up again.
const RESOLVE: Duration = Duration::from_secs(30);
/// How long live sessions have to end when the engine stops.
const FAREWELL: Duration = Duration::from_secs(5);
/// Below this directory each engine pins its programs and maps.
pub const PINS: &str = "/sys/fs/bpf/weir";

/// How to start an engine.
#[derive(Debug, Default)]
pub struct StartOptions {
    /// Names its pins, so that a restart finds them.
    pub instance: String,
    /// The policy directory, where it isn't the configuration's.
    pub policies: Option<PathBuf>,
    /// Listeners that an earlier engine left.
    pub inherited: Vec<OwnedFd>,
}

/// Why an engine can't start or go on.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Interception failed.
    #[error(transparent)]
    Intercept(#[from] weir_intercept::InterceptError),
    /// The policies don't load.
    #[error(transparent)]
    Policies(#[from] ReloadError),
    /// The certificate authority can't be opened.
    #[error(transparent)]
    Authority(#[from] TlsError),
    /// A file of the state directory can't be used.
    #[error("{}: {source}", path.display())]
    State {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It still serves, so enforcement can't be lifted.
    #[error("the engine still serves; stop it first")]
    Serving,
    /// The resolvers can't be found out.
    #[error("can't read the resolvers: {0}")]
    Resolvers(std::io::Error),
}

/// A running engine. Clones are the same engine.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    config: Config,
    instance: String,
    started: Timestamp,
    records: PathBuf,
    files: PolicyFiles,
    interceptor: RwLock<Option<Interceptor>>,
    interception: weir_intercept::Status,
    workloads: HashMap<CgroupId, Arc<Workload>>,
    routes: ArcSwap<Routes>,
    services: Arc<Services>,
    policies: watch::Sender<Arc<Policies>>,
    loaded: ArcSwap<Timestamp>,
    shutdown: watch::Sender<bool>,
    live: Arc<Live>,
    refusals: Arc<RefusalLog>,
    audit: Arc<Audit>,
}

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
        let authority = Authority::open(&config.engine.authority())?;
        let key = state.join("mask.key");
        let mask_key = Arc::new(MaskKey::open(&key).map_err(at(&key))?);
        let audit_path = state.join("audit.jsonl");
        let audit = Arc::new(Audit::open(&audit_path).map_err(at(&audit_path))?);
        let files = PolicyFiles::new(options.policies.or_else(|| config.engine.policies.clone()));
        let policies = Arc::new(files.load()?);
        let mut routes = Routes::new(&config);
        report_unresolved(&mut routes).await;

        let interceptor = Interceptor::start(Options {
            pin_dir: Path::new(PINS).join(&options.instance),
            inherited: options.inherited,
        })?;
        let mut workloads = HashMap::new();
        for workload in &config.workloads {
            let cgroup = Cgroup::resolve(workload.cgroup.below_root())?;
            if workload.create {
                cgroup.create()?;
            }
            let id = interceptor.tag(&cgroup, &Rules::default())?;
            workloads.insert(id, Arc::new(workload.clone()));
        }
        let live = Arc::new(Live::default());
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
        let started = Timestamp::now();
        audit.write(&AuditEvent::Started {
            instance: &options.instance,
            policy: &policies.version().to_string(),
        });
        Ok(Self(Arc::new(Inner {
            records: config.engine.records(),
            interception: interceptor.status(),
            interceptor: RwLock::new(Some(interceptor)),
            instance: options.instance,
            started,
            files,
            workloads,
            routes: ArcSwap::from_pointee(routes),
            services: Arc::new(services),
            policies: watch::Sender::new(policies),
            loaded: ArcSwap::from_pointee(started),
            shutdown: watch::Sender::new(false),
            live,
            refusals,
            audit,
            config,
        })))
    }

    /// Accepts and drives sessions until `shutdown`, then ends the live ones and their records.
    /// Enforcement stays: connects fail until an engine serves again.
    ///
    /// # Errors
    /// When the engine was already [lifted](Self::lift).
    pub async fn serve(&self, shutdown: impl Future<Output = ()>) -> Result<(), EngineError> {
        let mut sessions = JoinSet::new();
        let mut resolve = interval(RESOLVE);
        resolve.set_missed_tick_behavior(MissedTickBehavior::Delay);
        resolve.reset();
        let interceptor = self.0.interceptor.read().await;
        let Some(interceptor) = interceptor.as_ref() else {
            return Ok(());
        };
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                _ = resolve.tick() => self.resolve().await,
                Some(_) = sessions.join_next() => {}
                accepted = interceptor.accept() => match accepted {
                    Ok(intercepted) => {
                        sessions.spawn(connection::serve(self.clone(), intercepted));
                    }
                    Err(AcceptError::Unattributed { peer }) => {
                        tracing::warn!(%peer, "dropped a connection that came from no workload");
                    }
                    Err(error) => {
                        tracing::error!(%error, "can't accept");
                        sleep(Duration::from_millis(50)).await;
                    }
                },
            }
        }
        self.0.shutdown.send_replace(true);
        let farewell = async { while sessions.join_next().await.is_some() {} };
        if tokio::time::timeout(FAREWELL, farewell).await.is_err() {
            tracing::warn!(left = sessions.len(), "sessions did not end in time");
        }
        self.0.audit.write(&AuditEvent::Stopped {
            instance: &self.0.instance,
        });
        Ok(())
    }

    /// Lifts enforcement: what was tagged reaches the network directly from here on.
    ///
    /// # Errors
    /// While it serves, and when something can't be unpinned.
    pub fn lift(self) -> Result<(), EngineError> {
        let held = self
            .0
            .interceptor
            .try_write()
            .map_err(|_| EngineError::Serving)?
            .take();
        match held {
            Some(interceptor) => interceptor.remove().map(drop).map_err(EngineError::from),
            None => Ok(()),
        }
    }

    /// Reads the policies anew. When they are bad, the old ones stay in force; when they are good,
    /// every live session is judged again by them.
    ///
    /// # Errors
    /// When they don't load.
    pub fn reload_policies(&self) -> Result<Reloaded, ReloadError> {
        let from = self.0.policies.borrow().version().to_string();
        let fresh = match self.0.files.load() {
            Ok(fresh) => Arc::new(fresh),
            Err(error) => {
                let reason = error.to_string();
                self.0.audit.write(&AuditEvent::PolicyRejected {
                    reason: &reason,
                    kept: &from,
                });
                return Err(error);
            }
        };
        let to = fresh.version().to_string();
        let warnings = fresh.warnings().iter().map(ToString::to_string).collect();
        self.0.policies.send_replace(fresh);
        self.0.loaded.store(Arc::new(Timestamp::now()));
        self.0.audit.write(&AuditEvent::PolicyLoaded {
            from: &from,
            to: &to,
        });
        Ok(Reloaded {
            from,
            to,
            warnings,
            rejudged: self.0.live.count(),
        })
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// Where its records are.
    #[must_use]
    pub fn records(&self) -> &Path {
        &self.0.records
    }

    /// What agents may trust to verify weir's minted leaves.
    #[must_use]
    pub fn ca_pem(&self) -> &Path {
        self.0.services.authority.certificate()
    }

    /// What the kernel refused by itself, oldest first; the newest are kept.
    #[must_use]
    pub fn kernel_refusals(&self) -> Vec<KernelRefusal> {
        self.0.refusals.all()
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> Status {
        let inner = &self.0;
        let policies = inner.policies.borrow().clone();
        let workloads = inner.workloads.values().map(|workload| WorkloadStatus {
            name: workload.name.to_string(),
            cgroup: workload.cgroup.to_string(),
            identity: workload.identity.name.to_string(),
        });
        let targets = inner.config.targets.iter().map(|target| TargetStatus {
            name: target.name.to_string(),
            protocol: target.protocol.to_string(),
            upstream: target.upstream.as_ref().map(ToString::to_string),
        });
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            instance: inner.instance.clone(),
            started: inner.started,
            policy: PolicyStatus {
                version: policies.version().to_string(),
                source: inner.files.source(),
                loaded: **inner.loaded.load(),
            },
            interception: InterceptionStatus {
                port: inner.interception.port,
                programs: inner
                    .interception
                    .programs
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
                workloads: workloads.collect(),
            },
            targets: targets.collect(),
            sessions: inner.live.all(),
            kernel_refusals: inner.refusals.count(),
        }
    }

    async fn resolve(&self) {
        let mut routes = Routes::clone(&self.0.routes.load());
        report_unresolved(&mut routes).await;
        self.0.routes.store(Arc::new(routes));
    }
}

async fn report_unresolved(routes: &mut Routes) {
    for unresolved in routes.resolve().await {
        tracing::warn!(name = %unresolved.name, error = %unresolved.source, "a target's host does not resolve");
    }
}
