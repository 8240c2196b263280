//! Where a destination belongs: to one declared target, or to none.
//!
//! The most specific place wins: an address over what a name resolves to, that over a network,
//! a longer prefix over a shorter. A declared address stands above a resolved one, so that an
//! answer of the DNS can't take over a destination that the operator wrote down. Among targets
//! that are equally specific, those within the workload's reach count; if that leaves several,
//! nobody can say which was meant, and the connection is refused.
//!
//! Not its job: to say whether the subject may connect (policy), to dial, to hold a secret.
//!
//! Limits: a name stands for its latest answers. An agent that holds an older one, or got a part
//! of a rotating set that weir didn't, is refused: give `cidrs` for such a target. The scope of a
//! link-local address is not looked at.

mod decision;
mod resolve;

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

pub use decision::{Governed, NoRoute, Reason, Route};
pub use resolve::{ResolvedHosts, Unresolved};

use crate::config::{Config, Match, Place, Reach, Target, WorkloadName};

/// The declared targets, who reaches them, and what their names resolved to.
///
/// Cheap to clone: a refresh resolves in a copy, and the copy replaces the original.
#[derive(Clone, Debug)]
pub struct Routes {
    targets: Arc<[Arc<Target>]>,
    reach: Arc<BTreeMap<WorkloadName, Reach>>,
    resolved: ResolvedHosts,
}

/// How closely a target matches; greater is closer. The order of the variants is the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Closeness {
    Network { prefix: u8 },
    Resolved,
    Address,
}

impl Routes {
    /// The routes of a configuration. No name is resolved yet: until [`Routes::resolve`] is
    /// called, a target is found by its addresses and networks only.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let reach = config
            .workloads
            .iter()
            .map(|w| (w.name.clone(), w.reach.clone()));
        Self {
            targets: config.targets.clone().into(),
            reach: Arc::new(reach.collect()),
            resolved: ResolvedHosts::default(),
        }
    }

    /// Resolves the names of the targets' hosts anew, all at the same time, and returns those
    /// that could not be. Such a name keeps its former answers: they can only lead to the target
    /// that declared it.
    pub async fn resolve(&mut self) -> Vec<Unresolved> {
        let names = self
            .targets
            .iter()
            .flat_map(|target| target.matches.places());
        let names = names.filter_map(|place| match place {
            Place::Name(name) => Some(name.clone()),
            Place::Address(_) | Place::Network(_) => None,
        });
        let (resolved, failed) = resolve::resolve(names.collect(), &self.resolved).await;
        self.resolved = resolved;
        failed
    }

    /// What the names resolved to.
    #[must_use]
    pub fn resolved(&self) -> &ResolvedHosts {
        &self.resolved
    }

    /// Where a workload's connection belongs. A workload that isn't declared reaches nothing.
    #[must_use]
    pub fn route(&self, workload: &WorkloadName, destination: SocketAddr) -> Route {
        let destination = SocketAddr::new(destination.ip().to_canonical(), destination.port());
        let reach = self.reach.get(workload);
        let closest = self.closest(destination);
        let mut within = closest
            .iter()
            .filter(|t| reach.is_some_and(|r| r.includes(&t.name)));
        let reason = match (within.next(), within.next(), closest.first()) {
            (Some(target), None, _) => {
                return Route::Govern(Governed::new(
                    Arc::clone(target),
                    destination,
                    workload.clone(),
                ));
            }
            (Some(one), Some(two), _) => Reason::Ambiguous {
                targets: [one, two]
                    .into_iter()
                    .chain(within)
                    .map(|t| t.name.clone())
                    .collect(),
            },
            (None, _, Some(target)) => Reason::NotForWorkload {
                target: target.name.clone(),
            },
            (None, _, None) => Reason::Undeclared,
        };
        Route::Refuse(NoRoute {
            destination,
            workload: workload.clone(),
            reason,
        })
    }

    /// The targets that match this destination most closely.
    fn closest(&self, destination: SocketAddr) -> Vec<&Arc<Target>> {
        let mut closest = Vec::new();
        let mut best = None;
        for target in self.targets.iter() {
            let closeness = self.closeness(&target.matches, destination);
            if closeness > best {
                closest.clear();
                best = closeness;
            }
            if closeness.is_some() && closeness == best {
                closest.push(target);
            }
        }
        closest
    }

    fn closeness(&self, matches: &Match, destination: SocketAddr) -> Option<Closeness> {
        if !matches.ports.contains(&destination.port()) {
            return None;
        }
        let address = destination.ip();
        matches
            .places()
            .filter_map(|place| self.place_closeness(place, address))
            .max()
    }

    fn place_closeness(&self, place: Place<'_>, address: IpAddr) -> Option<Closeness> {
        let (holds, closeness) = match place {
            Place::Address(declared) => (declared == address, Closeness::Address),
            Place::Name(name) => (self.resolved.holds(name, address), Closeness::Resolved),
            Place::Network(cidr) => (
                cidr.contains(address),
                Closeness::Network {
                    prefix: cidr.length(),
                },
            ),
        };
        holds.then_some(closeness)
    }
}

#[cfg(test)]
mod tests;
