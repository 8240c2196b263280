//! Addresses of services: by TLS, or plainly to this host alone.

use std::net::IpAddr;

use crate::config::invalid::{InvalidValue, quoted};

pub(in crate::config) fn url(text: &str) -> Result<String, InvalidValue> {
    let wrong = |why: &str| InvalidValue::new(format!("{} {why}", quoted(text)));
    let example = "write it as \"https://siem.internal/events\"";
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '\\' | '#');
    if !text.chars().all(plain) {
        return Err(wrong("is not a plain address").help(example));
    }
    let (is_plain, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => (false, rest),
        (None, Some(rest)) => (true, rest),
        (None, None) => return Err(wrong("is no address of HTTP").help(example)),
    };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(wrong("holds a user or password")
            .help("nothing in this file is a secret; name a file with `token_file`"));
    }
    let host = host_of(authority).ok_or_else(|| wrong("names no host").help(example))?;
    if is_plain && !is_loopback(host) {
        return Err(wrong("would go over the network in the clear")
            .help("use https://; http:// is for this host alone"));
    }
    Ok(text.to_owned())
}

/// The host of `host:port`, without the brackets of an IPv6 address.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            (host, port.strip_prefix(':'))
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let port_is_right = port.is_none_or(|port| port.parse::<u16>().is_ok());
    (!host.is_empty() && port_is_right).then_some(host)
}

fn is_loopback(host: &str) -> bool {
    let address = host.parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::url;

    #[test]
    fn nothing_goes_over_the_network_in_the_clear() {
        for good in [
            "https://siem.internal/events?x=1",
            "https://192.0.2.1:8443",
            "http://127.0.0.1:9000/",
            "http://localhost",
            "http://[::1]:4318",
        ] {
            assert_eq!(url(good).as_deref(), Ok(good));
        }
        for bad in [
            "siem.internal",
            "ftp://siem.internal",
            "https://",
            "https://:443",
            "https://siem.internal:99999",
            "https://user:secret@siem.internal",
            "https://siem internal",
            "http://siem.internal",
            "http://127.0.0.1.siem.internal",
            "http://localhost@siem.internal",
            "http://192.0.2.1",
            "http://[::2]:1",
        ] {
            assert!(url(bad).is_err(), "{bad}");
        }
    }
}
