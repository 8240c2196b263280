//! The catalogues of all databases that sessions are open to, shared between them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use weir_intercept::{Namespace, NetnsCookie};
use weir_policy::{Policies, PolicyVersion};

use super::shape::Changes;
use crate::{
    admit::Admission,
    config::TargetName,
    mask::{catalogue::Catalogue, lineage::Lineage},
    upstream::{UpstreamError, postgres::read_catalogue},
};

/// How long a reading is used before a new session, or a session's next command, reads again.
pub(super) const FRESH: Duration = Duration::from_secs(10);

/// How many readings are kept before those that nobody reads now are let go.
const MOST: usize = 1024;

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
    reading: tokio::sync::Mutex<Option<Reading>>,
    changes: Arc<Changes>,
}

/// What a session knows of its database.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// What is sensitive in it.
    pub lineage: Arc<Lineage>,
    /// Where its sessions tell one another of changes.
    pub(super) changes: Arc<Changes>,
    /// How many they had told of before it was read.
    pub(super) told: u64,
    /// When the reading began.
    pub(super) at: Option<Instant>,
}

struct Reading {
    at: Instant,
    told: u64,
    catalogue: Catalogue,
    version: PolicyVersion,
    lineage: Arc<Lineage>,
}

impl Catalogues {
    /// The lineage of `database` under `policies`, from a reading that is not older than `age`, nor than
    /// the last change that a session has told of.
    pub async fn lineage(
        &self,
        admission: &Admission,
        database: &str,
        policies: &Policies,
        age: Duration,
    ) -> Result<Known, UpstreamError> {
        let target = &admission.target().name;
        let slot = {
            let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if slots.len() >= MOST {
                // Namespaces come and go, and their servers with them.
                slots.retain(|_, slot| Arc::strong_count(slot) > 1);
            }
            Arc::clone(slots.entry(Key::of(admission, database)).or_default())
        };
        let asked = Instant::now();
        let mut reading = slot.reading.lock().await;
        let told = slot.changes.count();
        let known = |lineage: &Arc<Lineage>, at: Instant| Known {
            lineage: Arc::clone(lineage),
            changes: Arc::clone(&slot.changes),
            told,
            at: Some(at),
        };
        let lineage = |catalogue: &Catalogue| {
            let rules = policies.masking();
            Arc::new(Lineage::new(catalogue, rules, target.as_str(), database))
        };
        // A reading that another session made while this one waited is as good as its own.
        // Any age may be asked for, and a point in time can't be any number of years away.
        let fresh = |reading: &&mut Reading| {
            reading.told == told && asked.saturating_duration_since(reading.at) <= age
        };
        if let Some(reading) = reading.as_mut().filter(fresh) {
            if reading.version != *policies.version() {
                reading.lineage = lineage(&reading.catalogue);
                reading.version = policies.version().clone();
            }
            return Ok(known(&reading.lineage, reading.at));
        }
        let at = Instant::now();
        let rules = policies.masking();
        let wanted =
            |catalogue: &Catalogue| Lineage::wanted(catalogue, rules, target.as_str(), database);
        let catalogue = read_catalogue(admission, database, wanted).await?;
        // Where nothing changed the lineage stays the same value, and so do judgements by it.
        if let Some(reading) = reading.as_mut()
            && reading.version == *policies.version()
            && reading.catalogue == catalogue
        {
            (reading.at, reading.told) = (at, told);
            return Ok(known(&reading.lineage, at));
        }
        let lineage = lineage(&catalogue);
        *reading = Some(Reading {
            at,
            told,
            catalogue,
            version: policies.version().clone(),
            lineage: Arc::clone(&lineage),
        });
        Ok(known(&lineage, at))
    }
}
