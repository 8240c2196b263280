//! [`Passage`]: the proof that bytes may be passed on that weir doesn't read.

use std::{ops::Deref, sync::Arc};

use jiff::tz::TimeZone;
use weir_intercept::Namespace;
use weir_policy::Program;

use super::{NotAdmitted, Terms};
use crate::config::{Target, Tcp};

/// Proof that an opaque connection may be opened, or a flow of datagrams where the service is
/// [`Udp`](crate::config::Udp). Only [`admit`](super::admit()) and
/// [`admit_datagrams`](super::admit_datagrams) make one.
#[derive(Debug)]
pub struct Passage<Service = Tcp> {
    pub(super) target: Option<Arc<Target>>,
    pub(super) service: Service,
    pub(super) terms: Terms,
    pub(super) unadmitted: Option<NotAdmitted>,
}

impl<Service> Passage<Service> {
    /// To be dialled from this network namespace, the workload's, where its target is dialled from
    /// there.
    #[must_use]
    pub fn within(mut self, namespace: Namespace) -> Self {
        self.terms.dial_within(namespace, self.target.as_deref());
        self
    }

    /// To be judged as what this program opened, by the clock of this zone.
    #[must_use]
    pub fn spoken_by(mut self, program: Option<Program>, zone: TimeZone) -> Self {
        self.terms.spoken_by(program, zone);
        self
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

    /// Why the connection would have been refused, had the workload not only been observed.
    #[must_use]
    pub fn unadmitted(&self) -> Option<&NotAdmitted> {
        self.unadmitted.as_ref()
    }
}

impl<Service> Deref for Passage<Service> {
    type Target = Terms;

    fn deref(&self) -> &Terms {
        &self.terms
    }
}
