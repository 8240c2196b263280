//! Which port the engine listens at.
//!
//! One that the kernel never gives away by itself: a workload's `listen()` without `bind()` asks no
//! hook, and would stand in the engine's place while it is down.
//!
//! Known limit: where the range that the kernel gives away leaves no room, a port within it is used,
//! and that is said.

use std::{
    fs,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    ops::RangeInclusive,
};

/// ip(7), `ip_local_port_range`.
const GIVEN_AWAY: &str = "/proc/sys/net/ipv4/ip_local_port_range";

/// The first port that is nobody's by convention of the system.
const FIRST: u16 = 1024;

/// How many ports are chosen from: those next to what is given away, far from where services listen.
const CHOICE: u16 = 8192;

/// Fewer are too easily all taken.
const FEWEST: usize = 64;

/// Ports to try, in an order of their own for each call.
pub(super) fn candidates() -> impl Iterator<Item = u16> {
    let given_away = fs::read_to_string(GIVEN_AWAY)
        .ok()
        .and_then(|text| range(&text))
        // What the kernel has it be unless told otherwise.
        .unwrap_or(32768..=60999);
    shuffled(outside(&given_away).unwrap_or_else(|| {
        tracing::warn!(
            first = given_away.start(),
            last = given_away.end(),
            "ip_local_port_range leaves no port for weir: it uses one that the kernel may give away"
        );
        given_away
    }))
}

fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let mut numbers = text.split_whitespace().map(str::parse);
    Some(numbers.next()?.ok()?..=numbers.next()?.ok()?)
}

/// The ports below what is given away, or else those above.
fn outside(given_away: &RangeInclusive<u16>) -> Option<RangeInclusive<u16>> {
    let below = given_away
        .start()
        .checked_sub(1)
        .map(|last| last.saturating_sub(CHOICE - 1).max(FIRST)..=last);
    let above = given_away
        .end()
        .checked_add(1)
        .map(|first| first..=first.saturating_add(CHOICE - 1));
    [below, above]
        .into_iter()
        .flatten()
        .find(|range| range.len() >= FEWEST)
}

fn shuffled(range: RangeInclusive<u16>) -> impl Iterator<Item = u16> {
    // A new state hashes nothing to a number that nobody can foresee.
    let random = RandomState::new().build_hasher().finish();
    let length = range.len().max(1);
    let start = usize::try_from(random % (1 << 16)).unwrap_or_default() % length;
    range.clone().skip(start).chain(range.take(start))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_ports_are_next_to_the_range_and_not_in_it() {
        assert_eq!(outside(&(32768..=60999)), Some(24576..=32767));
        assert_eq!(outside(&(1100..=60999)), Some(1024..=1099));
        assert_eq!(outside(&(1024..=57343)), Some(57344..=65535));
        assert_eq!(outside(&(1050..=65000)), Some(65001..=65535));
    }

    #[test]
    fn a_range_of_everything_leaves_none() {
        assert_eq!(outside(&(1024..=65535)), None);
        assert_eq!(outside(&(0..=65535)), None);
        assert_eq!(outside(&(1060..=65530)), None);
    }

    #[test]
    fn what_the_kernel_says_is_read() {
        assert_eq!(range("32768\t60999\n"), Some(32768..=60999));
        for nonsense in ["", "1", "a b", "1 70000"] {
            assert_eq!(range(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn each_port_is_tried_once() {
        let tried: Vec<u16> = shuffled(100..=199).collect();
        let each: BTreeSet<u16> = tried.iter().copied().collect();
        assert_eq!((tried.len(), each.len()), (100, 100));
        assert!(candidates().all(|port| port >= FIRST));
    }
}
