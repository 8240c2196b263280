//! What a write comes to beyond the relation that it names: a view's write is one to its tables, a
//! parent's one to its children, and a change of what a foreign key references may change what
//! references it. Rules and triggers run there, and errors quote rows from there.

use std::collections::{BTreeSet, HashMap, HashSet};

use weir_policy::DataClass;

use super::Marks;
use crate::mask::catalogue::{CODE, Catalogue, RelationOid};

/// From, to.
pub(in crate::mask) type Edge = (RelationOid, RelationOid);

/// Where a write to one relation goes on to.
pub(in crate::mask) fn edges(catalogue: &Catalogue) -> Vec<Edge> {
    let children = catalogue
        .inherits
        .iter()
        .map(|(child, parent)| (*parent, *child));
    let bases = catalogue
        .views
        .iter()
        .chain(&catalogue.rules)
        .flat_map(|(view, on)| on.iter().map(|(base, _)| (*view, *base)))
        .filter(|(_, base)| *base != CODE);
    let mut edges: Vec<Edge> = children
        .chain(bases)
        .chain(catalogue.cascades.iter().copied())
        .collect();
    edges.sort_unstable();
    edges.dedup();
    edges
}

/// The relations a write to which may run code that may read tables.
pub(super) fn reactive(catalogue: &Catalogue, edges: &[Edge]) -> HashSet<RelationOid> {
    let mut reactive = catalogue.reactive.clone();
    loop {
        let before = reactive.len();
        for (from, to) in edges {
            if reactive.contains(to) {
                reactive.insert(*from);
            }
        }
        if reactive.len() == before {
            return reactive;
        }
    }
}

/// The classes whose values a failing write to a relation may quote.
pub(super) fn behind(marks: &Marks, edges: &[Edge]) -> HashMap<RelationOid, BTreeSet<DataClass>> {
    let mut behind: HashMap<RelationOid, BTreeSet<DataClass>> = HashMap::new();
    for ((oid, _), found) in marks {
        let classes = found.iter().map(|found| found.class.clone());
        behind.entry(*oid).or_default().extend(classes);
    }
    let mut changed = true;
    while std::mem::take(&mut changed) {
        for (from, to) in edges {
            let Some(classes) = behind.get(to).filter(|_| from != to).cloned() else {
                continue;
            };
            let mine = behind.entry(*from).or_default();
            let before = mine.len();
            mine.extend(classes);
            changed |= mine.len() != before;
        }
    }
    behind
}
