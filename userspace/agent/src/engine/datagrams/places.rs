//! Where the kernel lets a workload's datagrams go: the addresses of the targets over UDP that the
//! workload may reach, as far as they are known now.
//!
//! The kernel only hands on what goes there; whether it is passed on is decided for each flow, by
//! the same rules as for a connection. So an address too many weakens nothing, one too few refuses.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use weir_intercept::{CgroupId, InterceptError, Interceptor};

use crate::{
    config::{Config, HostName, Place, Target, Transport, Workload, WorkloadName, is_of_one_host},
    engine::Engine,
    route::Routes,
};

/// Most places of a workload that it has from answers of the DNS; those that it was given last.
const MOST_GIVEN: usize = 1024;

/// What each workload's datagrams may reach.
#[derive(Debug, Default)]
pub(in crate::engine) struct Places(Mutex<BTreeMap<CgroupId, Reached>>);

#[derive(Debug)]
struct Reached {
    workload: WorkloadName,
    /// The targets over UDP within its reach.
    targets: Vec<Arc<Target>>,
    /// What the kernel was told last.
    told: BTreeSet<SocketAddr>,
}

impl Places {
    /// Of the workloads that reach a target over UDP; the kernel knows no place yet.
    pub(in crate::engine) fn new<'a>(
        config: &Config,
        workloads: impl Iterator<Item = (CgroupId, &'a Workload)>,
    ) -> Self {
        let over_udp = |target: &&Arc<Target>| target.protocol().transport() == Transport::Datagram;
        let reached = workloads.filter_map(|(id, workload)| {
            let within = config.targets.iter().filter(over_udp);
            let within = within.filter(|target| workload.reach.includes(&target.name));
            let reached = Reached {
                workload: workload.name.clone(),
                targets: within.cloned().collect(),
                told: BTreeSet::new(),
            };
            (!reached.targets.is_empty()).then_some((id, reached))
        });
        Self(Mutex::new(reached.collect()))
    }
}

impl Reached {
    fn knows(&self, name: &HostName) -> bool {
        let mut places = self
            .targets
            .iter()
            .flat_map(|target| target.matches.places());
        places.any(|place| matches!(place, Place::Name(known) if known == name))
    }

    /// Every place of these targets, by what weir resolved and what the workload was `given`.
    fn places(
        &self,
        routes: &Routes,
        given: impl Fn(&HostName) -> Vec<IpAddr>,
    ) -> BTreeSet<SocketAddr> {
        let mut places = BTreeSet::new();
        let mut of_names = BTreeSet::new();
        for target in &self.targets {
            let add = |set: &mut BTreeSet<SocketAddr>, address: IpAddr| {
                let ports = target.matches.ports.iter();
                if is_of_one_host(address) {
                    set.extend(ports.map(|port| SocketAddr::new(address.to_canonical(), *port)));
                }
            };
            for place in target.matches.places() {
                match place {
                    Place::Address(address) => add(&mut places, address),
                    Place::Name(name) => {
                        let resolved = routes.resolved().of(name);
                        resolved.for_each(|address| add(&mut places, address));
                        for address in given(name) {
                            if of_names.len() < MOST_GIVEN {
                                add(&mut of_names, address);
                            }
                        }
                    }
                    // No target over UDP has one.
                    Place::Network(_) => {}
                }
            }
        }
        places.extend(of_names);
        places
    }
}

impl Engine {
    /// Tells the kernel where the datagrams of all workloads may go now.
    ///
    /// # Errors
    /// When the kernel can't be told, of the first workload; the others are tried.
    pub(in crate::engine) fn tell_places(
        &self,
        interceptor: &Interceptor,
    ) -> Result<(), InterceptError> {
        self.tell_places_of(interceptor, |_| true)
    }

    /// The same for a workload that is about to be given addresses of a name.
    pub(in crate::engine) fn tell_given(&self, workload: &WorkloadName, name: &HostName) {
        let Some(interceptor) = self.interceptor() else {
            return;
        };
        let concerned = |reached: &Reached| reached.workload == *workload && reached.knows(name);
        if let Err(error) = self.tell_places_of(&interceptor, concerned) {
            tracing::error!(%workload, %name, %error, "datagrams to new addresses of a target are refused");
        }
    }

    fn tell_places_of(
        &self,
        interceptor: &Interceptor,
        concerned: impl Fn(&Reached) -> bool,
    ) -> Result<(), InterceptError> {
        // Held until the kernel knows: who comes later has seen more, and speaks last.
        let mut all = self
            .0
            .places
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut first = Ok(());
        for (id, reached) in all.iter_mut().filter(|(_, reached)| concerned(reached)) {
            let given = |name: &HostName| self.0.resolver.given(&reached.workload, name);
            let places = reached.places(&self.0.routes.load(), given);
            if places == reached.told {
                continue;
            }
            match interceptor.set_datagram_targets(*id, &places) {
                Ok(()) => reached.told = places,
                Err(error) => first = first.and(Err(error)),
            }
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        let target = |name: &str, protocol: &str, hosts: &str, ports: &str| {
            format!(
                "[[target]]\nname = \"{name}\"\nprotocol = \"{protocol}\"\nhosts = {hosts}\nports = {ports}\n"
            )
        };
        let workload = |name: &str, targets: &str| {
            format!(
                "[[workload]]\nname = \"{name}\"\ncgroup = \"/weir/{name}\"\nidentity = \"bot\"\n\
                 targets = {targets}\n"
            )
        };
        let text = [
            "[[identity]]\nname = \"bot\"\nkind = \"unix\"\n".to_owned(),
            workload("one", r#"["web", "time", "cache"]"#),
            workload("two", r#"["cache"]"#),
            target(
                "web",
                "udp",
                r#"["web.example", "192.0.2.1"]"#,
                "[443, 8443]",
            ),
            target("time", "udp", r#"["2001:db8::1"]"#, "[123]"),
            target("other", "udp", r#"["192.0.2.9"]"#, "[9]"),
            target("cache", "tcp", r#"["192.0.2.2"]"#, "[6379]"),
        ]
        .concat();
        Config::parse("weir.toml", &text).unwrap_or_else(|errors| panic!("{errors}"))
    }

    fn of(config: &Config) -> Reached {
        let ids = (1..).map(CgroupId::new);
        let places = Places::new(config, ids.zip(&config.workloads));
        let mut all = places.0.into_inner().unwrap();
        // The other reaches no target over UDP.
        assert_eq!(all.len(), 1);
        all.pop_first().unwrap().1
    }

    fn told(places: &BTreeSet<SocketAddr>) -> Vec<String> {
        places.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_kernel_is_told_of_the_workloads_own_targets_over_udp() {
        let config = config();
        let (reached, routes) = (of(&config), Routes::new(&config));
        let declared = ["192.0.2.1:443", "192.0.2.1:8443", "[2001:db8::1]:123"];
        assert_eq!(told(&reached.places(&routes, |_| Vec::new())), declared);
        let given = |name: &HostName| {
            assert_eq!(name.as_str(), "web.example");
            let addresses = ["192.0.2.7", "224.0.0.1", "0.0.0.0", "::ffff:192.0.2.8"];
            addresses.map(|address| address.parse().unwrap()).to_vec()
        };
        let places = reached.places(&routes, given);
        let new = ["192.0.2.7:443", "192.0.2.7:8443", "192.0.2.8:443"];
        assert!(new.iter().all(|new| places.contains(&new.parse().unwrap())));
        assert_eq!(places.len(), declared.len() + 4);
    }

    #[test]
    fn answers_of_the_dns_take_no_room_from_what_is_declared() {
        let config = config();
        let (reached, routes) = (of(&config), Routes::new(&config));
        let given = |_: &HostName| (0..5000u32).map(|n| IpAddr::V4(n.into())).collect();
        let places = reached.places(&routes, given);
        assert_eq!(places.len(), MOST_GIVEN + 3);
        assert!(places.contains(&"[2001:db8::1]:123".parse().unwrap()));
        // What was given last comes first.
        assert!(places.contains(&"0.0.0.1:443".parse().unwrap()));
    }
}
