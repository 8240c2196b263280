//! `[[target]]`: a declared upstream, where the workloads dial it and how weir does.

mod detectors;
mod service;

pub(crate) use self::service::is_of_one_host;

use std::{fmt, sync::Arc, time::Duration};

use toml::Spanned;
use weir_policy::Detectors;

use super::{
    address::{Host, HostName, HostPort},
    cidr::Cidr,
    credential::Credential,
    invalid::InvalidValue,
    name::TargetName,
    stanza::Stanza,
    table::Table,
    tls::{AgentTls, UpstreamTls},
};
use crate::dns;

/// A declared upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its name.
    pub name: TargetName,
    /// What is spoken there, and what weir needs to know for that.
    pub service: Service,
    /// Which destinations are meant by it.
    pub matches: Match,
    /// Where weir dials; none means the original destination.
    pub upstream: Option<HostPort>,
    /// From which network namespace.
    pub dial_from: DialFrom,
}

/// From which network namespace weir dials a target, for a workload that has one of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialFrom {
    /// The workload's: the target sees its address. Weir's where the workload may rule over its own
    /// network.
    Workload,
    /// Weir's.
    Host,
}

/// What is spoken at a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Service {
    /// PostgreSQL, read and governed statement by statement.
    Postgres(Arc<Postgres>),
    /// Anything over TCP, passed on as it comes.
    Tcp(Tcp),
    /// Anything over UDP, likewise.
    Udp(Udp),
}

/// The name of what is spoken at a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// PostgreSQL's frontend/backend protocol, version 3.
    Postgres,
    /// Opaque: a connection is admitted or not, and its bytes are counted.
    Tcp,
    /// Opaque: a flow of datagrams is admitted or not, and they are counted.
    Udp,
}

/// What carries a protocol. A destination of one has nothing to do with the same address and port of
/// the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    /// TCP.
    Stream,
    /// UDP.
    Datagram,
}

/// What weir needs to speak PostgreSQL for an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Postgres {
    /// TLS towards the agent.
    pub agent_tls: AgentTls,
    /// TLS towards the upstream.
    pub tls: UpstreamTls,
    /// As whom weir logs in.
    pub credential: Credential,
    /// What is looked for in values that are left clear, beside the detectors of the masking rules'
    /// own; none where nothing is.
    pub detectors: Option<Detectors>,
}

/// What holds for an opaque target's connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tcp {
    /// Whether the bytes themselves go on record, both ways.
    pub record_bytes: bool,
    /// How long a connection may be silent; none means for ever.
    pub idle_timeout: Option<Duration>,
}

/// What holds for the flows of an opaque target over UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Udp {
    /// Whether the datagrams themselves go on record, both ways.
    pub record_bytes: bool,
    /// How long a flow may be silent before it counts as ended.
    pub idle_timeout: Duration,
}

/// The destinations that are meant by a target: any of its hosts or networks, on any of its ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// Names and addresses that the workloads dial.
    pub hosts: Vec<Host>,
    /// Networks that they dial into.
    pub cidrs: Vec<Cidr>,
    /// Ports, never 0.
    pub ports: Vec<u16>,
}

/// One part of a [`Match`]. A network of one address is that address, however it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place<'a> {
    /// One address.
    Address(std::net::IpAddr),
    /// What a name resolves to.
    Name(&'a HostName),
    /// A network of several addresses.
    Network(Cidr),
}

impl Match {
    /// Each place that is meant.
    pub fn places(&self) -> impl Iterator<Item = Place<'_>> {
        let hosts = self.hosts.iter().map(|host| match host {
            Host::Name(name) => Place::Name(name),
            Host::Address(address) => Place::Address(*address),
        });
        let cidrs = self.cidrs.iter().map(|cidr| {
            if cidr.is_single() {
                Place::Address(cidr.network())
            } else {
                Place::Network(*cidr)
            }
        });
        hosts.chain(cidrs)
    }
}

impl Target {
    /// What is spoken there.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        match self.service {
            Service::Postgres(_) => Protocol::Postgres,
            Service::Tcp(_) => Protocol::Tcp,
            Service::Udp(_) => Protocol::Udp,
        }
    }
}

impl Protocol {
    /// The name that configuration, policies and records use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }

    /// What carries it.
    #[must_use]
    pub fn transport(self) -> Transport {
        match self {
            Self::Postgres | Self::Tcp => Transport::Stream,
            Self::Udp => Transport::Datagram,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name(name) => name.fmt(f),
            Self::Network(cidr) => cidr.fmt(f),
        }
    }
}

pub(super) fn read(mut table: Table<'_>) -> Stanza<TargetName, Arc<Target>> {
    let name = table
        .required("name", "name = \"orders-db\"")
        .and_then(|v| v.located::<TargetName>());
    let protocols = [Protocol::Postgres, Protocol::Tcp, Protocol::Udp];
    let protocols = protocols.map(|p| (p.as_str(), p));
    let protocol = table.required("protocol", "protocol = \"postgres\"");
    let protocol = protocol.and_then(|v| v.one_of(&protocols));
    let matches = matches(&mut table);
    if matches.ports.contains(&dns::PORT) {
        let message = "what goes to port 53 are questions to resolvers, which weir answers itself";
        let help = "take it out; names are looked up without a target";
        table.wrong("ports", InvalidValue::new(message).help(help));
    }
    let upstream = match table.optional("upstream") {
        Some(upstream) => upstream.parse::<HostPort>().map(Some),
        None => Some(None),
    };
    let dial_from = dial_from(&mut table, upstream.as_ref());
    let service = match protocol {
        Some(Protocol::Tcp) => service::tcp(&mut table).map(Service::Tcp),
        Some(Protocol::Udp) => service::udp(&mut table, &matches).map(Service::Udp),
        // Where the protocol isn't known, what weir reads is the likelier meant.
        Some(Protocol::Postgres) | None => {
            service::postgres(&mut table, upstream.as_ref(), &matches)
                .map(|postgres| Service::Postgres(Arc::new(postgres)))
        }
    };
    table.finish();
    let value = (|| {
        protocol?;
        Some(Arc::new(Target {
            name: name.as_ref()?.get_ref().clone(),
            service: service?,
            matches,
            upstream: upstream?,
            dial_from: dial_from?,
        }))
    })();
    Stanza { name, value }
}

/// A declared upstream is named as the operator knows it, who stands on the host; where the workload
/// dialled is its own matter.
fn dial_from(table: &mut Table<'_>, upstream: Option<&Option<HostPort>>) -> Option<DialFrom> {
    let declared = upstream.and_then(Option::as_ref);
    let Some(value) = table.optional("dial_from") else {
        return Some(declared.map_or(DialFrom::Workload, |_| DialFrom::Host));
    };
    let from = value.one_of(&[("workload", DialFrom::Workload), ("host", DialFrom::Host)])?;
    let loopback = |upstream: &HostPort| match &upstream.host {
        Host::Address(address) => address.is_loopback(),
        Host::Name(_) => false,
    };
    if from == DialFrom::Workload && declared.is_some_and(loopback) {
        value.wrong(
            InvalidValue::new(
                "a loopback `upstream` would be the workload's own, where it can listen",
            )
            .help("set dial_from = \"host\", or name an upstream that is on the network"),
        );
        return None;
    }
    Some(from)
}

fn matches(table: &mut Table<'_>) -> Match {
    let hosts = table.optional("hosts").map(|v| v.some(|host| host.parse()));
    let cidrs = table.optional("cidrs").map(|v| v.some(|cidr| cidr.parse()));
    let ports = table
        .required("ports", "ports = [5432]")
        .map(|v| v.some(|port| port.port()));
    if hosts.is_none() && cidrs.is_none() {
        table.missing(
            "`hosts` or `cidrs`",
            "hosts = [\"db.internal\"], the names and addresses that are dialled",
        );
    }
    Match {
        hosts: plain(hosts),
        cidrs: plain(cidrs),
        ports: plain(ports),
    }
}

fn plain<T>(list: Option<Vec<Spanned<T>>>) -> Vec<T> {
    list.unwrap_or_default()
        .into_iter()
        .map(Spanned::into_inner)
        .collect()
}
