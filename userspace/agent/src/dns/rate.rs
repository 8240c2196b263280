//! How many different names a workload was lately allowed to ask about. Time is an argument.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use crate::config::HostName;

/// What "lately" means.
const WINDOW: Duration = Duration::from_secs(60);
/// Most names that are kept apart; with so many, one more is what any further is.
const MOST: usize = 4096;

/// The names of the last minute.
#[derive(Debug, Default)]
pub(super) struct Rate(HashMap<HostName, Instant>);

/// What became of counting a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counted {
    /// Different names of the last minute, with this one.
    pub(super) names: u32,
    /// Whether this one was not among them.
    pub(super) new: bool,
}

impl Rate {
    /// Counts a name.
    pub(super) fn count(&mut self, name: &HostName, now: Instant) -> Counted {
        self.0.retain(|_, last| now.duration_since(*last) < WINDOW);
        let full = self.0.len() >= MOST;
        let new = !self.0.contains_key(name);
        if !(new && full) {
            self.0.insert(name.clone(), now);
        }
        let names = self.0.len().saturating_add(usize::from(new && full));
        Counted {
            names: u32::try_from(names).unwrap_or(u32::MAX),
            new,
        }
    }

    /// Takes a name back that was new and then refused: what is refused carries nothing, and must
    /// not use up what is allowed.
    pub(super) fn take_back(&mut self, name: &HostName, counted: Counted) {
        if counted.new {
            self.0.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(number: usize) -> HostName {
        format!("h{number}.example").parse().unwrap()
    }

    #[test]
    fn each_name_counts_once_a_minute() {
        let (mut rate, start) = (Rate::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(rate.count(&host(1), at(0)).names, 1);
        assert_eq!(rate.count(&host(1), at(30)).names, 1);
        assert_eq!(rate.count(&host(2), at(59)).names, 2);
        assert_eq!(rate.count(&host(3), at(89)).names, 3);
        assert_eq!(rate.count(&host(3), at(90)).names, 2);
    }

    #[test]
    fn what_was_refused_does_not_count() {
        let (mut rate, now) = (Rate::default(), Instant::now());
        rate.count(&host(1), now);
        let counted = rate.count(&host(2), now);
        rate.take_back(&host(2), counted);
        let again = rate.count(&host(1), now);
        rate.take_back(&host(1), again);
        assert_eq!(rate.count(&host(3), now).names, 2);
    }

    #[test]
    fn memory_is_bounded_and_never_makes_a_flood_look_small() {
        let (mut rate, now) = (Rate::default(), Instant::now());
        for number in 0..2 * MOST {
            let names = rate.count(&host(number), now).names;
            assert_eq!(usize::try_from(names).unwrap(), (number + 1).min(MOST + 1));
        }
        assert_eq!(rate.0.len(), MOST);
    }
}
