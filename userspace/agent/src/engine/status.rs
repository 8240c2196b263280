//! How an engine stands, as the API and the CLI show it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use weir_policy::BudgetStanding;
use weir_ship::{Shipper, SinkStatus};
use weir_telemetry::TelemetryStatus;

use super::{Engine, Tagged, lock};
use crate::identity::IdentityStatus;

/// An engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Weir's version.
    pub version: String,
    /// The engine's name.
    pub instance: String,
    /// When it started.
    pub started: Timestamp,
    /// The policies in force.
    pub policy: PolicyStatus,
    /// What is intercepted.
    pub interception: InterceptionStatus,
    /// The declared targets.
    pub targets: Vec<TargetStatus>,
    /// The sessions that are open.
    pub sessions: Vec<LiveSession>,
    /// How the declared identities stand.
    #[serde(default)]
    pub identities: Vec<IdentityStatus>,
    /// How much the kernel refused by itself since the start.
    pub kernel_refusals: u64,
    /// What was counted against budgets, within their windows.
    #[serde(default)]
    pub budgets: Vec<BudgetStanding>,
    /// Where events and records are taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sinks: Vec<SinkStatus>,
    /// Who is told what is counted and traced.
    #[serde(default)]
    pub telemetry: TelemetryStatus,
}

/// The policies in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyStatus {
    /// Their version.
    pub version: String,
    /// Their directory, or that they are the shipped ones.
    pub source: String,
    /// When they were loaded.
    pub loaded: Timestamp,
}

/// What is intercepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterceptionStatus {
    /// The port that connections are redirected to.
    pub port: u16,
    /// The attached programs.
    pub programs: Vec<String>,
    /// The tagged workloads.
    pub workloads: Vec<WorkloadStatus>,
}

/// A tagged workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadStatus {
    /// Its name.
    pub name: String,
    /// Its cgroup.
    pub cgroup: String,
    /// The identity it is bound to.
    pub identity: String,
    /// `enforce`, or `observe`: what would be refused goes on, and is marked.
    pub mode: String,
}

/// A declared target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetStatus {
    /// Its name.
    pub name: String,
    /// Its protocol.
    pub protocol: String,
    /// Where weir dials, unless it is where the workload dialled.
    pub upstream: Option<String>,
}

/// An open session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveSession {
    /// Its id.
    pub id: String,
    /// Its workload.
    pub workload: String,
    /// Who it belongs to.
    pub subject: String,
    /// The declared target that it goes to, if it is one.
    pub target: Option<String>,
    /// Where the workload dialled.
    pub destination: String,
    /// Whether its workload is only observed.
    pub observed: bool,
    /// Since when.
    pub since: Timestamp,
}

/// Something that the kernel refused by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelRefusal {
    /// When it was heard of.
    pub at: Timestamp,
    /// In which hook.
    pub hook: String,
    /// Why.
    pub reason: String,
    /// Of which protocol.
    pub protocol: String,
    /// Where it should have gone, where that is known.
    pub destination: Option<String>,
    /// What the process calls itself.
    pub process: String,
    /// Its id.
    pub pid: u32,
}

/// A socket that a workload has beside weir.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldSocket {
    /// The workload.
    pub workload: String,
    /// Its protocol.
    pub protocol: String,
    /// Its own end, where that is an address.
    pub local: Option<String>,
    /// The other end, likewise.
    pub remote: Option<String>,
    /// What a process that holds it calls itself.
    pub process: Option<String>,
    /// Its id.
    pub pid: Option<u32>,
    /// Whether it was made outside of the workload.
    pub foreign: bool,
    /// `closed`, `listening`, or `open` and why.
    pub outcome: String,
}

impl Engine {
    /// The cgroups that it governs, as paths below the hierarchy's root.
    #[must_use]
    pub fn governed(&self) -> Vec<String> {
        let workloads = self.0.workloads.values();
        workloads
            .map(|Tagged { workload, .. }| workload.cgroup.to_string())
            .collect()
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> Status {
        let inner = &self.0;
        let policies = inner.policies.borrow().clone();
        let workloads = inner
            .workloads
            .values()
            .map(|Tagged { workload, .. }| WorkloadStatus {
                name: workload.name.to_string(),
                cgroup: workload.cgroup.to_string(),
                identity: workload.identity.name.to_string(),
                mode: workload.mode.as_str().to_owned(),
            });
        let targets = inner.config.targets.iter().map(|target| TargetStatus {
            name: target.name.to_string(),
            protocol: target.protocol().to_string(),
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
            identities: inner.identities.status(),
            kernel_refusals: inner.refusals.count(),
            budgets: inner.signals.budgets(&policies),
            sinks: lock(&inner.shipper)
                .as_ref()
                .map(Shipper::status)
                .unwrap_or_default(),
            telemetry: inner.telemetry.status(),
        }
    }
}
