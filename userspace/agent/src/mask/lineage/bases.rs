//! The relations behind a relation: what a view reads, and what its rules write.
//!
//! Known limits: what the views that come with the server read counts as their own. A rule's write
//! counts for everything that the rule names.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::mask::catalogue::{CODE, Catalogue, Dependence, RelationOid};

/// A relation behind another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Those of its columns that are used, or may be.
    pub columns: BTreeSet<String>,
}

type Dependences = HashMap<RelationOid, BTreeSet<Dependence>>;

/// What reading a relation reads beside it.
pub(super) fn read(catalogue: &Catalogue, oid: RelationOid) -> Vec<Base> {
    behind(catalogue, oid, &[&catalogue.views])
}

/// What a write to a relation may write and read beside it.
pub(super) fn written(catalogue: &Catalogue, oid: RelationOid) -> Vec<Base> {
    behind(catalogue, oid, &[&catalogue.views, &catalogue.rules])
}

/// Whether reading a relation may run code that may read any table.
pub(super) fn call_code(catalogue: &Catalogue, oid: RelationOid) -> bool {
    let mut met = BTreeMap::new();
    go(oid, &[&catalogue.views], &mut met);
    met.contains_key(&CODE)
}

fn behind(catalogue: &Catalogue, oid: RelationOid, by: &[&Dependences]) -> Vec<Base> {
    let mut met = BTreeMap::new();
    go(oid, by, &mut met);
    met.remove(&CODE);
    met.remove(&oid);
    let base = |(oid, used): (RelationOid, BTreeSet<Dependence>)| {
        let relation = catalogue.relations.get(&oid)?;
        let columns = relation.columns.iter().filter(|(number, _)| {
            used.contains(&(oid, None)) || used.contains(&(oid, Some(**number)))
        });
        Some(Base {
            schema: relation.schema.clone(),
            name: relation.name.clone(),
            columns: columns.map(|(_, name)| name.clone()).collect(),
        })
    };
    met.into_iter().filter_map(base).collect()
}

/// Everything that `oid` depends on, by whatever leads there.
fn go(
    oid: RelationOid,
    by: &[&Dependences],
    met: &mut BTreeMap<RelationOid, BTreeSet<Dependence>>,
) {
    let mut todo = vec![oid];
    while let Some(next) = todo.pop() {
        for dependence in by.iter().filter_map(|by| by.get(&next)).flatten() {
            let known = met.entry(dependence.0);
            if matches!(known, std::collections::btree_map::Entry::Vacant(_)) {
                todo.push(dependence.0);
            }
            known.or_default().insert(*dependence);
        }
    }
}
