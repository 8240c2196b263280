//! The engine: what `weir daemon` and `weir run` both are. It joins the rooms, and owns what lives
//! longer than a connection.
//!
//! Register, then check, then watch: a connection is known as live before it is judged, and takes
//! its view of the policies before that, so that no change can slip between.

mod approvals;
mod connection;
mod datagrams;
mod granted;
mod held;
mod identified;
mod live;
mod names;
mod opened;
mod policies;
mod process;
mod recorder;
mod refusals;
mod serve;
mod ship;
mod start;
mod status;
mod telemetry;
mod workers;

use std::{
    collections::BTreeMap,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::watch;
use weir_identity::{People, SignIns};
use weir_intercept::{CgroupId, Interceptor, cgroup::Cgroup};
use weir_policy::Policies;
use weir_record::Recorder;
use weir_ship::Shipper;
use weir_telemetry::{Standing, Telemetry};

use self::{datagrams::Places, live::Live, refusals::RefusalLog};
pub use self::{
    live::KillError,
    policies::{PolicyFiles, ReadPolicies, ReloadError, Reloaded},
    status::{
        HeldSocket, InterceptionStatus, KernelRefusal, LiveSession, PolicyStatus, Status,
        TargetStatus, WorkloadStatus,
    },
    workers::Workers,
};
use crate::{
    approve::{Approvals, JournalError},
    audit::Audit,
    config::{Config, Workload},
    dns::Resolver,
    identity::{Registry, RegistryError},
    route::Routes,
    session::postgres::Services,
    signals::{Signals, SignalsError},
    tls::TlsError,
    webhook::WebhookError,
};

/// Below this directory each engine pins its programs and maps.
pub const PINS: &str = "/sys/fs/bpf/weir";

/// How to start an engine.
#[derive(Debug, Default)]
pub struct StartOptions {
    /// Names its pins, so that a restart finds them.
    pub instance: String,
    /// The policy directory, where it isn't the configuration's.
    pub policies: Option<PathBuf>,
    /// Where it is kept what people are asked and say, where that isn't the state directory: no two
    /// engines may share it.
    pub journals: Option<PathBuf>,
    /// Whether somebody can answer what waits for people: without a local API nobody can, and it is
    /// refused at once.
    pub answers: bool,
    /// Listeners that an earlier engine left.
    pub inherited: Vec<OwnedFd>,
    /// Keep an index of the records.
    pub index: bool,
}

/// Why an engine can't start or go on.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Interception failed.
    #[error(transparent)]
    Intercept(#[from] weir_intercept::InterceptError),
    /// The threads that sessions live on can't be started.
    #[error("can't start threads for sessions: {0}")]
    Threads(#[source] std::io::Error),
    /// What was granted can't be read.
    #[error(transparent)]
    Access(#[from] crate::access::AccessError),
    /// The policies don't load.
    #[error(transparent)]
    Policies(#[from] ReloadError),
    /// What signals have counted can't be read.
    #[error(transparent)]
    Signals(#[from] SignalsError),
    /// The certificate authority can't be opened.
    #[error(transparent)]
    Authority(#[from] TlsError),
    /// A provider of identities can't be used.
    #[error(transparent)]
    Identity(#[from] RegistryError),
    /// A file of the state directory can't be used.
    #[error("{}: {source}", path.display())]
    State {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The index of the records can't be kept.
    #[error(transparent)]
    Index(#[from] weir_store::StoreError),
    /// It still serves, so enforcement can't be lifted.
    #[error("the engine still serves; stop it first")]
    Serving,
    /// The record of what was asked of resolvers can't be ended.
    #[error("the record of what was asked of resolvers: {0}")]
    Record(weir_record::RecordError),
    /// The key that vouches for records can't be had.
    #[error(transparent)]
    RecordKey(#[from] weir_record::KeyError),
    /// The directory of records can't be used.
    #[error(transparent)]
    Records(#[from] weir_record::RecorderError),
    /// Events and records can't be taken anywhere.
    #[error("shipping can't begin: {0}")]
    Ship(#[from] weir_ship::ShipError),
    /// What waited for people can't be read or kept.
    #[error("the approvals' journal: {0}")]
    Approvals(#[from] JournalError),
    /// Those who are to be told of it can't be.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// The resolvers can't be found out.
    #[error("can't read the resolvers: {0}")]
    Resolvers(std::io::Error),
}

/// A workload that is behind the engine.
struct Tagged {
    workload: Arc<Workload>,
    cgroup: Cgroup,
    /// Whether it has a process.
    populated: watch::Sender<bool>,
}

/// A running engine. Clones are the same engine.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    config: Config,
    instance: String,
    started: Timestamp,
    recorder: Recorder,
    files: PolicyFiles,
    /// `None` once it was lifted.
    interceptor: Mutex<Option<Arc<Interceptor>>>,
    interception: weir_intercept::Status,
    workloads: BTreeMap<CgroupId, Tagged>,
    places: Places,
    routes: ArcSwap<Routes>,
    services: Arc<Services>,
    resolver: Arc<Resolver>,
    policies: watch::Sender<Arc<Policies>>,
    granted: granted::Granted,
    loaded: ArcSwap<Timestamp>,
    shutdown: watch::Sender<bool>,
    live: Arc<Live>,
    refusals: Arc<RefusalLog>,
    people: People,
    signals: Arc<Signals>,
    approvals: Approvals,
    answers: bool,
    sign_ins: SignIns,
    identities: Registry,
    audit: Arc<Audit>,
    /// `None` once it no longer serves.
    shipper: Mutex<Option<Shipper>>,
    telemetry: Standing,
    /// `None` once it tells.
    telling: Mutex<Option<Telemetry>>,
}

impl Engine {
    /// Lifts enforcement: what was tagged reaches the network directly from here on.
    ///
    /// # Errors
    /// While it serves, and when something can't be unpinned.
    pub fn lift(self) -> Result<(), EngineError> {
        let mut held = lock(&self.0.interceptor);
        let Some(shared) = held.take() else {
            return Ok(());
        };
        match Arc::try_unwrap(shared) {
            Ok(interceptor) => interceptor.remove().map(drop).map_err(EngineError::from),
            Err(shared) => {
                *held = Some(shared);
                Err(EngineError::Serving)
            }
        }
    }

    /// The workload of a tagged cgroup.
    fn workload(&self, id: CgroupId) -> Option<Arc<Workload>> {
        let tagged = self.0.workloads.get(&id)?;
        Some(Arc::clone(&tagged.workload))
    }

    fn interceptor(&self) -> Option<Arc<Interceptor>> {
        lock(&self.0.interceptor).clone()
    }

    /// The listeners once more, for the next engine: as long as someone holds them, a connect waits
    /// and doesn't fail.
    #[must_use]
    pub fn listeners(&self) -> Vec<OwnedFd> {
        self.interceptor()
            .map(|interceptor| interceptor.listeners())
            .unwrap_or_default()
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// What signals have counted and learned.
    #[must_use]
    pub fn signals(&self) -> &Signals {
        &self.0.signals
    }

    /// Who is signed in.
    #[must_use]
    pub fn people(&self) -> &People {
        &self.0.people
    }

    /// What waits for people.
    #[must_use]
    pub fn approvals(&self) -> &Approvals {
        &self.0.approvals
    }

    /// Where its records are.
    #[must_use]
    pub fn records(&self) -> &Path {
        self.0.recorder.dir()
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
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn report_unresolved(routes: &mut Routes) {
    for unresolved in routes.resolve().await {
        tracing::warn!(name = %unresolved.name, error = %unresolved.source, "a target's host does not resolve");
    }
}
