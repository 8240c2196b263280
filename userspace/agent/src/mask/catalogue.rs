//! What one database's catalogue says of relations, as far as masking asks. Plain data: reading it
//! from a server is `upstream`'s job, naming what is sensitive in it is [`lineage`](super::lineage)'s.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{code::Reshaping, rule::Trace};

/// A relation's `pg_class.oid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelationOid(pub u32);

/// A column's `pg_attribute.attnum`, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ColumnNumber(pub i16);

/// The relation that stands for whatever a function may read. No relation has this id.
pub const CODE: RelationOid = RelationOid(0);

/// First oid of objects that a user made (`FirstNormalObjectId`, `access/transam.h`).
const FIRST_NORMAL_OID: u32 = 16384;

impl RelationOid {
    /// Whether the relation came with the server.
    #[must_use]
    pub fn is_system(self) -> bool {
        self.0 < FIRST_NORMAL_OID
    }
}

/// A table, view, materialised view, foreign or partitioned table, or a composite type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relation {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Whether what its columns show may be defined anew while they stay what they are: it is a view or
    /// materialised view, or may be made one.
    pub is_view: bool,
    /// Its columns, without dropped ones.
    pub columns: HashMap<ColumnNumber, String>,
}

/// What a rule depends on: a column, or with `None` the relation.
pub type Dependence = (RelationOid, Option<ColumnNumber>);

/// A snapshot of one database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// Every relation that rows are of.
    pub relations: HashMap<RelationOid, Relation>,
    /// For each view, the columns it depends on; `None` means the whole row. [`CODE`] among them
    /// means that it calls functions which may read tables.
    pub views: HashMap<RelationOid, BTreeSet<Dependence>>,
    /// The same of the rules for writes to a relation.
    pub rules: HashMap<RelationOid, BTreeSet<Dependence>>,
    /// What the columns of views come from, where that could be followed.
    pub traces: HashMap<RelationOid, Trace>,
    /// Inheritance and partitioning: child, parent.
    pub inherits: Vec<(RelationOid, RelationOid)>,
    /// Names of functions whose body can read tables: every one outside of the system's schemas
    /// that is written in another language than C.
    pub functions: HashSet<String>,
    /// Those of them that may take a row, and so be called as if they were a column of it (`p.f`).
    pub row_functions: HashSet<String>,
    /// Relations on which a write runs more than it says: rules, and triggers, checks, indexes and
    /// defaults whose function may read tables.
    pub reactive: HashSet<RelationOid>,
    /// Foreign keys by which a change goes on: the relation that is referenced, and the one that
    /// changes with it.
    pub cascades: Vec<(RelationOid, RelationOid)>,
    /// Columns that hold whole rows, alone, in arrays or in domains: the relation, the column, and
    /// the relation or composite type whose rows they are.
    pub holds: Vec<(RelationOid, ColumnNumber, RelationOid)>,
    /// Operators whose function may read tables, by their symbols.
    pub operators: HashSet<String>,
    /// Whether there are casts whose function may read tables.
    pub casts: bool,
    /// Generated columns: the relation, the column, and one that it is computed from.
    pub generated: Vec<(RelationOid, ColumnNumber, ColumnNumber)>,
    /// What code may change any of this.
    pub reshaping: Reshaping,
}
