//! Which columns of a database are sensitive: the masking rules applied to a [`Catalogue`], and
//! carried on to what is derived from them.
//!
//! - A child of an inherited or partitioned table is as sensitive as its parent, column by name.
//! - A view that depends on a sensitive column is sensitive in every column: which of them shows
//!   the value isn't traced. So is one that calls functions which may read tables.
//! - A generated column is as sensitive as what it is computed from.
//!
//! Computed once per catalogue and policy version; look-ups in it allocate nothing.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    sync::Arc,
};

use weir_policy::{DataClass, MaskingRules, Method};

use super::catalogue::{CODE, Catalogue, ColumnNumber, RelationOid};

/// How a sensitive column is to be treated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sensitive {
    /// The class.
    pub class: DataClass,
    /// The method its rule asks for.
    pub method: Method,
}

/// What is known of a result column's source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source<'a> {
    /// A column that no rule names.
    Harmless,
    /// A sensitive one.
    Sensitive(&'a Sensitive),
    /// Not in the catalogue: it is newer than the snapshot.
    Unknown,
}

/// One relation, with the sensitivity of its columns.
#[derive(Debug, Default)]
pub struct Traced {
    schema: String,
    reactive: bool,
    columns: HashMap<ColumnNumber, (String, Option<Sensitive>)>,
}

impl Traced {
    /// The sensitive columns, by name.
    pub fn sensitive(&self) -> impl Iterator<Item = (&str, &Sensitive)> {
        self.columns
            .values()
            .filter_map(|(name, s)| Some((name.as_str(), s.as_ref()?)))
    }

    /// Whether a write to it may read any table, by a rule or a trigger.
    #[must_use]
    pub fn is_reactive(&self) -> bool {
        self.reactive
    }

    /// The schema that the relation is in.
    #[must_use]
    pub fn schema(&self) -> &str {
        &self.schema
    }
}

/// The sensitivity of one database, for one target.
#[derive(Debug, Default)]
pub struct Lineage {
    relations: HashMap<RelationOid, Arc<Traced>>,
    by_name: HashMap<String, Vec<Arc<Traced>>>,
    functions: HashSet<String>,
    row_functions: HashSet<String>,
    any: Option<Sensitive>,
}

impl Lineage {
    /// Applies `rules` to the catalogue of `database` on `target`.
    #[must_use]
    pub fn new(catalogue: &Catalogue, rules: &MaskingRules, target: &str, database: &str) -> Self {
        let mut sensitive: HashMap<(RelationOid, ColumnNumber), Sensitive> = HashMap::new();
        for (oid, relation) in &catalogue.relations {
            for (number, column) in &relation.columns {
                let schema = Some(relation.schema.as_str());
                if let Some(found) =
                    rules.classify(target, database, schema, &relation.name, column)
                {
                    let found = Sensitive {
                        class: found.class.clone(),
                        method: found.method,
                    };
                    sensitive.insert((*oid, *number), found);
                }
            }
        }
        while inherit(catalogue, &mut sensitive)
            | derive(catalogue, &mut sensitive)
            | generate(catalogue, &mut sensitive)
        {}
        Self::index(catalogue, sensitive)
    }

    fn index(
        catalogue: &Catalogue,
        mut sensitive: HashMap<(RelationOid, ColumnNumber), Sensitive>,
    ) -> Self {
        let mut lineage = Self {
            functions: catalogue.functions.clone(),
            row_functions: catalogue.row_functions.clone(),
            ..Self::default()
        };
        // Not a system table's class: those are sensitive on every server, and would make each
        // user-defined function suspect.
        lineage.any = any(&sensitive).cloned();
        let reactive = reactive(catalogue);
        for (oid, relation) in &catalogue.relations {
            let columns = relation.columns.iter().map(|(number, name)| {
                (*number, (name.clone(), sensitive.remove(&(*oid, *number))))
            });
            let traced = Arc::new(Traced {
                schema: relation.schema.clone(),
                reactive: reactive.contains(oid),
                columns: columns.collect(),
            });
            lineage
                .by_name
                .entry(relation.name.clone())
                .or_default()
                .push(Arc::clone(&traced));
            lineage.relations.insert(*oid, traced);
        }
        lineage
    }

    /// The source of a result column.
    #[must_use]
    pub fn source(&self, relation: RelationOid, column: ColumnNumber) -> Source<'_> {
        match self.relations.get(&relation) {
            // System columns (ctid, xmin, tableoid …) have negative numbers.
            _ if column.0 < 0 => Source::Harmless,
            Some(traced) => match traced.columns.get(&column) {
                Some((_, Some(sensitive))) => Source::Sensitive(sensitive),
                Some((_, None)) => Source::Harmless,
                None => Source::Unknown,
            },
            None => Source::Unknown,
        }
    }

    /// Every relation that a name in a statement may mean. The search path is not consulted: a
    /// name without a schema means all of that name.
    pub fn named<'a>(
        &'a self,
        schema: Option<&'a str>,
        name: &str,
    ) -> impl Iterator<Item = &'a Traced> {
        let candidates = self
            .by_name
            .get(name)
            .map(Vec::as_slice)
            .unwrap_or_default();
        candidates
            .iter()
            .map(AsRef::as_ref)
            .filter(move |traced: &&Traced| schema.is_none_or(|schema| schema == traced.schema()))
    }

    /// Whether a function of this name may read tables (see [`Catalogue::functions`]).
    #[must_use]
    pub fn may_read_tables(&self, function: &str) -> bool {
        let name = function.rsplit('.').next().unwrap_or(function);
        self.functions.contains(name)
    }

    /// Whether a column of this name may be a function that reads tables, called on a row (`p.f`).
    #[must_use]
    pub fn may_be_call(&self, column: &str) -> bool {
        self.row_functions.contains(column)
    }

    /// What an untraceable value is treated as: one of the database's own sensitive classes, or
    /// `None` when its users' relations hold nothing sensitive.
    #[must_use]
    pub fn any(&self) -> Option<&Sensitive> {
        self.any.as_ref()
    }
}

/// One of the users' own sensitive columns, the same each time.
fn any(sensitive: &HashMap<(RelationOid, ColumnNumber), Sensitive>) -> Option<&Sensitive> {
    sensitive
        .iter()
        .filter(|((oid, _), _)| !oid.is_system())
        .map(|(_, s)| s)
        .min_by(|a, b| a.class.cmp(&b.class))
}

/// Carries sensitivity from parents to children. True when something changed.
fn inherit(
    catalogue: &Catalogue,
    sensitive: &mut HashMap<(RelationOid, ColumnNumber), Sensitive>,
) -> bool {
    let mut changed = false;
    for (child, parent) in &catalogue.inherits {
        let (Some(child_columns), Some(parent_columns)) = (
            catalogue.relations.get(child),
            catalogue.relations.get(parent),
        ) else {
            continue;
        };
        for (number, name) in &parent_columns.columns {
            let Some(found) = sensitive.get(&(*parent, *number)).cloned() else {
                continue;
            };
            for (theirs, _) in child_columns
                .columns
                .iter()
                .filter(|(_, other)| *other == name)
            {
                changed |= mark(sensitive, (*child, *theirs), &found);
            }
        }
    }
    changed
}

/// Carries sensitivity from relations to the views over them. True when something changed.
fn derive(
    catalogue: &Catalogue,
    sensitive: &mut HashMap<(RelationOid, ColumnNumber), Sensitive>,
) -> bool {
    let mut changed = false;
    for (view, depends_on) in &catalogue.views {
        let source = depends_on.iter().find_map(|(oid, column)| match column {
            _ if *oid == CODE => any(sensitive),
            Some(column) => sensitive.get(&(*oid, *column)),
            None => {
                let columns = &catalogue.relations.get(oid)?.columns;
                columns
                    .keys()
                    .find_map(|number| sensitive.get(&(*oid, *number)))
            }
        });
        let (Some(source), Some(relation)) = (source.cloned(), catalogue.relations.get(view))
        else {
            continue;
        };
        for number in relation.columns.keys() {
            changed |= mark(sensitive, (*view, *number), &source);
        }
    }
    changed
}

/// Carries sensitivity to generated columns. True when something changed.
fn generate(
    catalogue: &Catalogue,
    sensitive: &mut HashMap<(RelationOid, ColumnNumber), Sensitive>,
) -> bool {
    let mut changed = false;
    for (relation, column, source) in &catalogue.generated {
        if let Some(found) = sensitive.get(&(*relation, *source)).cloned() {
            changed |= mark(sensitive, (*relation, *column), &found);
        }
    }
    changed
}

/// The relations on which a write runs code, or on a child of which: a row may end up there.
fn reactive(catalogue: &Catalogue) -> HashSet<RelationOid> {
    let mut reactive = catalogue.reactive.clone();
    let mut before = 0;
    while before != reactive.len() {
        before = reactive.len();
        for (child, parent) in &catalogue.inherits {
            if reactive.contains(child) {
                reactive.insert(*parent);
            }
        }
    }
    reactive
}

/// Marks a column that isn't marked yet. True when it wasn't.
fn mark(
    sensitive: &mut HashMap<(RelationOid, ColumnNumber), Sensitive>,
    column: (RelationOid, ColumnNumber),
    found: &Sensitive,
) -> bool {
    match sensitive.entry(column) {
        Entry::Occupied(_) => false,
        Entry::Vacant(vacant) => {
            vacant.insert(found.clone());
            true
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
