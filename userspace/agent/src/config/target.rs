//! `[[target]]`: a declared upstream, where the workloads dial it and how weir does.

use std::{fmt, sync::Arc};

use toml::Spanned;

use super::{
    address::{Host, HostName, HostPort},
    cidr::Cidr,
    credential::{self, Credential},
    invalid::InvalidValue,
    name::TargetName,
    stanza::Stanza,
    table::Table,
    tls::{self, AgentTls, UpstreamTls},
};

/// A declared upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its name.
    pub name: TargetName,
    /// What is spoken there.
    pub protocol: Protocol,
    /// Which destinations are meant by it.
    pub matches: Match,
    /// Where weir dials; none means the original destination.
    pub upstream: Option<HostPort>,
    /// TLS towards the agent.
    pub agent_tls: AgentTls,
    /// TLS towards the upstream.
    pub tls: UpstreamTls,
    /// As whom weir logs in.
    pub credential: Credential,
}

/// What is spoken at a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// PostgreSQL's frontend/backend protocol, version 3.
    Postgres,
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

impl Protocol {
    /// The name that configuration, policies and records use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
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
    let protocol = table.required("protocol", "protocol = \"postgres\"");
    let protocol = protocol.and_then(|v| v.one_of(&[("postgres", Protocol::Postgres)]));
    let matches = matches(&mut table);
    let upstream = match table.optional("upstream") {
        Some(upstream) => upstream.parse::<HostPort>().map(Some),
        None => Some(None),
    };
    let agent_tls = match table.optional("agent") {
        Some(agent) => agent.table("[target.agent]").and_then(tls::read_agent),
        None => Some(AgentTls::default()),
    };
    let tls = match table.optional("tls") {
        Some(tls) => tls.table("[target.tls]").and_then(tls::read_upstream),
        None => Some(UpstreamTls::default()),
    };
    let credential = table
        .required(
            "credential",
            "[target.credential] with `user` and `password_file`",
        )
        .and_then(|v| v.table("[target.credential]"))
        .and_then(credential::read);

    if let (Some(None), Some(tls)) = (&upstream, &tls)
        && let Some(wrong) = agent_picks_the_server(&matches, tls)
    {
        table.wrong("cidrs", wrong);
    }
    table.finish();
    let value = (|| {
        let upstream = upstream?;
        let tls = tls?.expecting(upstream.as_ref(), &matches);
        let name = name.as_ref()?.get_ref().clone();
        Some(Arc::new(Target {
            name,
            protocol: protocol?,
            matches,
            upstream,
            agent_tls: agent_tls?,
            tls,
            credential: credential?,
        }))
    })();
    Stanza { name, value }
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

/// Without a declared upstream weir logs in wherever the agent dials. In a network of many hosts
/// that may be one of the agent's own, so the certificate has to tell the right one: otherwise
/// the credential could be lured out.
fn agent_picks_the_server(matches: &Match, tls: &UpstreamTls) -> Option<InvalidValue> {
    let tells = match tls {
        UpstreamTls::Disable => false,
        UpstreamTls::Verify {
            ca, server_name, ..
        } => ca.is_some() || server_name.is_some(),
    };
    let network = matches.cidrs.iter().find(|cidr| !cidr.is_single());
    network.filter(|_| !tells).map(|network| {
        InvalidValue::new(format!(
            "weir would log in at any host of {network} that the agent picks"
        ))
        .help("add `upstream`, or say by which certificate the right one is known: `ca` or `server_name` in [target.tls]")
    })
}
