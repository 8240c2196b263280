//! How much there was of something within a sliding window, counted by many at once.
//!
//! A ring of slots, each an atomic word of its own: the number of its time and what was counted in
//! it. No lock, no allocation, always as large as this.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{moment::UnixMillis, span::Span};

/// Slots to a window.
const PARTS: u64 = 60;
/// Slots in the ring, more than are ever looked at.
const RING: usize = 64;
/// The same, as a number of their times.
const ROUND: u64 = 64;
/// Bits of a slot's word that hold its count; the rest hold which turn of the ring it is of.
const COUNT_BITS: u32 = 44;
/// The largest count of a slot. A limit is far below.
const MOST: u64 = (1 << COUNT_BITS) - 1;
/// Turns of the ring that are told apart.
const TURNS: u64 = 1 << (u64::BITS - COUNT_BITS);

/// The largest limit that is sure to be told from more.
pub(super) const LARGEST_LIMIT: u64 = MOST / 2;

/// The counter.
#[derive(Debug)]
pub(super) struct Meter {
    /// Milliseconds to a slot.
    width: u64,
    slots: [AtomicU64; RING],
    /// All that was ever counted.
    total: AtomicU64,
    /// The latest slot's time.
    latest: AtomicU64,
}

/// What a counter came to when one of those who share it added it up last. A window that moves on only
/// loses, so until as much was counted since as was left then, nobody need add it up again.
#[derive(Debug, Default)]
pub(super) struct Seen {
    total: u64,
    sum: u64,
}

impl Meter {
    pub(super) fn new(window: Span) -> Self {
        Self {
            width: window.millis().div_ceil(PARTS).max(1),
            slots: [const { AtomicU64::new(0) }; RING],
            total: AtomicU64::new(0),
            latest: AtomicU64::new(0),
        }
    }

    /// Counts what is `pending`, which is nothing then.
    pub(super) fn settle(&self, now: UnixMillis, pending: &mut u64) {
        if *pending > 0 {
            self.add(now, std::mem::take(pending));
        }
    }

    /// Counts `amount` more.
    pub(super) fn add(&self, now: UnixMillis, amount: u64) {
        self.add_in(now.as_millis() / self.width, amount);
    }

    fn add_in(&self, epoch: u64, amount: u64) {
        let turn = turn(epoch);
        let Some(slot) = self.slot(epoch) else { return };
        let add = |word: u64| {
            let (known, count) = (word >> COUNT_BITS, word & MOST);
            // Where somebody came by a turn later, this one was held up: better counted for longer
            // than not at all.
            let next = (turn + 1) % TURNS;
            let (turn, count) = match known {
                _ if known == turn || known == next => (known, count),
                _ => (turn, 0),
            };
            Some((turn << COUNT_BITS) | count.saturating_add(amount).min(MOST))
        };
        // It always adds, so it never fails.
        let _known = slot.fetch_update(Ordering::AcqRel, Ordering::Acquire, add);
        // It seldom changes, and others look at it.
        if self.latest.load(Ordering::Acquire) < epoch {
            self.latest.fetch_max(epoch, Ordering::AcqRel);
        }
        // Last: who adds up meanwhile counts it twice rather than not at all.
        self.total.fetch_add(amount.min(MOST), Ordering::AcqRel);
    }

    /// Whether `more` would exceed `limit`. `seen` is what the same asker saw, at no later moment.
    pub(super) fn exceeds(&self, now: UnixMillis, more: u64, limit: u64, seen: &mut Seen) -> bool {
        let total = self.total.load(Ordering::Acquire);
        let at_most = seen.sum.saturating_add(total.wrapping_sub(seen.total));
        if at_most.saturating_add(more) <= limit {
            return false;
        }
        let sum = self.sum(now);
        // What others have counted ahead of this clock isn't in the sum yet, and will be.
        if self.latest.load(Ordering::Acquire) <= now.as_millis() / self.width {
            *seen = Seen { total, sum };
        }
        sum.saturating_add(more) > limit
    }

    /// What was counted in the window that ends now, and in the slot that the window begins in.
    pub(super) fn sum(&self, now: UnixMillis) -> u64 {
        self.counts(now)
            .fold(0, |sum, (_, count)| count.saturating_add(sum))
    }

    /// What was counted, by slot, without the empty ones.
    pub(super) fn counts(&self, now: UnixMillis) -> impl Iterator<Item = (u64, u64)> {
        let last = now.as_millis() / self.width;
        (last.saturating_sub(PARTS)..=last).filter_map(|epoch| {
            let word = self.slot(epoch)?.load(Ordering::Acquire);
            let count = word & MOST;
            (word >> COUNT_BITS == turn(epoch) && count > 0).then_some((epoch, count))
        })
    }

    /// Takes back what [`counts`](Self::counts) gave. What is from the future, by a clock that has
    /// been set back since, counts as of now.
    pub(super) fn restore(&self, counts: &[(u64, u64)], now: UnixMillis) {
        let last = now.as_millis() / self.width;
        for (epoch, count) in counts {
            if *epoch >= last.saturating_sub(PARTS) {
                self.add_in(last.min(*epoch), *count);
            }
        }
    }

    fn slot(&self, epoch: u64) -> Option<&AtomicU64> {
        self.slots.get(usize::try_from(epoch % ROUND).ok()?)
    }
}

fn turn(epoch: u64) -> u64 {
    (epoch / ROUND) % TURNS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn many_at_once_lose_nothing() {
        let meter = Meter::new(Span::parse("10m").unwrap());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for at in 0..10_000 {
                        meter.add(UnixMillis::from_millis(1_000_000 + at), 1);
                    }
                });
            }
        });
        assert_eq!(meter.sum(UnixMillis::from_millis(1_010_000)), 40_000);
    }

    #[test]
    fn the_largest_counts_stay_the_largest() {
        let meter = Meter::new(Span::SECOND);
        let now = UnixMillis::from_millis(u64::MAX / 2);
        meter.add(now, u64::MAX);
        meter.add(now, u64::MAX);
        assert!(meter.sum(now) > LARGEST_LIMIT);
    }

    proptest! {
        /// Never less than was counted in the window, never more than in one that is a slot longer.
        #[test]
        fn a_window_holds_what_a_list_of_all_would(
            window in 1_u64..400,
            steps in prop::collection::vec((0_u64..40_000, 0_u64..1000), 1..200),
            limit in 0_u64..50_000,
        ) {
            let window = window * 1000;
            let meter = Meter::new(Span::parse(&format!("{}s", window / 1000)).unwrap());
            let mut seen = Seen::default();
            let (mut now, mut all) = (1_700_000_000_000_u64, Vec::new());
            for (wait, amount) in steps {
                now += wait;
                meter.add(UnixMillis::from_millis(now), amount);
                all.push((now, amount));
                let within = |span: u64| -> u64 {
                    all.iter().filter(|(at, _)| now - at < span).map(|(_, n)| n).sum()
                };
                let sum = meter.sum(UnixMillis::from_millis(now));
                let exceeds = meter.exceeds(UnixMillis::from_millis(now), wait, limit, &mut seen);
                prop_assert_eq!(exceeds, sum + wait > limit);
                prop_assert!(sum >= within(window));
                prop_assert!(sum <= within(window + 2 * window.div_ceil(PARTS)));
            }
            // A restart keeps it, and a clock that was set back forgets nothing.
            let counts: Vec<(u64, u64)> = meter.counts(UnixMillis::from_millis(now)).collect();
            for at in [now, now - 1_000_000_000] {
                let restored = Meter::new(Span::parse(&format!("{}s", window / 1000)).unwrap());
                restored.restore(&counts, UnixMillis::from_millis(at));
                prop_assert_eq!(
                    restored.sum(UnixMillis::from_millis(at)),
                    meter.sum(UnixMillis::from_millis(now))
                );
            }
        }
    }
}
