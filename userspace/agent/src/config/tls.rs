//! `[target.agent]` and `[target.tls]`: TLS on either side of weir.

use std::path::PathBuf;

use super::{
    address::{Host, HostPort},
    invalid::InvalidValue,
    path,
    table::Table,
    target::Match,
};

/// TLS towards the agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AgentTls {
    /// As the agent asks.
    #[default]
    Offer,
    /// An agent that doesn't ask for it is refused.
    Require,
    /// Never.
    Refuse,
}

/// TLS towards the upstream. The default is the strictest: a certificate of the system's roots
/// that names the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpstreamTls {
    /// None: what passes, the login too, can be read on the way.
    Disable,
    /// Only with a certificate that verifies.
    Verify {
        /// The authorities to trust, as PEM; none means the system's roots.
        ca: Option<PathBuf>,
        /// The server's name: declared, or the upstream's host, or the only host that the target
        /// matches. None means the address that is dialled.
        server_name: Option<String>,
        /// Whether the certificate must hold that name.
        hostname: bool,
    },
}

impl Default for UpstreamTls {
    fn default() -> Self {
        Self::Verify {
            ca: None,
            server_name: None,
            hostname: true,
        }
    }
}

impl UpstreamTls {
    /// Fills in the server's name where none is declared.
    pub(super) fn expecting(self, upstream: Option<&HostPort>, matches: &Match) -> Self {
        match self {
            Self::Verify {
                ca,
                server_name: None,
                hostname,
            } => {
                let only = match matches.hosts.as_slice() {
                    [host @ Host::Name(_)] if matches.cidrs.is_empty() => Some(host),
                    _ => None,
                };
                let server_name = upstream.map(|u| &u.host).or(only).map(ToString::to_string);
                Self::Verify {
                    ca,
                    server_name,
                    hostname,
                }
            }
            declared => declared,
        }
    }
}

pub(super) fn read_agent(mut table: Table<'_>) -> Option<AgentTls> {
    let tls = match table.optional("tls") {
        Some(tls) => tls.one_of(&[
            ("offer", AgentTls::Offer),
            ("require", AgentTls::Require),
            ("refuse", AgentTls::Refuse),
        ]),
        None => Some(AgentTls::default()),
    };
    table.finish();
    tls
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Full,
    Authority,
    Disable,
}

pub(super) fn read_upstream(mut table: Table<'_>) -> Option<UpstreamTls> {
    let mode_value = table.optional("mode");
    let mode = match &mode_value {
        Some(mode) => mode.one_of(&[
            ("verify-full", Mode::Full),
            ("verify-ca", Mode::Authority),
            ("disable", Mode::Disable),
        ]),
        None => Some(Mode::Full),
    };
    let ca_value = table.optional("ca");
    let server_name_value = table.optional("server_name");
    let ca = ca_value.as_ref().map(|v| v.check(path::absolute));
    let server_name = server_name_value.as_ref().map(|v| v.parse::<Host>());
    match (mode, &mode_value, &ca_value) {
        (Some(Mode::Disable), ..) => {
            for useless in [&ca_value, &server_name_value].into_iter().flatten() {
                useless.wrong(
                    InvalidValue::new("this has no effect while `mode` is \"disable\"")
                        .help("take it out, or verify: mode = \"verify-full\""),
                );
            }
        }
        // Any certificate of any public authority would do, so nothing would be verified.
        (Some(Mode::Authority), Some(mode), None) => mode.wrong(
            InvalidValue::new("\"verify-ca\" needs `ca`: the system's roots vouch for anybody")
                .help("add ca = \"/etc/weir/orders-ca.pem\", or use \"verify-full\""),
        ),
        _ => {}
    }
    table.finish();
    let mode = mode?;
    if mode == Mode::Disable {
        return Some(UpstreamTls::Disable);
    }
    let ca = match ca {
        Some(ca) => Some(ca?),
        None => None,
    };
    let server_name = match server_name {
        Some(name) => Some(name?.to_string()),
        None => None,
    };
    Some(UpstreamTls::Verify {
        ca,
        server_name,
        hostname: mode == Mode::Full,
    })
}
