//! [`Passage`]: the proof that bytes may be passed on that weir doesn't read.

use std::{net::SocketAddr, sync::Arc};

use weir_intercept::Namespace;
use weir_policy::{Mode, Subject};

use super::NotAdmitted;
use crate::config::{DialFrom, HostPort, Target, Tcp, WorkloadName};

/// Proof that an opaque connection may be opened, or a flow of datagrams where the service is
/// [`Udp`](crate::config::Udp). Only [`admit`](super::admit()) and
/// [`admit_datagrams`](super::admit_datagrams) make one.
#[derive(Debug)]
pub struct Passage<Service = Tcp> {
    pub(super) target: Option<Arc<Target>>,
    pub(super) service: Service,
    pub(super) destination: SocketAddr,
    pub(super) upstream: HostPort,
    pub(super) subject: Subject,
    pub(super) workload: WorkloadName,
    pub(super) mode: Mode,
    pub(super) namespace: Option<Namespace>,
    pub(super) unadmitted: Option<NotAdmitted>,
}

impl<Service> Passage<Service> {
    /// To be dialled from this network namespace, the workload's, where its target is dialled from
    /// there.
    #[must_use]
    pub fn within(self, namespace: Namespace) -> Self {
        // What nobody declared is dialled as the workload would have.
        let from = self
            .target
            .as_ref()
            .map_or(DialFrom::Workload, |target| target.dial_from);
        Self {
            namespace: (from == DialFrom::Workload).then_some(namespace),
            ..self
        }
    }

    /// The opaque target; none where a workload that is only observed goes somewhere undeclared.
    #[must_use]
    pub fn target(&self) -> Option<&Arc<Target>> {
        self.target.as_ref()
    }

    /// What holds for the connection.
    #[must_use]
    pub fn service(&self) -> &Service {
        &self.service
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

    /// From which network namespace weir dials; its own if none is said.
    #[must_use]
    pub fn namespace(&self) -> Option<&Namespace> {
        self.namespace.as_ref()
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

    /// Whether the workload's verdicts are carried out.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Why the connection would have been refused, had the workload not only been observed.
    #[must_use]
    pub fn unadmitted(&self) -> Option<&NotAdmitted> {
        self.unadmitted.as_ref()
    }
}
