//! What counts: relaxed atomics that any session may touch, none of which waits for another.

use std::{
    fmt,
    sync::{
        OnceLock,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

/// Only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

/// Grows and shrinks.
#[derive(Debug, Default)]
pub(crate) struct Level(AtomicI64);

/// Where a histogram's buckets end.
#[derive(Debug)]
pub(crate) struct Bounds {
    /// The highest value of each bucket but the last, ascending, in whole steps.
    ends: &'static [u64],
    /// How many steps make one unit.
    steps: f64,
}

/// How values are distributed.
#[derive(Debug)]
pub(crate) struct Histogram {
    bounds: &'static Bounds,
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// A histogram at one moment, in units.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    /// The highest value of each bucket but the last.
    pub bounds: Vec<f64>,
    /// How many are in each; one more than there are bounds.
    pub counts: Vec<u64>,
    /// All values together.
    pub sum: f64,
}

/// Microseconds, for what databases do (OpenTelemetry, "Database client metrics").
pub(crate) const OPERATION: Bounds = Bounds {
    ends: &[
        1_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000, 10_000_000,
    ],
    steps: 1e6,
};

/// Rows (the same).
pub(crate) const ROWS: Bounds = Bounds {
    ends: &[
        1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000,
    ],
    steps: 1.0,
};

/// Microseconds, for what weir adds to each command.
pub(crate) const VERDICT: Bounds = Bounds {
    ends: &[
        10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 250_000, 1_000_000,
    ],
    steps: 1e6,
};

/// Microseconds, for disks.
pub(crate) const SYNC: Bounds = Bounds {
    ends: &[
        100, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 1_000_000,
        5_000_000,
    ],
    steps: 1e6,
};

/// Microseconds, for people.
pub(crate) const PEOPLE: Bounds = Bounds {
    ends: &[
        1_000_000,
        5_000_000,
        15_000_000,
        60_000_000,
        300_000_000,
        900_000_000,
        3_600_000_000,
        14_400_000_000,
    ],
    steps: 1e6,
};

impl Counter {
    pub(crate) fn add(&self, number: u64) {
        self.0.fetch_add(number, Ordering::Relaxed);
    }

    pub(crate) fn one(&self) {
        self.add(1);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Level {
    pub(crate) fn add(&self, number: i64) {
        self.0.fetch_add(number, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Histogram {
    pub(crate) fn new(bounds: &'static Bounds) -> Self {
        Self {
            bounds,
            counts: (0..=bounds.ends.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
        }
    }

    /// Takes a value in steps.
    pub(crate) fn take(&self, value: u64) {
        let place = self.bounds.ends.partition_point(|end| *end < value);
        if let Some(count) = self.counts.get(place) {
            count.fetch_add(1, Ordering::Relaxed);
            self.sum.fetch_add(value, Ordering::Relaxed);
        }
    }

    /// Takes a time, where the steps are microseconds.
    pub(crate) fn time(&self, took: Duration) {
        self.take(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// As it is now; nothing where it is empty.
    pub(crate) fn distribution(&self) -> Option<Distribution> {
        let counts: Vec<u64> = self
            .counts
            .iter()
            .map(|count| count.load(Ordering::Relaxed))
            .collect();
        let any = counts.iter().any(|count| *count != 0);
        let units = |steps: u64| as_float(steps) / self.bounds.steps;
        any.then(|| Distribution {
            bounds: self.bounds.ends.iter().copied().map(units).collect(),
            counts,
            sum: units(self.sum.load(Ordering::Relaxed)),
        })
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "what is lost is less than one in 2^53"
)]
fn as_float(number: u64) -> f64 {
    number as f64
}

/// Something for each name of a bounded number of names, which are met one after the other. What
/// comes beyond shares [`OTHER`]: whoever chooses names can't fill the memory, nor whatever collects
/// them.
pub(crate) struct Named<T> {
    slots: Box<[Slot<T>]>,
    other: OnceLock<T>,
    make: fn() -> T,
}

/// One name, once it was met.
type Slot<T> = OnceLock<(Box<str>, T)>;

/// What all names beyond the bound are called.
pub(crate) const OTHER: &str = "_OTHER";
/// Longer names are cut.
const LONGEST: usize = 120;

impl<T> Named<T> {
    pub(crate) fn new(most: usize, make: fn() -> T) -> Self {
        Self {
            slots: (0..most).map(|_| OnceLock::new()).collect(),
            other: OnceLock::new(),
            make,
        }
    }

    /// That of a name.
    pub(crate) fn of(&self, name: &str) -> &T {
        let name = name
            .get(..name.floor_char_boundary(LONGEST))
            .unwrap_or(OTHER);
        for slot in &self.slots {
            if slot.get().is_none() {
                // Where another was faster, it may have been for another name.
                slot.set((name.into(), (self.make)())).ok();
            }
            if let Some((known, value)) = slot.get()
                && **known == *name
            {
                return value;
            }
        }
        self.other.get_or_init(self.make)
    }

    /// All that were met.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &T)> {
        let known = self.slots.iter().map_while(OnceLock::get);
        known
            .map(|(name, value)| (&**name, value))
            .chain(self.other.get().map(|value| (OTHER, value)))
    }
}

impl<T> fmt::Debug for Named<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.all().map(|(name, _)| name))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_in_the_first_bucket_that_it_does_not_exceed() {
        let histogram = Histogram::new(&ROWS);
        for value in [0, 1, 2, 3, 10_000, 10_001, u64::from(u32::MAX)] {
            histogram.take(value);
        }
        let Distribution {
            bounds,
            counts,
            sum,
        } = histogram.distribution().unwrap();
        assert_eq!(bounds.len() + 1, counts.len());
        assert_eq!(counts, [2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(
            sum,
            as_float(1 + 2 + 3 + 10_000 + 10_001 + u64::from(u32::MAX))
        );
        assert!(Histogram::new(&ROWS).distribution().is_none());
    }

    #[test]
    fn times_are_told_in_seconds() {
        for bounds in [&OPERATION, &VERDICT, &SYNC, &PEOPLE, &ROWS] {
            assert!(bounds.ends.is_sorted());
        }
        let histogram = Histogram::new(&OPERATION);
        histogram.time(Duration::from_millis(1500));
        let told = histogram.distribution().unwrap();
        assert_eq!((told.sum, told.bounds.first()), (1.5, Some(&0.001)));
    }

    #[test]
    fn names_without_end_fill_nothing() {
        let named: Named<Counter> = Named::new(3, Counter::default);
        for name in 0..1000 {
            named.of(&format!("rule-{}", name % 10)).one();
        }
        let all: Vec<_> = named
            .all()
            .map(|(name, count)| (name, count.get()))
            .collect();
        let expected = [
            ("rule-0", 100),
            ("rule-1", 100),
            ("rule-2", 100),
            (OTHER, 700),
        ];
        assert_eq!(all, expected);
        let long = "ß".repeat(1000);
        assert_eq!(named.of(&long).get(), 700);
        let named: Named<Counter> = Named::new(1, Counter::default);
        named.of(&long).one();
        assert!(named.all().all(|(name, _)| name.len() <= LONGEST));
    }

    #[test]
    fn a_name_that_many_meet_at_once_is_one() {
        let named: Named<Counter> = Named::new(8, Counter::default);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for turn in 0..4000 {
                        named.of(["a", "b", "c", "d"][turn % 4]).one();
                    }
                });
            }
        });
        let mut all: Vec<_> = named
            .all()
            .map(|(name, count)| (name, count.get()))
            .collect();
        all.sort_unstable();
        assert_eq!(all, [("a", 4000), ("b", 4000), ("c", 4000), ("d", 4000)]);
    }
}
