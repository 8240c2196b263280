//! From where to where, and what is worth searching for.

use std::net::SocketAddr;

use serde_json::{Map, Value, json};
use weir_record::SessionStart;

use super::Host;

/// Where the agent is: this host. Which port it dialled from isn't recorded.
pub(super) fn source(host: &Host) -> Value {
    json!({ "hostname": host.name() })
}

pub(super) fn destination(start: &SessionStart) -> Value {
    let mut object = address(&start.destination);
    if let Some(name) = &start.destination_name {
        object.insert("hostname".to_owned(), name.as_str().into());
    }
    if let Some(target) = &start.target {
        object.insert("svc_name".to_owned(), target.as_str().into());
    }
    Value::Object(object)
}

/// `ip:port`, or whatever else names it.
pub(super) fn address(text: &str) -> Map<String, Value> {
    let mut object = Map::new();
    if let Ok(address) = text.parse::<SocketAddr>() {
        object.insert("ip".to_owned(), address.ip().to_string().into());
        object.insert("port".to_owned(), address.port().into());
    } else {
        object.insert("name".to_owned(), text.into());
    }
    object
}

/// The transport of a protocol, where that is one only: what speaks DNS may do so over either.
pub(super) fn connection(protocol: Option<&str>) -> Option<Value> {
    let (name, number) = match protocol? {
        "udp" => ("udp", 17),
        "dns" => return None,
        _ => ("tcp", 6),
    };
    Some(json!({
        "direction_id": 2,
        "direction": "Outbound",
        "protocol_name": name,
        "protocol_num": number,
    }))
}

/// Where the values are that an analyst turns to from one event to others.
pub(super) fn observables(start: &SessionStart, hash: Option<&str>) -> Value {
    let mut list = vec![observable(
        "actor.user.name",
        4,
        "User Name",
        &start.subject,
    )];
    if let Ok(address) = start.destination.parse::<SocketAddr>() {
        let ip = address.ip().to_string();
        list.push(observable("dst_endpoint.ip", 2, "IP Address", &ip));
    }
    if let Some(name) = &start.destination_name {
        list.push(observable("dst_endpoint.hostname", 1, "Hostname", name));
    }
    if let Some(hash) = hash {
        list.push(observable("actor.process.file.hashes", 8, "Hash", hash));
    }
    Value::Array(list)
}

fn observable(name: &str, type_id: u32, kind: &str, value: &str) -> Value {
    json!({ "name": name, "type_id": type_id, "type": kind, "value": value })
}
