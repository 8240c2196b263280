//! The ledger as it is kept over a restart.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    distinct::Distinct,
    footprint::Item,
    ledger::{Key, Ledger},
    meter::Meter,
    moment::UnixMillis,
    profile::Profile,
    rules::{Learn, What},
    span::Span,
    watch::{Counter, Tally},
};

/// What a ledger holds, for a file. Bounded as the ledger is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    counters: Vec<KeptCounter>,
    profiles: Vec<KeptProfile>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptCounter {
    key: Key,
    what: What,
    window: u64,
    told: bool,
    /// Counts by the number of their time, or, of tables, when each was last there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    counts: Vec<(u64, u64)>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    tables: BTreeMap<String, u64>,
    #[serde(default)]
    room: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptProfile {
    key: Key,
    learn: KeptLearn,
    since: UnixMillis,
    messages: u64,
    things: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KeptLearn {
    Millis(u64),
    Messages(u64),
}

impl Ledger {
    /// What it holds.
    #[must_use]
    pub fn snapshot(&self, now: UnixMillis) -> Snapshot {
        let counters = self.counters().into_iter().filter_map(|kept| {
            let (key, what, window, counter) = kept;
            let (counts, tables, room) = match &counter.tally {
                Tally::Meter(meter) => (meter.counts(now).collect(), BTreeMap::new(), 0),
                Tally::Distinct(distinct) => {
                    let all = distinct.all(now).into_iter();
                    let tables = all.map(|(item, at)| (item.to_hex(), at)).collect();
                    (Vec::new(), tables, distinct.limit())
                }
            };
            (!counts.is_empty() || !tables.is_empty()).then(|| KeptCounter {
                key,
                what,
                window: window.millis(),
                told: counter.is_told(),
                counts,
                tables,
                room,
            })
        });
        let mut counters: Vec<KeptCounter> = counters.collect();
        counters.sort_unstable();
        let profiles = self.taught().into_iter().map(|(key, learn, profile)| {
            let (since, messages, things) = profile.parts();
            KeptProfile {
                key,
                learn: learn.into(),
                since,
                messages,
                things,
            }
        });
        let mut profiles: Vec<KeptProfile> = profiles.collect();
        profiles.sort_unstable();
        Snapshot { counters, profiles }
    }

    /// A ledger that goes on where a snapshot was taken. What is from the future, by a clock that
    /// has been set back since, counts as of now.
    #[must_use]
    pub fn restored(snapshot: &Snapshot, now: UnixMillis) -> Self {
        let ledger = Self::default();
        for kept in &snapshot.counters {
            let window = Span::of_millis(kept.window);
            let tally = match kept.what {
                What::Tables => {
                    let distinct = Distinct::new(window, kept.room);
                    let all = kept.tables.iter();
                    let all = all.filter_map(|(item, at)| Some((Item::from_hex(item)?, *at)));
                    distinct.restore(&all.collect::<Vec<_>>(), now);
                    Tally::Distinct(distinct)
                }
                _ => {
                    let meter = Meter::new(window);
                    meter.restore(&kept.counts, now);
                    Tally::Meter(meter)
                }
            };
            let counter = Counter::restored(kept.key.of.clone(), tally, kept.told);
            ledger.put_counter(kept.key.clone(), kept.what, window, counter);
        }
        for kept in &snapshot.profiles {
            let since = kept.since.min(now);
            let profile = Profile::of_parts(since, kept.messages, &kept.things);
            ledger.put_profile(kept.key.clone(), kept.learn.into(), profile);
        }
        ledger
    }
}

impl From<Learn> for KeptLearn {
    fn from(learn: Learn) -> Self {
        match learn {
            Learn::For(span) => Self::Millis(span.millis()),
            Learn::Messages(count) => Self::Messages(count),
        }
    }
}

impl From<KeptLearn> for Learn {
    fn from(kept: KeptLearn) -> Self {
        match kept {
            KeptLearn::Millis(millis) => Self::For(Span::of_millis(millis)),
            KeptLearn::Messages(count) => Self::Messages(count),
        }
    }
}
