//! What is usual for a subject: the things that it was allowed while its profile was learned.
//!
//! Once learned, a profile takes nothing more: what is new stays new until an operator has the
//! profile learned again. An agent can't make a thing usual by doing it twice.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use serde::{Deserialize, Serialize};

use super::{
    footprint::{Item, Thing},
    moment::UnixMillis,
    rules::Learn,
};

/// Most things of one profile. What is past them is new, always.
const MOST_THINGS: usize = 5000;

/// Most that a session remembers to be usual.
const MOST_USUAL: usize = 1024;

/// A profile, learned or being learned.
#[derive(Debug)]
pub(super) struct Profile {
    known: Mutex<Known>,
    /// Counts how often it was begun anew.
    turn: AtomicU64,
    /// It was found to be learned, so that nobody need lock it to know.
    learned: AtomicBool,
}

#[derive(Debug)]
struct Known {
    since: UnixMillis,
    messages: u64,
    things: HashMap<Item, Box<str>>,
}

/// What one session has found to be usual.
#[derive(Debug, Default)]
pub(super) struct Usual {
    turn: u64,
    items: HashSet<Item>,
}

/// A profile as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileStanding {
    /// The signal that it is for.
    pub signal: String,
    /// Whom it is of: `unix:bot on orders`.
    pub of: String,
    /// Whether it is still being learned.
    pub learning: bool,
    /// How long it is learned, in all: `14d`, or `10000 messages`.
    pub learn: String,
    /// Since when it is learned, in milliseconds since the Unix epoch.
    pub since: UnixMillis,
    /// How many messages it was learned from.
    pub messages: u64,
    /// How many things are usual.
    pub things: usize,
}

impl Profile {
    pub(super) fn new(now: UnixMillis) -> Self {
        Self {
            known: Mutex::new(Known {
                since: now,
                messages: 0,
                things: HashMap::new(),
            }),
            turn: AtomicU64::new(1),
            learned: AtomicBool::new(false),
        }
    }

    /// The first of these that is new, once the profile is learned.
    pub(super) fn first_new<'a>(
        &self,
        now: UnixMillis,
        learn: Learn,
        things: impl Iterator<Item = &'a Thing> + Clone,
        usual: &mut Usual,
    ) -> Option<&'a Thing> {
        let turn = self.turn.load(Ordering::Acquire);
        if usual.turn != turn || usual.items.len() > MOST_USUAL {
            (usual.turn, usual.items) = (turn, HashSet::new());
        }
        if things
            .clone()
            .all(|thing| usual.items.contains(&thing.item))
        {
            return None;
        }
        let known = self.lock();
        let learning = known.is_learning(now, learn);
        for thing in things {
            if known.things.contains_key(&thing.item) {
                usual.items.insert(thing.item);
            } else if !learning {
                return Some(thing);
            }
        }
        None
    }

    /// Learns that these were allowed, while it learns.
    pub(super) fn learn<'a>(
        &self,
        now: UnixMillis,
        learn: Learn,
        things: impl Iterator<Item = &'a Thing> + Clone,
        usual: &mut Usual,
    ) {
        let counts = matches!(learn, Learn::Messages(_));
        let known = usual.turn == self.turn.load(Ordering::Acquire)
            && things
                .clone()
                .all(|thing| usual.items.contains(&thing.item));
        if self.learned.load(Ordering::Acquire) || known && !counts {
            return;
        }
        let mut inner = self.lock();
        if !inner.is_learning(now, learn) {
            self.learned.store(true, Ordering::Release);
            return;
        }
        inner.messages = inner.messages.saturating_add(1);
        for thing in things {
            if inner.things.len() >= MOST_THINGS {
                break;
            }
            inner
                .things
                .entry(thing.item)
                .or_insert_with(|| thing.name.clone());
            usual.items.insert(thing.item);
        }
    }

    /// Whether it still learns.
    pub(super) fn is_learning(&self, now: UnixMillis, learn: Learn) -> bool {
        self.lock().is_learning(now, learn)
    }

    /// Forgets all and learns anew.
    pub(super) fn reset(&self, now: UnixMillis) {
        let mut known = self.lock();
        (known.since, known.messages) = (now, 0);
        known.things.clear();
        self.learned.store(false, Ordering::Release);
        self.turn.fetch_add(1, Ordering::AcqRel);
    }

    /// Since when it is learned, from how many messages, and how many things are usual.
    pub(super) fn size(&self) -> (UnixMillis, u64, usize) {
        let known = self.lock();
        (known.since, known.messages, known.things.len())
    }

    pub(super) fn parts(&self) -> (UnixMillis, u64, BTreeMap<String, String>) {
        let known = self.lock();
        let things = known
            .things
            .iter()
            .map(|(item, name)| (item.to_hex(), name.to_string()));
        (known.since, known.messages, things.collect())
    }

    pub(super) fn of_parts(
        since: UnixMillis,
        messages: u64,
        things: &BTreeMap<String, String>,
    ) -> Self {
        let profile = Self::new(since);
        {
            let mut known = profile.lock();
            known.messages = messages;
            known.things = things
                .iter()
                .take(MOST_THINGS)
                .filter_map(|(item, name)| Some((Item::from_hex(item)?, name.as_str().into())))
                .collect();
        }
        profile
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn is_learning(&self, now: UnixMillis, learn: Learn) -> bool {
        match learn {
            Learn::For(span) => now.since(self.since) < span.millis(),
            Learn::Messages(count) => self.messages < count,
        }
    }
}
