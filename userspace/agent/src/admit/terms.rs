//! What every proof of an admission says: who, where to, and how.

use std::net::SocketAddr;

use jiff::tz::TimeZone;
use weir_intercept::Namespace;
use weir_policy::{Mode, Program, Subject};

use crate::{
    config::{DialFrom, Host, HostPort, Target, WorkloadName},
    route::Governed,
};

/// What an admission was given for. Read through the proof that holds it; nobody else has one.
#[derive(Debug)]
pub struct Terms {
    destination: SocketAddr,
    upstream: HostPort,
    subject: Subject,
    workload: WorkloadName,
    mode: Mode,
    namespace: Option<Namespace>,
    program: Option<Program>,
    zone: TimeZone,
}

impl Terms {
    /// Of a destination that belongs to a target.
    pub(super) fn governed(subject: Subject, governed: &Governed) -> Self {
        let upstream = governed.target().upstream.clone();
        Self {
            upstream: upstream.unwrap_or_else(|| as_dialled(governed.destination())),
            ..Self::undeclared(
                subject,
                governed.destination(),
                governed.workload().clone(),
                governed.mode(),
            )
        }
    }

    /// Of a destination that belongs to none.
    pub(super) fn undeclared(
        subject: Subject,
        destination: SocketAddr,
        workload: WorkloadName,
        mode: Mode,
    ) -> Self {
        Self {
            destination,
            upstream: as_dialled(destination),
            subject,
            workload,
            mode,
            namespace: None,
            program: None,
            zone: TimeZone::UTC,
        }
    }

    /// What opened it, and by which clock it is judged.
    pub(super) fn spoken_by(&mut self, program: Option<Program>, zone: TimeZone) {
        (self.program, self.zone) = (program, zone);
    }

    /// To be dialled from this network namespace, the workload's, where the target is dialled from
    /// there. What nobody declared is dialled as the workload would have.
    pub(super) fn dial_within(&mut self, namespace: Namespace, target: Option<&Target>) {
        let from = target.map_or(DialFrom::Workload, |target| target.dial_from);
        self.namespace = (from == DialFrom::Workload).then_some(namespace);
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

    /// The program that opened the connection, where it is known.
    #[must_use]
    pub fn program(&self) -> Option<&Program> {
        self.program.as_ref()
    }

    /// The zone in which policy reckons hours and days.
    #[must_use]
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Whether the workload's verdicts are carried out.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }
}

fn as_dialled(destination: SocketAddr) -> HostPort {
    HostPort {
        host: Host::Address(destination.ip()),
        port: destination.port(),
    }
}
