//! Which columns of a database are sensitive: the masking rules applied to a [`Catalogue`], and
//! carried on to what is derived from them.
//!
//! - A child of an inherited or partitioned table is as sensitive as its parent, column by name.
//! - A column of a view is as sensitive as what it is made of, and as what decides about the view's
//!   rows. Where the view's rule can't be followed, each is as sensitive as all that it depends on.
//!   So is each of one that calls functions which may read tables.
//! - A generated column is as sensitive as what it is computed from.
//! - A column that holds whole rows is as sensitive as the relation or type whose rows they are.
//!
//! What a write reaches beyond what it names is [`reach`]'s, what a name means [`names`]'s, and which
//! relations are behind it [`bases`]'s.
//!
//! Computed once per catalogue and policy version; look-ups in it allocate nothing.

mod bases;
mod marks;
mod names;
pub(super) mod reach;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use weir_command::Access;
use weir_policy::{Clear, DataClass, MaskingRules, Method};

use self::marks::{Marks, marks, users_own};
pub use self::{bases::Base, names::Sight};
use super::{
    catalogue::{Catalogue, ColumnNumber, RelationOid},
    code::Reshaping,
};

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
    /// A sensitive one, with each class that its values may be of.
    Sensitive(&'a [Sensitive]),
    /// Not in the catalogue: it is newer than the snapshot.
    Unknown,
}

/// The first of what is found that may not be shown.
#[must_use]
pub fn hidden<'a>(found: &'a [Sensitive], clear: &Clear) -> Option<&'a Sensitive> {
    found.iter().find(|found| !clear.shows(&found.class))
}

/// One relation, with the sensitivity of its columns.
#[derive(Debug, Default)]
pub struct Traced {
    schema: String,
    view: bool,
    reactive: bool,
    calls: bool,
    /// Reading it may change the database's shape, and writing to it.
    reshapes: (bool, bool),
    reads: Vec<Base>,
    writes: Vec<Base>,
    behind: BTreeSet<DataClass>,
    columns: HashMap<ColumnNumber, (String, Vec<Sensitive>)>,
}

impl Traced {
    /// The sensitive columns, by name, once for each class.
    pub fn sensitive(&self) -> impl Iterator<Item = (&str, &Sensitive)> {
        self.columns
            .values()
            .flat_map(|(name, found)| found.iter().map(|found| (name.as_str(), found)))
    }

    /// Whether a write to it may read any table, by a rule or a trigger.
    #[must_use]
    pub fn is_reactive(&self) -> bool {
        self.reactive
    }

    /// Whether reading it may run code that may read any table.
    #[must_use]
    pub fn calls_code(&self) -> bool {
        self.calls
    }

    /// Whether using it so may run code that may change the database's shape.
    #[must_use]
    pub fn reshapes(&self, access: Access) -> bool {
        let (read, write) = self.reshapes;
        match access {
            Access::Read => read,
            Access::Write => write,
            Access::Define => false,
        }
    }

    /// What reading it reads beside it.
    #[must_use]
    pub fn reads(&self) -> &[Base] {
        &self.reads
    }

    /// What a write to it may write and read beside it.
    #[must_use]
    pub fn writes(&self) -> &[Base] {
        &self.writes
    }

    /// The classes that a write to it may quote when it fails: its own, and those of what is behind
    /// it.
    pub fn behind(&self) -> impl Iterator<Item = &DataClass> {
        self.behind.iter()
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
    operators: HashSet<String>,
    anywhere: bool,
    own: Vec<Sensitive>,
    reshaping: Reshaping,
}

/// Operators that the grammar puts where the text has words (`LIKE`, `IN`, `BETWEEN`) or nothing
/// (`ORDER BY`, `DISTINCT`).
pub(super) const UNSPELT: [&str; 13] = [
    "=", "<>", "<", ">", "<=", ">=", "~", "!~", "~~", "!~~", "~~*", "!~~*", "~*",
];

impl Lineage {
    /// Applies `rules` to the catalogue of `database` on `target`.
    #[must_use]
    pub fn new(catalogue: &Catalogue, rules: &MaskingRules, target: &str, database: &str) -> Self {
        Self::index(catalogue, marks(catalogue, rules, target, database))
    }

    /// The views whose columns are to be told apart: those that depend on something sensitive.
    #[must_use]
    pub fn wanted(
        catalogue: &Catalogue,
        rules: &MaskingRules,
        target: &str,
        database: &str,
    ) -> Vec<RelationOid> {
        let marks = marks(catalogue, rules, target, database);
        let marked: HashSet<RelationOid> = marks.keys().map(|(oid, _)| *oid).collect();
        let views = catalogue.views.keys().copied();
        views.filter(|view| marked.contains(view)).collect()
    }

    fn index(catalogue: &Catalogue, mut marks: Marks) -> Self {
        let mut lineage = Self {
            functions: catalogue.functions.clone(),
            row_functions: catalogue.row_functions.clone(),
            operators: catalogue.operators.clone(),
            reshaping: catalogue.reshaping.clone(),
            anywhere: catalogue.casts || UNSPELT.iter().any(|op| catalogue.operators.contains(*op)),
            ..Self::default()
        };
        // Not a system table's class: those are sensitive on every server, and would make each
        // user-defined function suspect.
        lineage.own = users_own(&marks);
        let edges = reach::edges(catalogue);
        let reactive = reach::reactive(catalogue, &edges);
        let mut behind = reach::behind(&marks, &edges);
        for (oid, relation) in &catalogue.relations {
            let columns = relation.columns.iter().map(|(number, name)| {
                let found = marks.remove(&(*oid, *number)).unwrap_or_default();
                (*number, (name.clone(), found))
            });
            let traced = Arc::new(Traced {
                schema: relation.schema.clone(),
                view: relation.is_view,
                reactive: reactive.contains(oid),
                calls: bases::call_code(catalogue, *oid),
                reshapes: (
                    catalogue.reshaping.runs(*oid, Access::Read),
                    catalogue.reshaping.runs(*oid, Access::Write),
                ),
                reads: bases::read(catalogue, *oid),
                writes: bases::written(catalogue, *oid),
                behind: behind.remove(oid).unwrap_or_default(),
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
                Some((_, found)) if found.is_empty() => Source::Harmless,
                Some((_, found)) => Source::Sensitive(found),
                None => Source::Unknown,
            },
            None => Source::Unknown,
        }
    }

    /// Whether a relation is a user's view, and so what its columns show may be replaced.
    #[must_use]
    pub fn is_view(&self, relation: RelationOid) -> bool {
        let traced = self.relations.get(&relation);
        !relation.is_system() && traced.is_some_and(|traced| traced.view)
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
            .filter(move |traced: &&Traced| {
                schema.is_none_or(|schema| names::is_schema(schema, traced.schema()))
            })
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

    /// Whether one of these operators, or what no text spells, may call a function that reads
    /// tables.
    #[must_use]
    pub fn may_operate(&self, operators: &BTreeSet<String>) -> bool {
        self.anywhere || operators.iter().any(|op| self.operators.contains(op))
    }

    /// What code may change the database's shape.
    #[must_use]
    pub fn reshaping(&self) -> &Reshaping {
        &self.reshaping
    }

    /// What an untraceable value is treated as: one of the database's own sensitive classes that are
    /// not `clear`, or `None` when its users' relations hold no such values.
    #[must_use]
    pub fn any_hidden(&self, clear: &Clear) -> Option<&Sensitive> {
        hidden(&self.own, clear)
    }
}

#[cfg(test)]
pub(crate) mod tests;
