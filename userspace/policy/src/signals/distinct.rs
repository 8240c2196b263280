//! How many different things there were within a sliding window.
//!
//! It keeps one more than may be, the latest: enough to know that there were too many, for as long
//! as there were. Behind a lock, which a session takes for a thing at most once a sixtieth of the
//! window (see [`Recent`]).

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{footprint::Item, moment::UnixMillis, span::Span};

/// Parts of a window.
const PARTS: u64 = 60;

/// Most that may be told apart: each is kept.
pub(super) const LARGEST_LIMIT: u64 = 10_000;

/// Most that a session remembers to have noted.
const MOST_RECENT: usize = 1024;

/// The counter.
#[derive(Debug)]
pub(super) struct Distinct {
    width: u64,
    room: usize,
    /// When each was last there, in parts of the window.
    last: Mutex<HashMap<Item, u64>>,
    /// How many there are, and as of when.
    count: AtomicU64,
    pruned: AtomicU64,
}

/// What one session has noted in the current part of the window.
#[derive(Debug, Default)]
pub(super) struct Recent {
    epoch: u64,
    noted: HashSet<Item>,
}

impl Distinct {
    /// Tells up to `limit` things apart, and that there are more.
    pub(super) fn new(window: Span, limit: u64) -> Self {
        let room = usize::try_from(limit.min(LARGEST_LIMIT)).unwrap_or(usize::MAX);
        Self {
            width: window.millis().div_ceil(PARTS).max(1),
            room: room.saturating_add(1),
            last: Mutex::default(),
            count: AtomicU64::new(0),
            pruned: AtomicU64::new(0),
        }
    }

    /// How many it tells apart.
    pub(super) fn limit(&self) -> u64 {
        count(self.room).saturating_sub(1)
    }

    /// How many there would be with these.
    pub(super) fn with<'a>(
        &self,
        now: UnixMillis,
        items: impl Iterator<Item = &'a Item> + Clone,
        recent: &mut Recent,
    ) -> u64 {
        let epoch = self.epoch(now);
        recent.turn(epoch);
        let known = items.clone().all(|item| recent.noted.contains(item));
        if known && self.pruned.load(Ordering::Acquire) == epoch {
            return self.count.load(Ordering::Acquire);
        }
        let last = self.current(epoch);
        let mut fresh: Vec<&Item> = items.filter(|item| !last.contains_key(*item)).collect();
        fresh.sort_unstable();
        fresh.dedup();
        count(last.len().saturating_add(fresh.len()))
    }

    /// Notes that these are there now.
    pub(super) fn note<'a>(
        &self,
        now: UnixMillis,
        items: impl Iterator<Item = &'a Item> + Clone,
        recent: &mut Recent,
    ) {
        let epoch = self.epoch(now);
        recent.turn(epoch);
        if items.clone().all(|item| recent.noted.contains(item)) {
            return;
        }
        let mut last = self.current(epoch);
        for item in items {
            self.keep(&mut last, *item, epoch);
            recent.noted.insert(*item);
        }
        self.count.store(count(last.len()), Ordering::Release);
    }

    /// What is there, with when it last was.
    pub(super) fn all(&self, now: UnixMillis) -> Vec<(Item, u64)> {
        let last = self.current(self.epoch(now));
        last.iter().map(|(item, at)| (*item, *at)).collect()
    }

    /// Takes back what [`all`](Self::all) gave.
    pub(super) fn restore(&self, all: &[(Item, u64)], now: UnixMillis) {
        let epoch = self.epoch(now);
        let mut last = self.current(epoch);
        for (item, at) in all {
            self.keep(&mut last, *item, epoch.min(*at));
        }
        self.count.store(count(last.len()), Ordering::Release);
        self.pruned.store(0, Ordering::Release);
    }

    /// Keeps the latest: an earlier one goes where there is no room.
    fn keep(&self, last: &mut HashMap<Item, u64>, item: Item, epoch: u64) {
        if let Some(at) = last.get_mut(&item) {
            *at = epoch.max(*at);
            return;
        }
        if last.len() >= self.room
            && let Some(oldest) = last
                .iter()
                .min_by_key(|(_, at)| **at)
                .map(|(item, _)| *item)
        {
            last.remove(&oldest);
        }
        last.insert(item, epoch);
    }

    /// The things of the window that ends now.
    fn current(&self, epoch: u64) -> MutexGuard<'_, HashMap<Item, u64>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if self.pruned.swap(epoch, Ordering::AcqRel) != epoch {
            last.retain(|_, at| at.saturating_add(PARTS) >= epoch);
            self.count.store(count(last.len()), Ordering::Release);
        }
        last
    }

    fn epoch(&self, now: UnixMillis) -> u64 {
        now.as_millis() / self.width
    }
}

impl Recent {
    fn turn(&mut self, epoch: u64) {
        if self.epoch != epoch || self.noted.len() > MOST_RECENT {
            self.epoch = epoch;
            self.noted.clear();
        }
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// As a list of all would have it, up to one more than the limit; with two sessions that
        /// share the counter.
        #[test]
        fn a_window_holds_what_a_list_of_all_would(
            limit in 1_u64..12,
            steps in prop::collection::vec((0_u64..30_000, 0_u128..20, 0_usize..2), 1..200),
        ) {
            let window = 120_000;
            let distinct = Distinct::new(Span::parse("120s").unwrap(), limit);
            let mut sessions = [Recent::default(), Recent::default()];
            let (mut now, mut all) = (1_700_000_000_000_u64, Vec::new());
            for (wait, item, session) in steps {
                now += wait;
                let recent = &mut sessions[session];
                let at = UnixMillis::from_millis(now);
                let item = Item::from_number(item);
                all.push((now, item));
                let within = |span: u64| -> u64 {
                    let recent = all.iter().filter(|(at, _)| now - at < span);
                    let seen: BTreeSet<Item> = recent.map(|(_, item)| *item).collect();
                    u64::try_from(seen.len()).unwrap()
                };
                let with = distinct.with(at, [item].iter(), recent);
                prop_assert!(with.min(limit + 1) >= within(window).min(limit + 1));
                prop_assert!(with <= within(window + 2 * window / PARTS));
                distinct.note(at, [item].iter(), recent);
                let none = distinct.with(at, [].iter(), recent);
                prop_assert!(none >= within(window).min(limit + 1));
            }
        }
    }
}
