//! All counters and profiles: who shares which, and how many there may be.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use serde::{Deserialize, Serialize};

use super::{
    ProfileStanding, SignalRules,
    distinct::{Distinct, Recent},
    footprint::Thing,
    meter::{Meter, Seen},
    moment::UnixMillis,
    profile::Profile,
    rules::{Budget, Learn, Novelty, Per, Rule, Signal, What},
    watch::{Bound, BoundRule, Counter, Tally, Watch},
};

/// Most counters that are kept. Past it, newcomers to a budget share one.
const MOST_COUNTERS: usize = 16_384;
/// Most profiles that are kept. Past it, newcomers have none, and everything is new to them.
const MOST_PROFILES: usize = 4096;
/// Whom the shared counter of a budget is of.
const OTHERS: &str = "others";

/// Who a session is of, and where it goes.
#[derive(Clone, Copy, Debug)]
pub struct Who<'a> {
    /// The subject.
    pub subject: &'a str,
    /// The workload.
    pub workload: &'a str,
    /// The target's name, where there is one.
    pub target: Option<&'a str>,
}

/// Every counter and profile of an engine.
#[derive(Debug, Default)]
pub struct Ledger {
    counters: Mutex<HashMap<Key, Kept>>,
    profiles: Mutex<HashMap<Key, Taught>>,
}

/// One that is kept: its signal, by name and by what makes it another, and whom it is of.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Key {
    pub(super) signal: String,
    pub(super) shape: String,
    pub(super) of: String,
}

#[derive(Clone, Debug)]
struct Kept {
    counter: Arc<Counter>,
    what: What,
    window: super::span::Span,
}

#[derive(Clone, Debug)]
struct Taught {
    profile: Arc<Profile>,
    learn: Learn,
}

/// A budget as it stands for one of those that it is counted for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetStanding {
    /// The signal's name.
    pub name: String,
    /// `statements`, `rows` …
    pub what: String,
    /// Whom it is of: `unix:bot on orders`.
    pub of: String,
    /// What was counted within the window.
    pub count: u64,
    /// The most that may be.
    pub limit: u64,
    /// The window: `10m`.
    pub window: String,
}

impl Per {
    fn of(self, who: Who<'_>) -> String {
        match (self, who.target) {
            (Self::Subject, _) => who.subject.to_owned(),
            (Self::SubjectTarget, Some(target)) => format!("{} on {target}", who.subject),
            (Self::SubjectTarget, None) => format!("{} on no target", who.subject),
            (Self::Workload, _) => format!("workload {}", who.workload),
        }
    }
}

impl Key {
    fn of_budget(signal: &Signal, budget: &Budget, of: String) -> Self {
        let shape = match budget.what {
            // What is kept depends on the limit.
            What::Tables => format!("{} {} {}", budget.per, budget.window, budget.limit),
            what => format!("{} {} {}", what.as_str(), budget.per, budget.window),
        };
        Self {
            signal: signal.name.to_string(),
            shape,
            of,
        }
    }

    fn of_novelty(signal: &Signal, novelty: &Novelty, of: String) -> Self {
        Self {
            signal: signal.name.to_string(),
            shape: format!("{} {}", novelty.what.as_str(), novelty.per),
            of,
        }
    }
}

impl Ledger {
    /// The signals of one session. It shares its counters and profiles with all others that they
    /// are of.
    #[must_use]
    pub fn watch(&self, rules: &SignalRules, who: Who<'_>, now: UnixMillis) -> Watch {
        let bound = rules.all.iter().map(|signal| Bound {
            name: Arc::clone(&signal.name),
            rule: match &signal.rule {
                Rule::Budget(budget) => BoundRule::Budget {
                    counter: self.counter(signal, budget, who, now),
                    budget: Arc::clone(budget),
                    recent: Recent::default(),
                    seen: Seen::default(),
                    pending: 0,
                },
                Rule::Schedule(schedule) if schedule.concerns(who.workload) => {
                    BoundRule::Schedule {
                        schedule: Arc::clone(schedule),
                        last: None,
                        told: false,
                    }
                }
                Rule::Schedule(_) => BoundRule::Never,
                Rule::Novelty(novelty) => {
                    let of = novelty.per.of(who);
                    BoundRule::Novelty {
                        profile: self.profile(signal, novelty, &of, now),
                        novelty: *novelty,
                        of: of.into(),
                        usual: Box::default(),
                        new: None,
                        told: HashSet::new(),
                    }
                }
            },
        });
        Watch {
            bound: bound.collect(),
            target: who.target.map(Thing::named),
            now,
            unprofiled_told: false,
        }
    }

    fn counter(
        &self,
        signal: &Signal,
        budget: &Budget,
        who: Who<'_>,
        now: UnixMillis,
    ) -> Arc<Counter> {
        let mut counters = lock(&self.counters);
        let key = Key::of_budget(signal, budget, budget.per.of(who));
        if let Some(kept) = counters.get(&key) {
            return Arc::clone(&kept.counter);
        }
        if counters.len() >= MOST_COUNTERS {
            counters.retain(|_, kept| {
                Arc::strong_count(&kept.counter) > 1 || kept.counter.sum(now) > 0
            });
        }
        let key = if counters.len() >= MOST_COUNTERS {
            Key::of_budget(signal, budget, OTHERS.to_owned())
        } else {
            key
        };
        let kept = counters
            .entry(key)
            .or_insert_with_key(|key| Kept::new(budget, key.of.clone()));
        Arc::clone(&kept.counter)
    }

    fn profile(
        &self,
        signal: &Signal,
        novelty: &Novelty,
        of: &str,
        now: UnixMillis,
    ) -> Option<Arc<Profile>> {
        let mut profiles = lock(&self.profiles);
        let key = Key::of_novelty(signal, novelty, of.to_owned());
        if let Some(taught) = profiles.get_mut(&key) {
            taught.learn = novelty.learn;
            return Some(Arc::clone(&taught.profile));
        }
        if profiles.len() >= MOST_PROFILES {
            return None;
        }
        let profile = Arc::new(Profile::new(now));
        let taught = Taught {
            profile: Arc::clone(&profile),
            learn: novelty.learn,
        };
        profiles.insert(key, taught);
        Some(profile)
    }

    /// How the budgets of a bundle stand, for all that anything was counted for.
    #[must_use]
    pub fn budgets(&self, rules: &SignalRules, now: UnixMillis) -> Vec<BudgetStanding> {
        let counters = lock(&self.counters);
        let mut all = Vec::new();
        for signal in &rules.all {
            let Rule::Budget(budget) = &signal.rule else {
                continue;
            };
            let shape = Key::of_budget(signal, budget, String::new()).shape;
            let of_this = counters
                .iter()
                .filter(|(key, _)| *key.signal == *signal.name && key.shape == shape);
            all.extend(of_this.filter_map(|(key, kept)| {
                let count = kept.counter.sum(now);
                (count > 0).then(|| BudgetStanding {
                    name: key.signal.clone(),
                    what: budget.what.as_str().to_owned(),
                    of: key.of.clone(),
                    count,
                    limit: budget.limit,
                    window: budget.window.to_string(),
                })
            }));
        }
        all.sort_by(|a, b| (&a.name, &a.of).cmp(&(&b.name, &b.of)));
        all
    }

    /// Every profile, as it stands.
    #[must_use]
    pub fn profiles(&self, now: UnixMillis) -> Vec<ProfileStanding> {
        let profiles = lock(&self.profiles);
        let mut all: Vec<ProfileStanding> = profiles
            .iter()
            .map(|(key, taught)| taught.standing(key, now))
            .collect();
        all.sort_by(|a, b| (&a.signal, &a.of).cmp(&(&b.signal, &b.of)));
        all
    }

    /// One profile, and all that is usual by it, by name.
    #[must_use]
    pub fn profile_of(
        &self,
        signal: &str,
        of: &str,
        now: UnixMillis,
    ) -> Option<(ProfileStanding, Vec<String>)> {
        let profiles = lock(&self.profiles);
        let mut named = profiles.iter();
        let (key, taught) = named.find(|(key, _)| key.signal == signal && key.of == of)?;
        let (_, _, things) = taught.profile.parts();
        let mut usual: Vec<String> = things.into_values().collect();
        usual.sort_unstable();
        Some((taught.standing(key, now), usual))
    }

    /// Has profiles learned anew: those of a signal, or of one of whom it is of, or all that are
    /// of one. How many there were.
    pub fn reset_profiles(&self, signal: Option<&str>, of: Option<&str>, now: UnixMillis) -> usize {
        let profiles = lock(&self.profiles);
        let meant = profiles.iter().filter(|(key, _)| {
            signal.is_none_or(|signal| key.signal == signal) && of.is_none_or(|of| key.of == of)
        });
        meant.map(|(_, taught)| taught.profile.reset(now)).count()
    }

    /// The counters with what is in their windows, by key.
    pub(super) fn counters(&self) -> Vec<(Key, What, super::span::Span, Arc<Counter>)> {
        let counters = lock(&self.counters);
        counters
            .iter()
            .map(|(key, kept)| {
                let counter = Arc::clone(&kept.counter);
                (key.clone(), kept.what, kept.window, counter)
            })
            .collect()
    }

    pub(super) fn taught(&self) -> Vec<(Key, Learn, Arc<Profile>)> {
        let profiles = lock(&self.profiles);
        profiles
            .iter()
            .map(|(key, taught)| (key.clone(), taught.learn, Arc::clone(&taught.profile)))
            .collect()
    }

    pub(super) fn put_counter(
        &self,
        key: Key,
        what: What,
        window: super::span::Span,
        counter: Counter,
    ) {
        let mut counters = lock(&self.counters);
        if counters.len() < MOST_COUNTERS {
            let counter = Arc::new(counter);
            counters.insert(
                key,
                Kept {
                    counter,
                    what,
                    window,
                },
            );
        }
    }

    pub(super) fn put_profile(&self, key: Key, learn: Learn, profile: Profile) {
        let mut profiles = lock(&self.profiles);
        if profiles.len() < MOST_PROFILES {
            let profile = Arc::new(profile);
            profiles.insert(key, Taught { profile, learn });
        }
    }
}

impl Taught {
    fn standing(&self, key: &Key, now: UnixMillis) -> ProfileStanding {
        let (since, messages, things) = self.profile.size();
        ProfileStanding {
            signal: key.signal.clone(),
            of: key.of.clone(),
            learning: self.profile.is_learning(now, self.learn),
            learn: self.learn.to_string(),
            since,
            messages,
            things,
        }
    }
}

impl Kept {
    fn new(budget: &Budget, of: String) -> Self {
        let tally = match budget.what {
            What::Tables => Tally::Distinct(Distinct::new(budget.window, budget.limit)),
            _ => Tally::Meter(Meter::new(budget.window)),
        };
        Self {
            counter: Arc::new(Counter {
                of,
                tally,
                told: AtomicBool::new(false),
            }),
            what: budget.what,
            window: budget.window,
        }
    }
}

impl Counter {
    /// A counter as a snapshot gives it back.
    pub(super) fn restored(of: String, tally: Tally, told: bool) -> Self {
        Self {
            of,
            tally,
            told: AtomicBool::new(told),
        }
    }

    pub(super) fn is_told(&self) -> bool {
        self.told.load(Ordering::Acquire)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
