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
mod names;
mod reach;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use weir_policy::{Clear, DataClass, MaskingRules, Method};

pub use self::{bases::Base, names::Sight};
use super::{
    catalogue::{CODE, Catalogue, ColumnNumber, Dependence, RelationOid},
    rule::Trace,
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

/// The classes that the values of each sensitive column may be of.
type Marks = HashMap<(RelationOid, ColumnNumber), Vec<Sensitive>>;

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
}

/// Operators that the grammar puts where the text has words (`LIKE`, `IN`, `BETWEEN`) or nothing
/// (`ORDER BY`, `DISTINCT`).
const UNSPELT: [&str; 13] = [
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

    /// What an untraceable value is treated as: one of the database's own sensitive classes that are
    /// not `clear`, or `None` when its users' relations hold no such values.
    #[must_use]
    pub fn any_hidden(&self, clear: &Clear) -> Option<&Sensitive> {
        hidden(&self.own, clear)
    }
}

/// The classes of all sensitive columns.
fn marks(catalogue: &Catalogue, rules: &MaskingRules, target: &str, database: &str) -> Marks {
    let mut marks = Marks::new();
    for (oid, relation) in &catalogue.relations {
        for (number, column) in &relation.columns {
            let schema = Some(relation.schema.as_str());
            if let Some(found) = rules.classify(target, database, schema, &relation.name, column) {
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
fn users_own(marks: &Marks) -> Vec<Sensitive> {
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

#[cfg(test)]
pub(crate) mod tests;
