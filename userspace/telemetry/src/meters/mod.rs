//! All that is counted. What is of one target is in [`Target`], which a session looks up once, as it
//! begins; no label has more values than the configuration declares, or than [`Named`] allows.

mod target;
mod told;

use std::{collections::HashMap, sync::Arc};

pub(crate) use self::target::{Target, Verdict};
use crate::instrument::{Counter, Histogram, Level, Named, OTHER, PEOPLE, SYNC};

/// Most rules that are told apart.
const MOST_RULES: usize = 200;

/// A target of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// Its name.
    pub name: String,
    /// Its protocol.
    pub protocol: String,
    /// Where weir dials it, unless it is where a workload dialled.
    pub upstream: Option<(String, u16)>,
}

/// What is counted of a host.
#[derive(Debug)]
pub struct Meters {
    /// The last one is for names that nobody declared.
    workloads: Vec<String>,
    targets: HashMap<String, Arc<Target>>,
    undeclared: Arc<Target>,
    dns: Arc<Target>,
    pub(crate) refused: Named<Counter>,
    pub(crate) denied: Named<Counter>,
    pub(crate) approvals: Approvals,
    pub(crate) names: Names,
    pub(crate) record: Record,
    loaded: Counter,
    rejected: Counter,
}

/// What people are asked.
#[derive(Debug)]
pub(crate) struct Approvals {
    pub(crate) pending: Level,
    pub(crate) answers: Named<Counter>,
    pub(crate) settled: Named<Counter>,
    pub(crate) waited: Histogram,
}

/// What became of questions to the DNS.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) answered: Counter,
    pub(crate) refused: Counter,
    pub(crate) failed: Counter,
}

/// What is written.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) events: Counter,
    pub(crate) bytes: Counter,
    pub(crate) synced: Histogram,
}

impl Meters {
    /// Nothing counted yet, of these targets and workloads.
    #[must_use]
    pub fn new(targets: Vec<Declared>, workloads: Vec<String>) -> Self {
        let mut workloads = workloads;
        workloads.push(OTHER.to_owned());
        let number = workloads.len();
        let target = |declared: Declared| Arc::new(Target::new(declared, number));
        let of_its_own = |protocol: &str| {
            target(Declared {
                name: String::new(),
                protocol: protocol.to_owned(),
                upstream: None,
            })
        };
        let (undeclared, dns) = (of_its_own(""), of_its_own(DNS));
        let targets = targets
            .into_iter()
            .map(|declared| (declared.name.clone(), target(declared)))
            .collect();
        Self {
            workloads,
            targets,
            undeclared,
            dns,
            refused: Named::new(MOST_RULES, Counter::default),
            denied: Named::new(MOST_RULES, Counter::default),
            approvals: Approvals {
                pending: Level::default(),
                answers: Named::new(8, Counter::default),
                settled: Named::new(16, Counter::default),
                waited: Histogram::new(&PEOPLE),
            },
            names: Names::default(),
            record: Record {
                events: Counter::default(),
                bytes: Counter::default(),
                synced: Histogram::new(&SYNC),
            },
            loaded: Counter::default(),
            rejected: Counter::default(),
        }
    }

    /// Counts that policies were read anew, and taken or not.
    pub fn reloaded(&self, taken: bool) {
        if taken {
            self.loaded.one();
        } else {
            self.rejected.one();
        }
    }

    /// Where to count what is of a session.
    pub(crate) fn target(&self, name: Option<&str>, protocol: Option<&str>) -> &Arc<Target> {
        match name {
            Some(name) => self.targets.get(name).unwrap_or(&self.undeclared),
            None if protocol == Some(DNS) => &self.dns,
            None => &self.undeclared,
        }
    }

    /// The place of a workload.
    pub(crate) fn workload(&self, name: &str) -> usize {
        let place = self.workloads.iter().position(|known| known == name);
        place.unwrap_or(self.workloads.len() - 1)
    }
}

/// The protocol of the sessions in which questions to the DNS are recorded.
pub(crate) const DNS: &str = "dns";
