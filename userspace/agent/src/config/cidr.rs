//! A network: an address and how many of its leading bits count.

use std::{fmt, net::IpAddr, str::FromStr};

use super::{
    address::plain,
    invalid::{InvalidValue, quoted},
};

/// A network whose host bits are all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr {
    network: IpAddr,
    length: u8,
}

impl Cidr {
    /// The network's first address.
    #[must_use]
    pub fn network(&self) -> IpAddr {
        self.network
    }

    /// How many leading bits count: 0 to 32, or to 128 for IPv6.
    #[must_use]
    pub fn length(&self) -> u8 {
        self.length
    }

    /// Whether it has just one address.
    #[must_use]
    pub fn is_single(&self) -> bool {
        self.length == width(self.network)
    }

    /// Whether this address lies in it. An IPv4 address never lies in an IPv6 network, also not
    /// in `::/0`.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        masked(address.to_canonical(), self.length) == Some(self.network)
    }
}

impl FromStr for Cidr {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let wrong = || {
            InvalidValue::new(format!("{} is not a network", quoted(text)))
                .help("write an address and a prefix length: `10.0.0.0/8` or `2001:db8::/32`")
        };
        let (address, length) = text.split_once('/').ok_or_else(wrong)?;
        let address = address.parse().map_err(|_| wrong())?;
        let plain_digits = !length.is_empty() && length.bytes().all(|b| b.is_ascii_digit());
        let length: u8 = length
            .parse()
            .ok()
            .filter(|_| plain_digits)
            .ok_or_else(wrong)?;
        let network = masked(address, length).ok_or_else(wrong)?;
        plain(address)?;
        if network != address {
            return Err(InvalidValue::new(format!(
                "{} has bits set after /{length}",
                quoted(text)
            ))
            .help(format!(
                "did you mean the network `{network}/{length}`, or the host `{address}`?"
            )));
        }
        Ok(Self { network, length })
    }
}

fn width(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// The address with only its leading bits, or nothing if it hasn't as many.
fn masked(address: IpAddr, length: u8) -> Option<IpAddr> {
    let rest = u32::from(width(address).checked_sub(length)?);
    Some(match address {
        IpAddr::V4(a) => IpAddr::V4((a.to_bits() & u32::MAX.checked_shl(rest).unwrap_or(0)).into()),
        IpAddr::V6(a) => {
            IpAddr::V6((a.to_bits() & u128::MAX.checked_shl(rest).unwrap_or(0)).into())
        }
    })
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.length)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::Cidr;

    #[test]
    fn networks_that_would_match_other_than_they_say_are_refused() {
        for bad in [
            "",
            "/",
            "10.0.0.0",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0.0/-1",
            "::/129",
            "10.0.0.0/8/8",
            "10.0.0.1/8",
            "::1/64",
            "db/8",
            "::ffff:10.0.0.0/104",
            "10.0.0.0/256",
        ] {
            assert!(bad.parse::<Cidr>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_edges_of_a_network_lie_where_they_should() {
        for (cidr, inside, outside) in [
            (
                "10.0.0.0/8",
                ["10.0.0.0", "10.255.255.255"],
                ["9.255.255.255", "11.0.0.0"],
            ),
            ("0.0.0.0/0", ["0.0.0.0", "255.255.255.255"], ["::1", "::"]),
            (
                "127.0.0.1/32",
                ["127.0.0.1", "::ffff:127.0.0.1"],
                ["127.0.0.2", "127.0.0.0"],
            ),
            ("::/0", ["::1", "fe80::1"], ["10.0.0.1", "::ffff:10.0.0.1"]),
            ("::1/128", ["::1", "0::1"], ["::2", "::"]),
            (
                "2001:db8::/32",
                ["2001:db8::", "2001:db8:ffff::1"],
                ["2001:db7::", "2001:db9::"],
            ),
        ] {
            let parsed: Cidr = cidr.parse().unwrap();
            assert_eq!(parsed.to_string(), cidr);
            assert!(
                inside.iter().all(|a| parsed.contains(a.parse().unwrap())),
                "{cidr}"
            );
            assert!(
                !outside.iter().any(|a| parsed.contains(a.parse().unwrap())),
                "{cidr}"
            );
        }
    }

    fn address() -> impl Strategy<Value = IpAddr> {
        prop_oneof![
            any::<u32>().prop_map(|b| IpAddr::V4(Ipv4Addr::from_bits(b))),
            any::<u128>().prop_map(|b| IpAddr::V6(Ipv6Addr::from_bits(b))),
        ]
    }

    proptest! {
        #[test]
        fn a_network_holds_just_the_addresses_that_share_its_bits(
            a in address(), b in address(), length in 0u8..=128,
        ) {
            let Some(network) = super::masked(a, length) else { return Ok(()) };
            let Ok(cidr) = format!("{network}/{length}").parse::<Cidr>() else {
                // Only the mapped ones.
                prop_assert_ne!(network.to_canonical(), network);
                return Ok(());
            };
            prop_assert_eq!(cidr.contains(a), a.to_canonical() == a);
            let same = match (a, b) {
                (IpAddr::V4(a), IpAddr::V4(b)) =>
                    (a.to_bits() ^ b.to_bits()).leading_zeros() >= u32::from(length),
                (IpAddr::V6(a), IpAddr::V6(b)) =>
                    (a.to_bits() ^ b.to_bits()).leading_zeros() >= u32::from(length),
                _ => false,
            };
            prop_assert_eq!(cidr.contains(b), same && b.to_canonical() == b);
        }
    }
}
