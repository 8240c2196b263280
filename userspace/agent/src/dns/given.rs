//! Which addresses a workload was given for which names. Time is an argument.
//!
//! An answer counts for its TTL, at least a minute: until then the name means that address. For an
//! hour more the address is still known by the name, for clients that keep what they once looked
//! up. A workload's memory is bounded; what is given last stays longest.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    time::{Duration, Instant},
};

use crate::config::HostName;

/// An answer counts at least so long.
const SHORTEST: Duration = Duration::from_secs(60);
/// And at most so long: a TTL is what the other side says.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// Most addresses of one workload.
const MOST_ADDRESSES: usize = 4096;
/// Most names of one address.
const MOST_NAMES: usize = 16;

/// One workload's memory.
#[derive(Debug)]
pub(super) struct Given {
    addresses: HashMap<IpAddr, Names>,
    /// By when they were given, oldest first.
    order: BTreeMap<u64, IpAddr>,
    next: u64,
    kept: Duration,
}

#[derive(Debug)]
struct Names {
    turn: u64,
    /// The latest last.
    names: Vec<Name>,
}

#[derive(Debug)]
struct Name {
    name: HostName,
    until: Instant,
}

/// The names that an address was given for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GivenNames {
    /// Those whose answer still counts, the latest first.
    pub current: Vec<HostName>,
    /// Those that are only remembered, the latest first.
    pub former: Vec<HostName>,
}

impl GivenNames {
    /// The name to call the address by.
    #[must_use]
    pub fn latest(&self) -> Option<&HostName> {
        self.current.first().or_else(|| self.former.first())
    }
}

impl Given {
    /// An empty memory, which keeps names for this long after they stopped counting.
    pub(super) fn new(kept: Duration) -> Self {
        Self {
            addresses: HashMap::new(),
            order: BTreeMap::new(),
            next: 0,
            kept,
        }
    }

    /// Remembers an address of a name for `ttl` seconds as the answer has it.
    pub(super) fn remember(&mut self, name: &HostName, address: IpAddr, ttl: u32, now: Instant) {
        let address = address.to_canonical();
        // A TTL with its highest bit set means 0 (RFC 2181, 8).
        let ttl = if ttl > u32::MAX >> 1 { 0 } else { ttl };
        let counts = Duration::from_secs(ttl.into()).clamp(SHORTEST, LONGEST);
        let turn = self.next;
        self.next = self.next.saturating_add(1);
        let entry = self.addresses.entry(address).or_insert_with(|| Names {
            turn,
            names: Vec::new(),
        });
        self.order.remove(&entry.turn);
        entry.turn = turn;
        self.order.insert(turn, address);
        let kept = self.kept;
        let names = &mut entry.names;
        names.retain(|known| known.name != *name && now < known.until + kept);
        if names.len() >= MOST_NAMES {
            names.remove(0);
        }
        names.push(Name {
            name: name.clone(),
            until: now + counts,
        });
        while self.addresses.len() > MOST_ADDRESSES {
            let Some((_, oldest)) = self.order.pop_first() else {
                break;
            };
            self.addresses.remove(&oldest);
        }
    }

    /// The addresses that were given for this name and are known by it still, the latest first.
    pub(super) fn addresses(&self, name: &HostName, now: Instant) -> Vec<IpAddr> {
        let latest_first = self.order.values().rev();
        let known = latest_first.filter(|address| {
            let names = self.addresses.get(*address);
            let mut names = names.iter().flat_map(|known| &known.names);
            names.any(|known| known.name == *name && now < known.until + self.kept)
        });
        known.copied().collect()
    }

    /// The names that this address was given for.
    pub(super) fn names(&self, address: IpAddr, now: Instant) -> GivenNames {
        let mut given = GivenNames::default();
        let known = self.addresses.get(&address.to_canonical());
        for known in known.iter().flat_map(|known| known.names.iter().rev()) {
            if now < known.until {
                given.current.push(known.name.clone());
            } else if now < known.until + self.kept {
                given.former.push(known.name.clone());
            }
        }
        given
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn host(text: &str) -> HostName {
        text.parse().unwrap()
    }

    fn address(last: u32) -> IpAddr {
        IpAddr::V4((0x0a00_0000 | last).into())
    }

    #[test]
    fn a_name_counts_for_its_ttl_and_is_known_for_an_hour_more() {
        let (mut given, start) = (Given::new(HOUR), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        for (ttl, counts) in [
            (0, 60),
            (59, 60),
            (300, 300),
            (86_401, 86_400),
            (u32::MAX >> 1, 86_400),
            ((u32::MAX >> 1) + 1, 60),
            (u32::MAX, 60),
        ] {
            given.remember(&host("a.example"), address(1), ttl, start);
            let names = |seconds| {
                let names = given.names(address(1), at(seconds));
                (names.current.len(), names.former.len())
            };
            assert_eq!(names(counts - 1), (1, 0), "{ttl}");
            assert_eq!(names(counts), (0, 1), "{ttl}");
            assert_eq!(names(counts + 3600), (0, 0), "{ttl}");
        }
    }

    #[test]
    fn the_latest_name_comes_first_and_mapped_addresses_are_plain() {
        let (mut given, now) = (Given::new(HOUR), Instant::now());
        given.remember(&host("a.example"), address(1), 300, now);
        given.remember(
            &host("b.example"),
            "::ffff:10.0.0.1".parse().unwrap(),
            0,
            now,
        );
        let soon = now + Duration::from_secs(1);
        assert_eq!(
            given.names(address(1), soon).latest(),
            Some(&host("b.example"))
        );
        let later = now + Duration::from_secs(100);
        let names = given.names("::ffff:10.0.0.1".parse().unwrap(), later);
        assert_eq!(names.current, [host("a.example")]);
        assert_eq!(names.former, [host("b.example")]);
        given.remember(&host("a.example"), address(1), 300, later);
        assert_eq!(
            given.names(address(1), later).latest(),
            Some(&host("a.example"))
        );
        assert_eq!(given.names(address(2), later), GivenNames::default());
    }

    #[test]
    fn a_names_addresses_are_known_as_long_as_they_are_known_by_it() {
        let (mut given, now) = (Given::new(HOUR), Instant::now());
        let later = now + Duration::from_secs(600);
        given.remember(&host("a.example"), address(1), 60, now);
        given.remember(&host("a.example"), address(2), 600, now);
        given.remember(&host("b.example"), address(3), 600, now);
        given.remember(&host("b.example"), address(2), 600, later);
        let a = host("a.example");
        assert_eq!(given.addresses(&a, now), [address(2), address(1)]);
        let soon = now + HOUR + Duration::from_secs(60);
        assert_eq!(given.addresses(&a, soon), [address(2)]);
        let late = now + HOUR + Duration::from_secs(600);
        assert!(given.addresses(&a, late).is_empty());
    }

    #[test]
    fn memory_is_bounded_and_forgets_the_oldest() {
        let (mut given, now) = (Given::new(HOUR), Instant::now());
        for last in 0..5000 {
            given.remember(&host("a.example"), address(last), 300, now);
            // Given again and again, so never the oldest.
            given.remember(&host("b.example"), address(0), 300, now);
        }
        assert_eq!((given.addresses.len(), given.order.len()), (4096, 4096));
        assert_eq!(given.names(address(1), now), GivenNames::default());
        assert!(given.names(address(0), now).latest().is_some());
        assert!(given.names(address(4999), now).latest().is_some());
        for number in 0..100 {
            given.remember(&host(&format!("h{number}.example")), address(0), 300, now);
        }
        assert_eq!(given.names(address(0), now).current.len(), MOST_NAMES);
    }
}
