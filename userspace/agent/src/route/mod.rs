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

mod resolve;

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

pub use resolve::{ResolvedHosts, Unresolved};

use crate::config::{Config, Match, Place, Reach, Target, TargetName, WorkloadName};

/// The declared targets, who reaches them, and what their names resolved to.
///
/// Cheap to clone: a refresh resolves in a copy, and the copy replaces the original.
#[derive(Clone, Debug)]
pub struct Routes {
    targets: Arc<[Arc<Target>]>,
    reach: Arc<BTreeMap<WorkloadName, Reach>>,
    resolved: ResolvedHosts,
}

/// What is to be done with a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// It goes to this target, if it is [admitted](crate::admit::admit).
    Govern(Governed),
    /// It goes nowhere.
    Refuse(NoRoute),
}

/// A destination that belongs to a target within the workload's reach. Only [`Routes::route`]
/// makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Governed {
    target: Arc<Target>,
    destination: SocketAddr,
    workload: WorkloadName,
}

/// A destination that belongs to no target that the workload may reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoRoute {
    /// Where the workload dialled.
    pub destination: SocketAddr,
    /// Which workload.
    pub workload: WorkloadName,
    /// Why it can't go there.
    pub reason: Reason,
}

/// Why a destination belongs nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No target matches.
    Undeclared,
    /// One does, but the workload may not reach it.
    NotForWorkload {
        /// That target; the first declared, if there are several.
        target: TargetName,
    },
    /// Several equally specific ones do: their names resolve to the same address.
    Ambiguous {
        /// Those targets, as declared.
        targets: Vec<TargetName>,
    },
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
                let (target, workload) = (Arc::clone(target), workload.clone());
                return Route::Govern(Governed {
                    target,
                    destination,
                    workload,
                });
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

impl Governed {
    /// The target that it belongs to.
    #[must_use]
    pub fn target(&self) -> &Arc<Target> {
        &self.target
    }

    /// Where the workload dialled; an IPv4 address always in its plain form.
    #[must_use]
    pub fn destination(&self) -> SocketAddr {
        self.destination
    }

    /// The workload that it was routed for.
    #[must_use]
    pub fn workload(&self) -> &WorkloadName {
        &self.workload
    }

    pub(crate) fn into_parts(self) -> (Arc<Target>, SocketAddr, WorkloadName) {
        (self.target, self.destination, self.workload)
    }
}

impl fmt::Display for NoRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            destination,
            workload,
            reason,
        } = self;
        match reason {
            Reason::Undeclared => write!(
                f,
                "no target is declared for {destination}; to let workload {workload} go there, add \
                 to weir.toml a [[target]] with name, protocol, hosts = [\"{}\"], ports = [{}] and \
                 [target.credential]",
                destination.ip(),
                destination.port()
            ),
            Reason::NotForWorkload { target } => write!(
                f,
                "{destination} is target {target}, which workload {workload} may not reach; to let \
                 it, add \"{target}\" to `targets` of the [[workload]] named {workload} in weir.toml"
            ),
            Reason::Ambiguous { targets } => {
                let names: Vec<&str> = targets.iter().map(TargetName::as_str).collect();
                write!(
                    f,
                    "{destination} is matched by several targets alike ({}), since names of their \
                     hosts resolve to the same address; make them differ in ports, or let `targets` \
                     of the [[workload]] named {workload} in weir.toml name only one of them",
                    names.join(", ")
                )
            }
        }
    }
}

#[cfg(test)]
mod tests;
