//! Names of hosts to their addresses, by the host's own resolver.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use tokio::{net::lookup_host, task::JoinSet, time::timeout};

use crate::config::HostName;

/// A name that takes longer is not waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// More addresses of one name are not taken: no server has as many.
const MOST: usize = 256;

/// What names resolved to, each address in its plain form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolvedHosts(Arc<BTreeMap<HostName, BTreeSet<IpAddr>>>);

/// A name that could not be resolved. The next refresh may do better.
#[derive(Debug, thiserror::Error)]
#[error("can't resolve {name}: {source}")]
pub struct Unresolved {
    /// The name.
    pub name: HostName,
    /// Why not.
    pub source: io::Error,
}

impl ResolvedHosts {
    /// Whether the name resolved to this address, among others.
    #[must_use]
    pub fn holds(&self, name: &HostName, address: IpAddr) -> bool {
        self.0
            .get(name)
            .is_some_and(|addresses| addresses.contains(&address.to_canonical()))
    }

    /// What the name resolved to.
    pub fn of(&self, name: &HostName) -> impl Iterator<Item = IpAddr> {
        self.0.get(name).into_iter().flatten().copied()
    }

    /// Each name and its addresses.
    pub fn iter(&self) -> impl Iterator<Item = (&HostName, &BTreeSet<IpAddr>)> {
        self.0.iter()
    }
}

impl FromIterator<(HostName, IpAddr)> for ResolvedHosts {
    fn from_iter<I: IntoIterator<Item = (HostName, IpAddr)>>(answers: I) -> Self {
        let mut hosts: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (name, address) in answers {
            hosts
                .entry(name)
                .or_default()
                .insert(address.to_canonical());
        }
        Self(Arc::new(hosts))
    }
}

/// Resolves these names; those that fail keep what they had in `former`.
pub(super) async fn resolve(
    names: BTreeSet<HostName>,
    former: &ResolvedHosts,
) -> (ResolvedHosts, Vec<Unresolved>) {
    let mut lookups: JoinSet<(HostName, io::Result<BTreeSet<IpAddr>>)> = JoinSet::new();
    for name in names.clone() {
        lookups.spawn(async {
            let answer = look_up(&name).await;
            (name, answer)
        });
    }
    let mut hosts = BTreeMap::new();
    let mut failed = Vec::new();
    while let Some(lookup) = lookups.join_next().await {
        match lookup {
            Ok((name, Ok(addresses))) => {
                hosts.insert(name, addresses);
            }
            Ok((name, Err(source))) => failed.push(Unresolved { name, source }),
            // A look-up that broke off is found below: its name has no answer.
            Err(_) => {}
        }
    }
    for name in names {
        if hosts.contains_key(&name) {
            continue;
        }
        if let Some(addresses) = former.0.get(&name) {
            hosts.insert(name.clone(), addresses.clone());
        }
        if !failed.iter().any(|unresolved| unresolved.name == name) {
            let source = io::Error::other("the look-up broke off");
            failed.push(Unresolved { name, source });
        }
    }
    failed.sort_by(|a, b| a.name.cmp(&b.name));
    (ResolvedHosts(Arc::new(hosts)), failed)
}

async fn look_up(name: &HostName) -> io::Result<BTreeSet<IpAddr>> {
    let answer = timeout(PATIENCE, lookup_host((name.as_str(), 0))).await;
    let answer = answer.map_err(|_| {
        io::Error::new(
            io::ErrorKind::TimedOut,
            format!("no answer in {} s", PATIENCE.as_secs()),
        )
    })?;
    let addresses: BTreeSet<_> = answer?.take(MOST).map(|a| a.ip().to_canonical()).collect();
    if addresses.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "it has no address"));
    }
    Ok(addresses)
}
