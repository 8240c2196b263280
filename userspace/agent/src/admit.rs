//! The connection-level verdict: whether weir opens a connection to the upstream at all.
//!
//! An [`Admission`] is the proof that dialling demands. It carries what it was given for, the
//! target, the destination, the subject and the workload, so that it can't be used for another.

use std::{net::SocketAddr, sync::Arc};

use weir_policy::Subject;

use crate::{
    config::{Host, HostPort, Target, WorkloadName},
    route::{Reason, Route},
};

/// Proof that a connection may be opened. Only [`admit`] makes one.
#[derive(Debug)]
pub struct Admission {
    target: Arc<Target>,
    destination: SocketAddr,
    upstream: HostPort,
    subject: Subject,
    workload: WorkloadName,
}

/// A connection that is refused before anything is dialled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NotAdmitted {
    /// The rule that decided: `undeclared-destination`, `target-not-for-workload` or
    /// `ambiguous-destination`.
    pub rule: &'static str,
    /// Why, and the way out.
    pub message: String,
}

/// Admits a connection to the target that it was routed to.
///
/// # Errors
/// When it was routed nowhere.
pub fn admit(subject: Subject, route: Route) -> Result<Admission, NotAdmitted> {
    match route {
        Route::Govern(governed) => {
            let (target, destination, workload) = governed.into_parts();
            let upstream = target.upstream.clone().unwrap_or_else(|| HostPort {
                host: Host::Address(destination.ip()),
                port: destination.port(),
            });
            Ok(Admission {
                target,
                destination,
                upstream,
                subject,
                workload,
            })
        }
        Route::Refuse(nowhere) => {
            let rule = match nowhere.reason {
                Reason::Undeclared => "undeclared-destination",
                Reason::NotForWorkload { .. } => "target-not-for-workload",
                Reason::Ambiguous { .. } => "ambiguous-destination",
            };
            Err(NotAdmitted {
                rule,
                message: nowhere.to_string(),
            })
        }
    }
}

impl Admission {
    /// The target that may be dialled.
    #[must_use]
    pub fn target(&self) -> &Arc<Target> {
        &self.target
    }

    /// Where the workload dialled.
    #[must_use]
    pub fn destination(&self) -> SocketAddr {
        self.destination
    }

    /// Where weir dials: the declared upstream, or else the original destination.
    #[must_use]
    pub fn upstream(&self) -> &HostPort {
        &self.upstream
    }

    /// Who is admitted.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The workload that it is.
    #[must_use]
    pub fn workload(&self) -> &WorkloadName {
        &self.workload
    }
}

#[cfg(test)]
mod tests;
