//! What a workload may do that the kernel would refuse it: answer at a port, reach a Unix socket.

use toml::Spanned;
use weir_intercept::{Inbound, InboundFrom, Rules, UnixRule};

use super::{
    invalid::{InvalidValue, quoted},
    path,
    table::Table,
    value::Value,
};

/// The word for every Unix socket.
const ALL: &str = "all";

pub(super) fn read(table: &mut Table<'_>) -> Rules {
    let inbound = table.optional("inbound").map(|v| inbound(&v));
    let unix = table.optional("unix_sockets").and_then(|v| unix(&v));
    Rules {
        inbound: inbound.unwrap_or_default(),
        unix: unix.unwrap_or_default(),
    }
}

fn inbound(list: &Value<'_>) -> Vec<Inbound> {
    let read = list.each(|element| element.check(port));
    let mut ports: Vec<Inbound> = Vec::new();
    for port in read.into_iter().map(Spanned::into_inner) {
        if ports.iter().any(|known| known.port == port.port) {
            list.wrong(
                InvalidValue::new(format!("port {} stands here twice", port.port))
                    .help("\"any\" holds for loopback, too: keep one of them"),
            );
        } else {
            ports.push(port);
        }
    }
    ports
}

fn port(text: &str) -> Result<Inbound, InvalidValue> {
    let read = text.split_once(':').and_then(|(from, port)| {
        let from = match from {
            "loopback" => InboundFrom::Loopback,
            "any" => InboundFrom::Anywhere,
            _ => return None,
        };
        let port = port.parse().ok().filter(|port| *port != 0)?;
        Some(Inbound { port, from })
    });
    read.ok_or_else(|| {
        InvalidValue::new(format!("{} is not a port to answer at", quoted(text)))
            .help("say from where it may be reached: \"loopback:8080\" (this host) or \"any:8080\"")
    })
}

fn unix(value: &Value<'_>) -> Option<UnixRule> {
    if value.is_text() {
        return value.check(|text| match text {
            ALL => Ok(UnixRule::Open),
            _ => Err(
                InvalidValue::new(format!("{} is not a list of paths", quoted(text))).help(
                    "write [\"/run/app.sock\"], or \"all\" to let it reach every Unix socket",
                ),
            ),
        });
    }
    let paths = value.each(|element| element.check(path::socket));
    Some(UnixRule::Only(
        paths.into_iter().map(Spanned::into_inner).collect(),
    ))
}
