//! What was found, as it is told.

use std::{fmt, net::SocketAddr};

use crate::Pid;

/// What a socket speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// Anything else, by its address family (`AF_*`), type (`SOCK_*`) and protocol number.
    Other {
        /// `SO_DOMAIN`
        family: i32,
        /// `SO_TYPE`
        kind: i32,
        /// `SO_PROTOCOL`
        number: i32,
    },
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp => f.write_str("TCP"),
            Self::Udp => f.write_str("UDP"),
            Self::Other {
                family,
                kind,
                number,
            } => write!(f, "family {family}, type {kind}, protocol {number}"),
        }
    }
}

/// What became of a socket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It is closed: whoever holds it can neither send nor receive with it.
    Closed,
    /// It listens. Left as it is: what it answers is the programs' matter.
    Listening,
    /// It could not be closed. Only ending its process does that.
    Open {
        /// Why not.
        why: &'static str,
    },
}

/// A socket by which a workload goes past the engine, or could.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Found {
    /// What it speaks.
    pub protocol: Protocol,
    /// Its own end, where it has one that is an IP address.
    pub local: Option<SocketAddr>,
    /// The other end, likewise.
    pub remote: Option<SocketAddr>,
    /// A process of the workload that holds it; `None` where none does any more.
    pub pid: Option<Pid>,
    /// That process's name. For display, never for a decision.
    pub comm: Option<String>,
    /// It was made outside of the workload: the workload's programs don't see its packets.
    pub foreign: bool,
    /// What became of it.
    pub outcome: Outcome,
}
