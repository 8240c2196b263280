//! Where a destination belongs: to one declared target, or to none.
//!
//! The most specific place wins: an address over what a name resolves to, that over a network,
//! a longer prefix over a shorter. A declared address stands above a resolved one, so that an
//! answer of the DNS can't take over a destination that the operator wrote down. Among targets
//! that are equally specific, those within the workload's reach count; if that leaves several,
//! nobody can say which was meant, and the connection is refused.
//!
//! A workload that is only observed goes on to destinations that nobody declared, as if weir were
//! not there. Not to those of a declared target that it may not reach, or that can't be told apart,
//! unless that is opaque: there masking would have to hold, and weir must not lend the credential.
//!
//! TCP and UDP are two worlds: a target of the one is none of the other's.
//!
//! Not its job: to say whether the subject may connect (policy), to dial, to hold a secret.
//!
//! A name means what weir's own look-up of it says, and what the workload was given when it asked
//! for it: names of rotating sets lead to their target whichever part a workload got. What a
//! workload was given longer ago than the answer counts stands below both.
//!
//! No name leads to a link-local address: whoever answers for the name would choose what of the
//! host's own is reached. Such a place is declared by its address.
//!
//! Limits: who answers for a declared name chooses any other address, loopback and private ones
//! included, on the target's ports. An address that a workload knows from elsewhere (another host, a
//! file) is told by weir's own look-up alone. The scope of a link-local address is not looked at.

mod decision;
mod resolve;

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

pub use decision::{Governed, NoRoute, Passed, Reason, Route};
pub use resolve::{ResolvedHosts, Unresolved};

use weir_policy::Mode;

use crate::config::{Config, Match, Place, Protocol, Reach, Target, Transport, WorkloadName};
use crate::dns::GivenNames;

/// The declared targets, who reaches them, and what their names resolved to.
///
/// Cheap to clone: a refresh resolves in a copy, and the copy replaces the original.
#[derive(Clone, Debug)]
pub struct Routes {
    targets: Arc<[Arc<Target>]>,
    workloads: Arc<BTreeMap<WorkloadName, (Reach, Mode)>>,
    resolved: ResolvedHosts,
}

/// How closely a target matches; greater is closer. The order of the variants is the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Closeness {
    Network {
        prefix: u8,
    },
    /// A name that the workload was given, but so long ago that it may mean another address now.
    Remembered,
    Resolved,
    Address,
}

impl Routes {
    /// The routes of a configuration. No name is resolved yet: until [`Routes::resolve`] is
    /// called, a target is found by its addresses and networks only.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let workloads = config
            .workloads
            .iter()
            .map(|w| (w.name.clone(), (w.reach.clone(), w.mode)));
        Self {
            targets: config.targets.clone().into(),
            workloads: Arc::new(workloads.collect()),
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

    /// Where a workload's connection belongs, of which nothing is known but the address.
    #[must_use]
    pub fn route(&self, workload: &WorkloadName, destination: SocketAddr) -> Route {
        self.route_named(workload, destination, &GivenNames::default())
    }

    /// Where a workload's connection belongs, to an address that it was given for these names. A
    /// workload that isn't declared reaches nothing.
    #[must_use]
    pub fn route_named(
        &self,
        workload: &WorkloadName,
        destination: SocketAddr,
        names: &GivenNames,
    ) -> Route {
        self.route_over(Transport::Stream, workload, destination, names)
    }

    /// Where a workload's datagrams to an address belong, that it was given for these names. Nothing
    /// passes that nobody declared, even where the workload is only observed: the kernel has refused
    /// such a datagram before.
    #[must_use]
    pub fn route_datagrams(
        &self,
        workload: &WorkloadName,
        destination: SocketAddr,
        names: &GivenNames,
    ) -> Route {
        self.route_over(Transport::Datagram, workload, destination, names)
    }

    fn route_over(
        &self,
        transport: Transport,
        workload: &WorkloadName,
        destination: SocketAddr,
        names: &GivenNames,
    ) -> Route {
        let destination = SocketAddr::new(destination.ip().to_canonical(), destination.port());
        let (reach, mode) = match self.workloads.get(workload) {
            Some((reach, mode)) => (Some(reach), *mode),
            None => (None, Mode::Enforce),
        };
        let closest = self.closest(transport, destination, names);
        let mut within = closest
            .iter()
            .filter(|t| reach.is_some_and(|r| r.includes(&t.name)));
        let reason = match (within.next(), within.next(), closest.first()) {
            (Some(target), None, _) => {
                return Route::Govern(Governed::new(
                    Arc::clone(target),
                    destination,
                    workload.clone(),
                    mode,
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
        let nowhere = NoRoute {
            destination,
            workload: workload.clone(),
            transport,
            reason,
        };
        let opaque = closest.iter().all(|t| t.protocol() == Protocol::Tcp);
        if mode == Mode::Observe && opaque && transport == Transport::Stream {
            return Route::Pass(Passed::new(nowhere));
        }
        Route::Refuse(nowhere)
    }

    /// The targets that match this destination most closely.
    fn closest(
        &self,
        transport: Transport,
        destination: SocketAddr,
        names: &GivenNames,
    ) -> Vec<&Arc<Target>> {
        let mut closest = Vec::new();
        let mut best = None;
        let carried = |target: &&Arc<Target>| target.protocol().transport() == transport;
        for target in self.targets.iter().filter(carried) {
            let closeness = self.closeness(&target.matches, destination, names);
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

    fn closeness(
        &self,
        matches: &Match,
        destination: SocketAddr,
        names: &GivenNames,
    ) -> Option<Closeness> {
        if !matches.ports.contains(&destination.port()) {
            return None;
        }
        let address = destination.ip();
        matches
            .places()
            .filter_map(|place| self.place_closeness(place, address, names))
            .max()
    }

    fn place_closeness(
        &self,
        place: Place<'_>,
        address: IpAddr,
        names: &GivenNames,
    ) -> Option<Closeness> {
        let (holds, closeness) = match place {
            Place::Address(declared) => (declared == address, Closeness::Address),
            Place::Name(_) if is_link_local(address) => return None,
            Place::Name(name) if names.former.contains(name) => {
                let now = self.resolved.holds(name, address);
                let closeness = if now {
                    Closeness::Resolved
                } else {
                    Closeness::Remembered
                };
                (true, closeness)
            }
            Place::Name(name) => (
                self.resolved.holds(name, address) || names.current.contains(name),
                Closeness::Resolved,
            ),
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

/// Whether an address means something else on every host: clouds hand out a host's credentials there. Nothing is
/// led there by a name, whoever answers for it.
pub(crate) fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests;
