//! What [`route`](super) hands on, and how a refusal reads.

use std::{fmt, net::SocketAddr, sync::Arc};

use weir_policy::Mode;

use crate::config::{Target, TargetName, Transport, WorkloadName};

/// What is to be done with a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// It goes to this target, if it is [admitted](crate::admit::admit).
    Govern(Governed),
    /// It goes where it was dialled, unread: it belongs nowhere, and its workload is only observed.
    Pass(Passed),
    /// It goes nowhere.
    Refuse(NoRoute),
}

/// A destination that belongs to a target within the workload's reach. Only
/// [`Routes::route`](super::Routes::route) makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Governed {
    target: Arc<Target>,
    destination: SocketAddr,
    workload: WorkloadName,
    mode: Mode,
}

/// A destination that would be refused, were the workload not only observed. Only
/// [`Routes::route`](super::Routes::route) makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed(NoRoute);

/// A destination that belongs to no target that the workload may reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoRoute {
    /// Where the workload dialled.
    pub destination: SocketAddr,
    /// Which workload.
    pub workload: WorkloadName,
    /// Over what.
    pub transport: Transport,
    /// Why it can't go there.
    pub reason: Reason,
}

/// Why a destination belongs nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No target matches.
    Undeclared,
    /// One does, but the workload may not reach it.
    NotForWorkload {
        /// That target; the first declared, if there are several.
        target: TargetName,
    },
    /// Several equally specific ones do: their names resolve to the same address.
    Ambiguous {
        /// Those targets, as declared.
        targets: Vec<TargetName>,
    },
}

impl Governed {
    pub(super) fn new(
        target: Arc<Target>,
        destination: SocketAddr,
        workload: WorkloadName,
        mode: Mode,
    ) -> Self {
        Self {
            target,
            destination,
            workload,
            mode,
        }
    }

    /// The target that it belongs to.
    #[must_use]
    pub fn target(&self) -> &Arc<Target> {
        &self.target
    }

    /// Where the workload dialled; an IPv4 address always in its plain form.
    #[must_use]
    pub fn destination(&self) -> SocketAddr {
        self.destination
    }

    /// The workload that it was routed for.
    #[must_use]
    pub fn workload(&self) -> &WorkloadName {
        &self.workload
    }

    /// Whether the workload's verdicts are carried out.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }
}

impl Passed {
    pub(super) fn new(nowhere: NoRoute) -> Self {
        Self(nowhere)
    }

    /// Why it would be refused.
    #[must_use]
    pub fn refusal(&self) -> &NoRoute {
        &self.0
    }
}

impl fmt::Display for NoRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            destination,
            workload,
            transport,
            reason,
        } = self;
        match reason {
            Reason::Undeclared if *transport == Transport::Datagram => write!(
                f,
                "no target is declared for datagrams to {destination}; to let workload {workload} \
                 send there, add to weir.toml a [[target]] with name, protocol = \"udp\", \
                 hosts = [\"{}\"] and ports = [{}]",
                destination.ip(),
                destination.port()
            ),
            Reason::Undeclared => write!(
                f,
                "no target is declared for {destination}; to let workload {workload} go there, add \
                 to weir.toml a [[target]] with name, protocol, hosts = [\"{}\"], ports = [{}] and \
                 [target.credential], or with protocol = \"tcp\" and no credential",
                destination.ip(),
                destination.port()
            ),
            Reason::NotForWorkload { target } => write!(
                f,
                "{destination} is target {target}, which workload {workload} may not reach; to let \
                 it, add \"{target}\" to `targets` of the [[workload]] named {workload} in weir.toml"
            ),
            Reason::Ambiguous { targets } => {
                let names: Vec<&str> = targets.iter().map(TargetName::as_str).collect();
                write!(
                    f,
                    "{destination} is matched by several targets alike ({}), since names of their \
                     hosts resolve to the same address; make them differ in ports, or let `targets` \
                     of the [[workload]] named {workload} in weir.toml name only one of them",
                    names.join(", ")
                )
            }
        }
    }
}
