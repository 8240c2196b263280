//! Who is told that a workload is about to be given addresses.

use std::{fmt, sync::OnceLock};

use crate::config::{HostName, WorkloadName};

type Call = dyn Fn(&WorkloadName, &HostName) + Send + Sync;

/// Whom to call, once somebody has said so.
#[derive(Default)]
pub(super) struct Heard(OnceLock<Box<Call>>);

impl Heard {
    /// Whom to call, unless that is known.
    pub(super) fn call(&self, call: impl Fn(&WorkloadName, &HostName) + Send + Sync + 'static) {
        if self.0.set(Box::new(call)).is_err() {
            tracing::error!("only one can be told of what workloads are given");
        }
    }

    /// Calls. No lock of the resolver's may be held.
    pub(super) fn tell(&self, workload: &WorkloadName, name: &HostName) {
        if let Some(call) = self.0.get() {
            call(workload, name);
        }
    }
}

impl fmt::Debug for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Heard").finish_non_exhaustive()
    }
}
