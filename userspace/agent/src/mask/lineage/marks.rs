//! Which columns hold what: the rules applied to a catalogue, and carried on to what is derived from
//! what they name, until nothing is added any more.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use weir_policy::{Classified, MaskingRules, OfRelation};

use super::Sensitive;
use crate::mask::{
    catalogue::{CODE, Catalogue, ColumnNumber, Dependence, RelationOid},
    rule::Trace,
};

/// The classes that the values of each sensitive column may be of.
pub(super) type Marks = HashMap<(RelationOid, ColumnNumber), Vec<Sensitive>>;

/// The classes of all sensitive columns.
pub(super) fn marks(
    catalogue: &Catalogue,
    rules: &MaskingRules,
    target: &str,
    database: &str,
) -> Marks {
    let mut marks = Marks::new();
    // Most relations have the same rules, and most names of columns come again and again.
    let mut met: Vec<(OfRelation<'_>, HashMap<&str, Option<Classified<'_>>>)> = Vec::new();
    for (oid, relation) in &catalogue.relations {
        let schema = Some(relation.schema.as_str());
        let rules = rules.of_relation(target, database, schema, &relation.name);
        let known = match met.iter_mut().position(|(known, _)| *known == rules) {
            Some(place) => met.get_mut(place),
            None => {
                met.push((rules, HashMap::new()));
                met.last_mut()
            }
        };
        let Some((rules, said)) = known else { continue };
        for (number, column) in &relation.columns {
            let found = said.entry(column).or_insert_with(|| rules.classify(column));
            if let Some(found) = found {
                let found = Sensitive {
                    class: found.class.clone(),
                    method: found.method,
                };
                marks.insert((*oid, *number), vec![found]);
            }
        }
    }
    while inherit(catalogue, &mut marks)
        | derive(catalogue, &mut marks)
        | generate(catalogue, &mut marks)
        | hold(catalogue, &mut marks)
    {}
    marks
}

/// The users' own sensitive columns, one of each class.
pub(super) fn users_own(marks: &Marks) -> Vec<Sensitive> {
    let own = marks.iter().filter(|((oid, _), _)| !oid.is_system());
    let by_class: BTreeMap<_, _> = own
        .flat_map(|(_, found)| found)
        .map(|found| (&found.class, found))
        .collect();
    by_class.into_values().cloned().collect()
}

/// Carries sensitivity from parents to children. True when something changed.
fn inherit(catalogue: &Catalogue, marks: &mut Marks) -> bool {
    let mut changed = false;
    for (child, parent) in &catalogue.inherits {
        let (Some(child_columns), Some(parent_columns)) = (
            catalogue.relations.get(child),
            catalogue.relations.get(parent),
        ) else {
            continue;
        };
        for (number, name) in &parent_columns.columns {
            let Some(found) = marks.get(&(*parent, *number)).cloned() else {
                continue;
            };
            for (theirs, _) in child_columns
                .columns
                .iter()
                .filter(|(_, other)| *other == name)
            {
                changed |= mark(marks, (*child, *theirs), &found);
            }
        }
    }
    changed
}

/// Carries sensitivity from what a view depends on to its columns. True when something changed.
fn derive(catalogue: &Catalogue, marks: &mut Marks) -> bool {
    let mut changed = false;
    for (view, depends_on) in &catalogue.views {
        let Some(relation) = catalogue.relations.get(view) else {
            continue;
        };
        let trace = catalogue.traces.get(view);
        let trace = trace.filter(|trace| accounts_for(trace, depends_on, marks));
        if let Some(trace) = trace.filter(|trace| trace.columns.len() == relation.columns.len()) {
            let decides = of_origins(catalogue, marks, &trace.deciding);
            for number in relation.columns.keys() {
                let place = usize::try_from(number.0)
                    .ok()
                    .and_then(|n| n.checked_sub(1));
                let made_of = place.and_then(|place| trace.columns.get(place));
                let mut found = decides.clone();
                found.extend(made_of.map_or_else(
                    || of_dependences(catalogue, marks, depends_on),
                    |made_of| of_origins(catalogue, marks, made_of),
                ));
                changed |= mark(marks, (*view, *number), &found);
            }
            continue;
        }
        let found = of_dependences(catalogue, marks, depends_on);
        for number in relation.columns.keys() {
            changed |= mark(marks, (*view, *number), &found);
        }
    }
    changed
}

/// Whether a trace has every sensitive column that the server says the view depends on. A trace
/// that has lost one proves nothing of the others, and code may read any.
fn accounts_for(trace: &Trace, depends_on: &BTreeSet<Dependence>, marks: &Marks) -> bool {
    let met: HashSet<&Dependence> = trace
        .columns
        .iter()
        .flatten()
        .chain(&trace.deciding)
        .collect();
    depends_on.iter().all(|dependence| {
        let (oid, column) = dependence;
        let is_sensitive = |column: &ColumnNumber| marks.contains_key(&(*oid, *column));
        *oid != CODE
            && (!column.as_ref().is_some_and(is_sensitive)
                || met.contains(dependence)
                || met.contains(&(*oid, None)))
    })
}

/// What is sensitive in all that a view depends on.
fn of_dependences(
    catalogue: &Catalogue,
    marks: &Marks,
    depends_on: &BTreeSet<Dependence>,
) -> Vec<Sensitive> {
    let mut found = of_origins(catalogue, marks, depends_on);
    if depends_on.iter().any(|(oid, _)| *oid == CODE) {
        found.extend(users_own(marks));
    }
    found
}

/// What is sensitive in these columns and rows.
fn of_origins(
    catalogue: &Catalogue,
    marks: &Marks,
    origins: &BTreeSet<Dependence>,
) -> Vec<Sensitive> {
    let found = origins.iter().flat_map(|(oid, column)| match column {
        Some(column) => marks.get(&(*oid, *column)).cloned().unwrap_or_default(),
        None => of_rows(catalogue, marks, *oid),
    });
    found.collect()
}

/// Carries sensitivity to generated columns. True when something changed.
fn generate(catalogue: &Catalogue, marks: &mut Marks) -> bool {
    let mut changed = false;
    for (relation, column, source) in &catalogue.generated {
        if let Some(found) = marks.get(&(*relation, *source)).cloned() {
            changed |= mark(marks, (*relation, *column), &found);
        }
    }
    changed
}

/// Carries sensitivity to columns that hold whole rows. True when something changed.
fn hold(catalogue: &Catalogue, marks: &mut Marks) -> bool {
    let mut changed = false;
    for (relation, column, of) in &catalogue.holds {
        let found = of_rows(catalogue, marks, *of);
        changed |= mark(marks, (*relation, *column), &found);
    }
    changed
}

/// What is sensitive in a whole row.
fn of_rows(catalogue: &Catalogue, marks: &Marks, oid: RelationOid) -> Vec<Sensitive> {
    let columns = catalogue
        .relations
        .get(&oid)
        .map(|relation| &relation.columns);
    let numbers = columns.into_iter().flat_map(|columns| columns.keys());
    numbers
        .filter_map(|number| marks.get(&(oid, *number)))
        .flatten()
        .cloned()
        .collect()
}

/// Marks a column with the classes that it isn't marked with yet. True when there were any.
fn mark(marks: &mut Marks, column: (RelationOid, ColumnNumber), found: &[Sensitive]) -> bool {
    if found.is_empty() {
        return false;
    }
    let known = marks.entry(column).or_default();
    let before = known.len();
    for fresh in found {
        if known.iter().all(|known| known.class != fresh.class) {
            known.push(fresh.clone());
        }
    }
    // The same each time, whatever the order in which the catalogue is gone through.
    known.sort_by(|a, b| a.class.cmp(&b.class));
    known.len() != before
}
