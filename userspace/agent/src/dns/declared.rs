//! Which names are declared for a workload, and which asked name is one with a search domain put
//! behind it.

use std::collections::HashSet;

use crate::config::{Config, HostName, Place, Workload};

/// Most shorter names that are tried for one name.
const MOST_SHORTER: usize = 8;

/// The host names of the targets that a workload may reach.
#[derive(Debug)]
pub(super) struct Declared(HashSet<HostName>);

impl Declared {
    pub(super) fn new(config: &Config, workload: &Workload) -> Self {
        let within = config
            .targets
            .iter()
            .filter(|target| workload.reach.includes(&target.name));
        let names = within.flat_map(|target| target.matches.places());
        Self(
            names
                .filter_map(|place| match place {
                    Place::Name(name) => Some(name.clone()),
                    Place::Address(_) | Place::Network(_) => None,
                })
                .collect(),
        )
    }

    pub(super) fn holds(&self, name: &HostName) -> bool {
        self.0.contains(name)
    }
}

/// What a name may have been before a client put a search domain behind it, longest first:
/// `db.internal.corp.example` may have been `db.internal.corp`, `db.internal` or `db`.
pub(crate) fn without_search_domain(name: &HostName) -> impl Iterator<Item = HostName> {
    let mut rest = name.as_str();
    let shorter = std::iter::from_fn(move || {
        rest = rest.rsplit_once('.')?.0;
        Some(rest)
    });
    shorter
        .take(MOST_SHORTER)
        .filter_map(|name| name.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_have_been_shorter() {
        let shorter = |name: &str| -> Vec<String> {
            let name = name.parse().unwrap();
            without_search_domain(&name)
                .map(|name| name.to_string())
                .collect()
        };
        assert_eq!(
            shorter("db.internal.corp.example"),
            ["db.internal.corp", "db.internal", "db"]
        );
        assert_eq!(shorter("db"), [""; 0]);
        assert_eq!(shorter("192.0.2.1.example"), [""; 0]);
        assert_eq!(shorter(&vec!["a"; 100].join(".")).len(), 8);
    }
}
