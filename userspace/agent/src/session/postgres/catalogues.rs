//! The catalogues of all databases that sessions are open to, shared between them.
//!
//! A database is read over a connection of weir's own, which is kept while sessions are in use. Whether
//! what was read is still so is asked first, at a small part of what a reading costs; only where it isn't
//! is it read anew. What others change shows by a look that sessions in use have made, one for all of
//! them, about once a second: as long as such a look costs next to nothing, and seldomer else.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, Instant},
};

use tokio::time::sleep;
use weir_intercept::{Namespace, NetnsCookie};
use weir_policy::{Policies, PolicyVersion};

use super::changes::Changes;
use crate::{
    admit::Admission,
    config::TargetName,
    mask::{catalogue::Catalogue, lineage::Lineage},
    upstream::{
        UpstreamError,
        postgres::{Reader, Reading},
    },
};

/// How long nobody looks again, however much a look costs.
pub(super) const FRESH: Duration = Duration::from_secs(10);
/// And however little.
pub(super) const SOON: Duration = Duration::from_secs(1);
/// How many times as long as a look has taken nobody looks again: it is a
/// fortieth of one of a server's cores, at most.
const SHARE: u32 = 40;

/// How many readings are kept before those that nobody reads now are let go.
const MOST: usize = 1024;

/// How long a connection is kept that nobody uses, and at most: what it was opened with may have changed.
const IDLE: Duration = Duration::from_secs(10);
/// How soon it goes behind the last session: a database can't be dropped while anybody is connected to it, and
/// the server waits five seconds for that (`CountOtherDBBackends`).
const LEFT: Duration = Duration::from_secs(1);
const LIFE: Duration = Duration::from_secs(600);

/// What tells one server from another, and its database: a target may be several servers, and one
/// address several, in several network namespaces.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    target: TargetName,
    upstream: String,
    namespace: Option<NetnsCookie>,
    database: String,
}

impl Key {
    fn of(admission: &Admission, database: &str) -> Self {
        Self {
            target: admission.target().name.clone(),
            upstream: admission.upstream().to_string(),
            namespace: admission.namespace().map(Namespace::cookie),
            database: database.to_owned(),
        }
    }
}

/// Readings by server and database.
#[derive(Default)]
pub struct Catalogues(Mutex<HashMap<Key, Arc<Slot>>>);

/// One database. The lock is held while it is read, so that many sessions read it once.
#[derive(Default)]
struct Slot {
    held: tokio::sync::Mutex<Held>,
    changes: Arc<Changes>,
}

impl Slot {
    /// Whether a session knows what was read.
    fn is_known(&self) -> bool {
        Arc::strong_count(&self.changes) > 1
    }
}

#[derive(Default)]
struct Held {
    kept: Option<Kept>,
    open: Option<Open>,
}

/// The connection, while nobody asks anything over it.
struct Open {
    reader: Reader,
    since: Instant,
    used: Instant,
}

/// What a session knows of its database.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// What is sensitive in it.
    pub(super) lineage: Arc<Lineage>,
    /// Where its sessions tell one another of changes.
    pub(super) changes: Arc<Changes>,
    /// How many they had told of before it was read.
    pub(super) told: u64,
    /// When the reading began.
    pub(super) at: Option<Instant>,
}

struct Kept {
    /// When it was last known to be so.
    at: Instant,
    told: u64,
    /// How long it takes to look, as far as that says something of the next time: what was read once need
    /// not be read then, what was read twice in a row may well be.
    cost: Duration,
    /// Whether it was read the last time, and not found to be so.
    just_read: bool,
    reading: Reading,
    /// By which policies it was read: they say what is wanted of it.
    read_by: PolicyVersion,
    version: PolicyVersion,
    lineage: Arc<Lineage>,
}

/// How old a reading may be, at most.
#[derive(Clone, Copy, Debug)]
pub(super) enum Age {
    /// What others change shows soon.
    Lately,
    /// Any age may be asked for.
    Within(Duration),
}

/// Whom a reading is for.
struct Reads<'a> {
    slot: Arc<Slot>,
    admission: &'a Admission,
    database: &'a str,
    policies: &'a Policies,
}

impl Catalogues {
    /// The lineage of `database` under `policies`, from a reading that is not older than `age`, nor than
    /// the last change that a session has told of.
    pub(super) async fn lineage(
        &self,
        admission: &Admission,
        database: &str,
        policies: &Policies,
        age: Age,
    ) -> Result<Known, UpstreamError> {
        let reads = self.reads(admission, database, policies);
        let asked = Instant::now();
        let mut held = reads.slot.held.lock().await;
        reads.known(&mut held, asked, age).await
    }

    /// The same as it was lately, for a session that knows what was so `at` that time; `None` where another
    /// session is about to find out, which this one need not wait for.
    pub(super) async fn lately(
        &self,
        admission: &Admission,
        database: &str,
        policies: &Policies,
        at: Option<Instant>,
    ) -> Result<Option<Known>, UpstreamError> {
        let reads = self.reads(admission, database, policies);
        let asked = Instant::now();
        let mut held = match reads.slot.held.try_lock() {
            Ok(held) => held,
            Err(_) if at.is_some_and(|at| asked.saturating_duration_since(at) <= FRESH) => {
                return Ok(None);
            }
            Err(_) => reads.slot.held.lock().await,
        };
        reads.known(&mut held, asked, Age::Lately).await.map(Some)
    }

    fn reads<'a>(
        &self,
        admission: &'a Admission,
        database: &'a str,
        policies: &'a Policies,
    ) -> Reads<'a> {
        Reads {
            slot: self.slot(admission, database),
            admission,
            database,
            policies,
        }
    }

    fn slot(&self, admission: &Admission, database: &str) -> Arc<Slot> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= MOST {
            // Namespaces come and go, and their servers with them.
            slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        Arc::clone(slots.entry(Key::of(admission, database)).or_default())
    }
}

impl Reads<'_> {
    /// What is known once it is not older than `age`. A look that another session has made while this one
    /// waited is as good as its own.
    async fn known(
        &self,
        held: &mut Held,
        asked: Instant,
        age: Age,
    ) -> Result<Known, UpstreamError> {
        let told = self.slot.changes.count();
        let fresh = |kept: &Kept| {
            let age = match age {
                Age::Lately => (kept.cost * SHARE).clamp(SOON, FRESH),
                Age::Within(age) => age,
            };
            kept.told == told && asked.saturating_duration_since(kept.at) <= age
        };
        if !held.kept.as_ref().is_some_and(fresh) {
            self.look(held).await?;
        }
        let Some(kept) = &mut held.kept else {
            return Ok(Known::default());
        };
        if kept.version != *self.policies.version() {
            kept.lineage = self.lineage(&kept.reading.catalogue);
            kept.version = self.policies.version().clone();
        }
        Ok(Known {
            lineage: Arc::clone(&kept.lineage),
            changes: Arc::clone(&self.slot.changes),
            told: kept.told,
            at: Some(kept.at),
        })
    }

    /// Makes sure that what was read is so, or reads it anew.
    async fn look(&self, held: &mut Held) -> Result<(), UpstreamError> {
        let (at, told) = (Instant::now(), self.slot.changes.count());
        let open = held.open.take();
        let mut open = match open.filter(|open| at.saturating_duration_since(open.since) < LIFE) {
            Some(open) => open,
            None => self.open().await?,
        };
        if let Some(kept) = held.kept.as_mut().filter(|kept| self.wants_no_more(kept)) {
            match open.reader.is_still(&mut kept.reading).await {
                Ok(true) => {
                    (kept.at, kept.told) = (at, told);
                    (kept.cost, kept.just_read) = (at.elapsed(), false);
                    held.keep(open);
                    return Ok(());
                }
                Ok(false) => {}
                // The server may have closed it while nobody looked.
                Err(_) => open = self.open().await?,
            }
        }
        let (target, database) = (&self.admission.target().name, self.database);
        let rules = self.policies.masking();
        let wanted =
            |catalogue: &Catalogue| Lineage::wanted(catalogue, rules, target.as_str(), database);
        let reading = match open.reader.read(wanted).await {
            Ok(reading) => reading,
            Err(error) => {
                // All that know the last one are to find out, or that they can't.
                self.slot.changes.tell_of(told);
                return Err(error);
            }
        };
        held.keep(open);
        // Where nothing changed the lineage stays the same value, and so do judgements by it.
        let version = self.policies.version();
        let before = held.kept.take();
        let same = before
            .as_ref()
            .filter(|kept| kept.version == *version && kept.reading.catalogue == reading.catalogue);
        let (lineage, told) = match (same, &before) {
            (Some(same), _) => (Arc::clone(&same.lineage), told),
            (None, None) => (self.lineage(&reading.catalogue), told),
            (None, Some(_)) => {
                // Others know the one before.
                let told = self.slot.changes.tell_of(told);
                (self.lineage(&reading.catalogue), told)
            }
        };
        let again = before.is_some_and(|kept| kept.just_read);
        held.kept = Some(Kept {
            at,
            told,
            cost: if again { at.elapsed() } else { Duration::ZERO },
            just_read: true,
            reading,
            read_by: version.clone(),
            version: version.clone(),
            lineage,
        });
        Ok(())
    }

    /// Whether all was read that these policies want.
    fn wants_no_more(&self, kept: &Kept) -> bool {
        kept.read_by == *self.policies.version()
    }

    fn lineage(&self, catalogue: &Catalogue) -> Arc<Lineage> {
        let target = self.admission.target().name.as_str();
        let rules = self.policies.masking();
        Arc::new(Lineage::new(catalogue, rules, target, self.database))
    }

    async fn open(&self) -> Result<Open, UpstreamError> {
        let reader = Reader::connect(self.admission, self.database).await?;
        tokio::spawn(close_unused(Arc::downgrade(&self.slot)));
        let now = Instant::now();
        Ok(Open {
            reader,
            since: now,
            used: now,
        })
    }
}

impl Held {
    fn keep(&mut self, open: Open) {
        let used = Instant::now();
        self.open = Some(Open { used, ..open });
    }
}

/// Closes a database's connection once nobody has used it for long, or nobody has a session there.
async fn close_unused(slot: Weak<Slot>) {
    loop {
        sleep(LEFT).await;
        let Some(slot) = slot.upgrade() else { return };
        // Whoever holds the lock uses it.
        let Ok(mut held) = slot.held.try_lock() else {
            continue;
        };
        match &held.open {
            Some(open) if slot.is_known() && open.used.elapsed() < IDLE => {}
            _ => {
                let unused = held.open.take();
                drop(held);
                if let Some(open) = unused {
                    open.reader.close().await;
                }
                return;
            }
        }
    }
}
