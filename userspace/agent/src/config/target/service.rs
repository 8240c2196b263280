//! The keys of a `[[target]]` that belong to its protocol.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use super::{
    super::{
        address::{Host, HostPort},
        credential, duration,
        invalid::InvalidValue,
        table::Table,
        tls::{self, UpstreamTls},
    },
    AgentTls, Match, Postgres, Tcp, Udp, detectors,
};

/// How long a flow of datagrams may be silent, where nothing else is said.
const IDLE: Duration = Duration::from_secs(60);

/// Reads what PostgreSQL needs. `upstream` is none where it was wrong.
pub(super) fn postgres(
    table: &mut Table<'_>,
    upstream: Option<&Option<HostPort>>,
    matches: &Match,
) -> Option<Postgres> {
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
    let detectors = match table.optional("detectors") {
        Some(asked) => detectors::read(&asked).map(Some),
        None => Some(None),
    };
    for key in ["record", "idle_timeout"] {
        if let Some(value) = table.optional(key) {
            let wrong = InvalidValue::new(format!("`{key}` is for opaque targets"));
            value.wrong(wrong.help("take it out, or set protocol = \"tcp\" or \"udp\""));
        }
    }
    if let (Some(None), Some(tls)) = (upstream, &tls)
        && let Some(wrong) = agent_picks_the_server(matches, tls)
    {
        table.wrong("cidrs", wrong);
    }
    Some(Postgres {
        agent_tls: agent_tls?,
        tls: tls?.expecting(upstream?.as_ref(), matches),
        credential: credential?,
        detectors: detectors?,
    })
}

/// Reads what holds for an opaque target over TCP.
pub(super) fn tcp(table: &mut Table<'_>) -> Option<Tcp> {
    let (record_bytes, idle_timeout) = opaque(table)?;
    Some(Tcp {
        record_bytes,
        idle_timeout,
    })
}

/// Reads what holds for an opaque target over UDP.
pub(super) fn udp(table: &mut Table<'_>, matches: &Match) -> Option<Udp> {
    let opaque = opaque(table);
    let mut right = true;
    let mut wrong = |key: &str, message: String, help: &str| {
        table.wrong(key, InvalidValue::new(message).help(help));
        right = false;
    };
    if !matches.cidrs.is_empty() {
        let message = "a target of datagrams is known to the kernel by single addresses";
        let help = "name each of them, or its name, in `hosts`";
        wrong("cidrs", message.to_owned(), help);
    }
    for host in &matches.hosts {
        if let Host::Address(address) = host
            && !is_of_one_host(*address)
        {
            let message = format!("{address} is not the address of one host");
            let help = "name a host's own address; weir passes nothing on to groups";
            wrong("hosts", message, help);
        }
    }
    let (record_bytes, idle_timeout) = opaque?;
    right.then_some(Udp {
        record_bytes,
        idle_timeout: idle_timeout.unwrap_or(IDLE),
    })
}

/// Whether datagrams to it reach one host, and are answered by that address.
pub(crate) fn is_of_one_host(address: IpAddr) -> bool {
    !address.is_unspecified() && !address.is_multicast() && address != Ipv4Addr::BROADCAST
}

/// What is recorded, and how long it may be silent.
fn opaque(table: &mut Table<'_>) -> Option<(bool, Option<Duration>)> {
    for key in ["credential", "agent", "tls", "detectors"] {
        if let Some(value) = table.optional(key) {
            let wrong = InvalidValue::new(format!(
                "`{key}` is of no use here: weir passes an opaque target's bytes on as they come"
            ));
            value
                .wrong(wrong.help("take it out, or name a protocol that weir reads: \"postgres\""));
        }
    }
    let record_bytes = match table.optional("record") {
        Some(record) => record.one_of(&[("counts", false), ("bytes", true)]),
        None => Some(false),
    };
    let idle_timeout = match table.optional("idle_timeout") {
        Some(timeout) => duration::read(&timeout).map(Some),
        None => Some(None),
    };
    Some((record_bytes?, idle_timeout?))
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
