//! Hosts and networks as people write them: `db.internal`, `10.0.0.0/8`, `[::1]:5432`.
//!
//! An IPv4 address mapped into IPv6 (`::ffff:10.0.0.1`) is refused here: destinations are
//! compared in their plain form, so a mapped one would be a rule that never matches.

use std::{fmt, net::IpAddr, str::FromStr, sync::Arc};

use super::invalid::{InvalidValue, quoted};

/// A DNS name: lower case, without the final dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName(Arc<str>);

/// A host by name or by address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// Its name, for the resolver.
    Name(HostName),
    /// Its address.
    Address(IpAddr),
}

/// A host and a TCP port, as dialled.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    /// Whom.
    pub host: Host,
    /// Where on it; never 0.
    pub port: u16,
}

impl HostName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HostName {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let name = text.strip_suffix('.').unwrap_or(text);
        let label = |l: &str| {
            (1..=63).contains(&l.len())
                && !l.starts_with('-')
                && !l.ends_with('-')
                && l.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        };
        // What ends in digits only is a mistyped address, never a name.
        let numeric = name
            .rsplit('.')
            .next()
            .is_some_and(|l| l.bytes().all(|b| b.is_ascii_digit()));
        if name.len() > 253 || numeric || !name.split('.').all(label) {
            return Err(not_a_host(text));
        }
        Ok(Self(name.to_ascii_lowercase().into()))
    }
}

impl FromStr for Host {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text.parse::<IpAddr>() {
            Ok(address) => plain(address).map(Self::Address),
            Err(_) => text.parse().map(Self::Name),
        }
    }
}

impl FromStr for HostPort {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let wrong = || {
            InvalidValue::new(format!("{} is not a host and a port", quoted(text)))
                .help("write `name:5432`, `192.0.2.1:5432` or `[2001:db8::1]:5432`")
        };
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().ok().filter(|p| *p != 0).ok_or_else(wrong)?;
        let bracketed = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let host = match bracketed {
            Some(v6) => Host::Address(plain(IpAddr::V6(v6.parse().map_err(|_| wrong())?))?),
            None if host.contains(':') => return Err(wrong()),
            None => host.parse()?,
        };
        Ok(Self { host, port })
    }
}

fn not_a_host(text: &str) -> InvalidValue {
    let wrong = InvalidValue::new(format!(
        "{} is neither an address nor a host name",
        quoted(text)
    ));
    if text.contains('*') {
        wrong.help("there are no patterns of names; list the names, or give `cidrs`")
    } else if text.contains('/') {
        wrong.help("a network belongs in `cidrs`")
    } else if text.contains(':') {
        wrong.help("leave the port out; it belongs in `ports`")
    } else {
        wrong
    }
}

/// The address as destinations are compared: never an IPv4 address in IPv6 clothes.
pub(super) fn plain(address: IpAddr) -> Result<IpAddr, InvalidValue> {
    let plain = address.to_canonical();
    if plain == address {
        return Ok(address);
    }
    Err(
        InvalidValue::new(format!("`{address}` is an IPv4 address in IPv6 form"))
            .help(format!("write `{plain}`; it covers both forms")),
    )
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Address(address) => address.fmt(f),
        }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Address(IpAddr::V6(v6)) => write!(f, "[{v6}]:{}", self.port),
            host => write!(f, "{host}:{}", self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Host, HostPort};

    #[test]
    fn hosts_that_are_no_hosts_are_refused() {
        let long = format!("{}.x", "a".repeat(64));
        for bad in [
            "",
            ".",
            "a..b",
            "-a.b",
            "a-.b",
            "*.internal",
            "10.0.0.300",
            "10.0.0",
            "1",
            "a/8",
            "a:5432",
            "a b",
            "a\0",
            "ä.de",
            "[::1]",
            "::1%eth0",
            "::ffff:10.0.0.1",
            &long,
        ] {
            assert!(bad.parse::<Host>().is_err(), "{bad:?}");
        }
        for (good, shown) in [
            ("DB.Internal.", "db.internal"),
            ("_srv.x", "_srv.x"),
            ("::1", "::1"),
            ("1.2.3.4", "1.2.3.4"),
        ] {
            assert_eq!(good.parse::<Host>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn a_host_and_port_shows_as_it_is_written() {
        for bad in [
            "db",
            ":5432",
            "db:",
            "db:0",
            "db:65536",
            "db:+1x",
            "::1:5432",
            "[::1]",
            "[db]:5432",
            "[10.0.0.1]:1",
            "[::ffff:10.0.0.1]:1",
            "a:b:1",
        ] {
            assert!(bad.parse::<HostPort>().is_err(), "{bad:?}");
        }
        for good in ["db.internal:5432", "127.0.0.1:1", "[::1]:65535"] {
            assert_eq!(good.parse::<HostPort>().unwrap().to_string(), good);
        }
    }
}
