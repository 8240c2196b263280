//! What one session knows of its signals: the counters and profiles that are its, shared with
//! every other session of the same subject, and what they say.

mod counted;
mod figures;

use std::{
    collections::HashSet,
    ops::BitOr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{
    Name,
    distinct::{Distinct, Recent},
    footprint::{Footprint, Item, Thing},
    meter::{Meter, Seen},
    moment::UnixMillis,
    profile::{Profile, Usual},
    rules::{Budget, Kind, Novelty, Schedule, What},
};

/// A set of signals of one bundle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Raised(u64);

/// So much of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// Rows that the agent gets, or that were changed.
    Rows(u64),
    /// Bytes that it gets, or that pass where they are not read.
    Bytes(u64),
}

/// A counter that sessions share.
#[derive(Debug)]
pub(super) struct Counter {
    pub(super) of: String,
    pub(super) tally: Tally,
    /// It is known to be raised.
    pub(super) told: AtomicBool,
}

/// How it counts.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are meters, each behind an Arc of its own"
)]
pub(super) enum Tally {
    Meter(Meter),
    Distinct(Distinct),
}

/// One signal, bound to one session.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) name: Name,
    pub(super) rule: BoundRule,
}

#[derive(Debug)]
pub(super) enum BoundRule {
    Budget {
        budget: Arc<Budget>,
        counter: Arc<Counter>,
        recent: Recent,
        seen: Seen,
        /// Counted by this session, and not told to others yet.
        pending: u64,
    },
    Schedule {
        schedule: Arc<Schedule>,
        /// The minute that was looked at last, and what it said.
        last: Option<(u64, bool)>,
        told: bool,
    },
    Novelty {
        novelty: Novelty,
        of: Box<str>,
        /// `None` where there are more profiles than are kept.
        profile: Option<Arc<Profile>>,
        usual: Box<Usual>,
        new: Option<Box<Thing>>,
        /// What was told of in this session.
        told: HashSet<Item>,
    },
    /// It is not about this session.
    Never,
}

/// The signals of one session.
#[derive(Debug, Default)]
pub struct Watch {
    pub(super) bound: Vec<Bound>,
    pub(super) target: Option<Thing>,
    pub(super) now: UnixMillis,
    pub(super) unprofiled_told: bool,
}

/// Most new things that a session tells of; its record has them all.
const MOST_TOLD: usize = 256;

impl Raised {
    /// Whether none is.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those that are not in `other`.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    fn of(index: usize) -> Self {
        Self(
            1_u64
                .checked_shl(u32::try_from(index).unwrap_or(u32::MAX))
                .unwrap_or(0),
        )
    }

    fn holds(self, index: usize) -> bool {
        self.0 & Self::of(index).0 != 0
    }
}

impl BitOr for Raised {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Watch {
    /// Whether there is anything to watch: where there isn't, nothing need be counted.
    #[must_use]
    pub fn is_active(&self) -> bool {
        !self.bound.is_empty()
    }

    /// Moves on to a later moment.
    pub fn at(&mut self, now: UnixMillis) {
        self.now = now.max(self.now);
    }

    /// The signals that are raised as a message of these footprints is judged: by what was done
    /// before, and what it would add. For none, by what was done.
    pub fn look<'a>(&mut self, prints: &(impl Iterator<Item = &'a Footprint> + Clone)) -> Raised {
        self.settle();
        let now = self.now;
        let target = self.target.as_ref();
        let mut raised = Raised::default();
        for (index, bound) in self.bound.iter_mut().enumerate() {
            let is = match &mut bound.rule {
                BoundRule::Budget {
                    budget,
                    counter,
                    recent,
                    seen,
                    ..
                } => exceeds(budget, counter, (recent, seen), now, prints.clone()),
                BoundRule::Schedule { schedule, last, .. } => {
                    let minute = now.minute();
                    match last {
                        Some((known, out)) if *known == minute => *out,
                        _ => {
                            let out = !schedule.holds(now);
                            *last = Some((minute, out));
                            out
                        }
                    }
                }
                BoundRule::Novelty {
                    novelty,
                    profile: Some(profile),
                    usual,
                    new,
                    ..
                } => {
                    let things = things(novelty.what, target, prints.clone());
                    *new = profile
                        .first_new(now, novelty.learn, things, usual)
                        .cloned()
                        .map(Box::new);
                    new.is_some()
                }
                BoundRule::Novelty { profile: None, .. } => true,
                BoundRule::Never => false,
            };
            if is {
                raised = raised | Raised::of(index);
            }
        }
        raised
    }

    /// The names of signals, for policy.
    pub fn names(&self, raised: Raised) -> impl Iterator<Item = &str> {
        let bound = self.bound.iter().enumerate();
        bound
            .filter(move |(index, _)| raised.holds(*index))
            .map(|(_, bound)| &*bound.name)
    }

    /// Those of the raised that nobody has told of yet; they count as told from here on.
    #[must_use]
    pub fn news(&mut self, raised: Raised) -> Raised {
        let now = self.now;
        let mut news = Raised::default();
        for (index, bound) in self.bound.iter_mut().enumerate() {
            let is = raised.holds(index);
            let known = match &mut bound.rule {
                BoundRule::Budget {
                    budget, counter, ..
                } => {
                    // Read before it is written: sessions share it, and it seldom changes. What is
                    // used up is no news again because one message asked for nothing of it.
                    let known = counter.told.load(Ordering::Acquire);
                    if is && !known {
                        counter.told.swap(true, Ordering::AcqRel)
                    } else {
                        if known && !is && counter.sum(now) < budget.limit {
                            counter.told.store(false, Ordering::Release);
                        }
                        known
                    }
                }
                BoundRule::Schedule { told, .. } => std::mem::replace(told, is),
                // Each new thing is news, once.
                BoundRule::Novelty { new, told, .. } => match new {
                    Some(thing) if is => told.len() >= MOST_TOLD || !told.insert(thing.item),
                    _ => is && std::mem::replace(&mut self.unprofiled_told, true),
                },
                BoundRule::Never => false,
            };
            if is && !known {
                news = news | Raised::of(index);
            }
        }
        news
    }
}

/// Whether what was counted, and what would be added, is more than the budget. Of rows and bytes
/// at least one would be.
fn exceeds<'a>(
    budget: &Budget,
    counter: &Counter,
    (recent, seen): (&mut Recent, &mut Seen),
    now: UnixMillis,
    prints: impl Iterator<Item = &'a Footprint> + Clone,
) -> bool {
    let counted = prints.filter(|print| print.does(budget.actions.as_deref()));
    match &counter.tally {
        Tally::Meter(meter) => {
            let asked = asked(budget.what, counted);
            meter.exceeds(now, asked, budget.limit, seen)
        }
        Tally::Distinct(distinct) => distinct.with(now, tables(counted), recent) > budget.limit,
    }
}

fn asked<'a>(what: What, prints: impl Iterator<Item = &'a Footprint>) -> u64 {
    match what {
        What::Statements => prints.map(|print| print.statements).sum(),
        What::Sessions => prints.map(|print| print.sessions).sum(),
        What::Rows | What::Bytes | What::Refusals => 1,
        What::Tables => 0,
    }
}

fn tables<'a>(
    prints: impl Iterator<Item = &'a Footprint> + Clone,
) -> impl Iterator<Item = &'a Item> + Clone {
    prints
        .flat_map(|print| &print.tables)
        .map(|thing| &thing.item)
}

fn things<'t, 'a: 't>(
    what: Kind,
    target: Option<&'t Thing>,
    prints: impl Iterator<Item = &'a Footprint> + Clone,
) -> impl Iterator<Item = &'t Thing> + Clone {
    let target = target.filter(|_| what == Kind::Target);
    let named = prints.flat_map(move |print| -> &'t [Thing] {
        match what {
            Kind::Table => &print.tables,
            Kind::Verb => &print.actions,
            Kind::Function => &print.functions,
            Kind::Target => &[],
        }
    });
    target.into_iter().chain(named)
}

impl Counter {
    pub(super) fn sum(&self, now: UnixMillis) -> u64 {
        match &self.tally {
            Tally::Meter(meter) => meter.sum(now),
            Tally::Distinct(distinct) => distinct.with(now, [].iter(), &mut Recent::default()),
        }
    }
}
