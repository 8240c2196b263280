//! Where each column of a view comes from, by the rule that the server itself has parsed: relations
//! and columns in it are numbers, so no name, alias or search path is in the way.
//!
//! Source: `pg_rewrite.ev_action`, the text form of a `Query` (`nodes/parsenodes.h`,
//! `nodes/primnodes.h`; written by `nodes/outfuncs.c`), from PostgreSQL 12 on.
//!
//! Known limits: what is computed is of all that it is computed from, whatever little of that it
//! shows. A kind of node that this room does not know leaves the whole view untraced.

mod tree;

use std::{cell::Cell, collections::BTreeSet};

use self::tree::Tree;
use super::catalogue::{ColumnNumber, RelationOid};

/// A column, or with `None` a whole row.
pub type Origin = (RelationOid, Option<ColumnNumber>);

/// What a view's columns come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Of each column in turn, what its value is made of.
    pub columns: Vec<BTreeSet<Origin>>,
    /// What decides which rows there are, how often and in which order.
    pub deciding: BTreeSet<Origin>,
}

/// Most steps that one rule is traced in: what refers to itself over and over has no end.
const STEPS: usize = 200_000;
/// Most times that a recursive table expression is traced before it must have come to rest.
const ROUNDS: usize = 16;
/// Deepest nesting of queries.
const DEPTH: usize = 32;

/// `RTEKind`.
mod kind {
    pub(super) const RELATION: &str = "0";
    pub(super) const SUBQUERY: &str = "1";
    pub(super) const JOIN: &str = "2";
    pub(super) const FUNCTION: &str = "3";
    pub(super) const TABLE_FUNCTION: &str = "4";
    pub(super) const VALUES: &str = "5";
    pub(super) const COMMON: &str = "6";
    pub(super) const RESULT: &str = "8";
    pub(super) const GROUP: &str = "9";
}

/// Traces the rule of a view; `None` where it can't be followed with certainty.
#[must_use]
pub fn trace(action: &str) -> Option<Trace> {
    let tree = tree::read(action)?;
    let [query] = tree.list()? else {
        return None;
    };
    Steps(Cell::new(STEPS)).query(query, None, DEPTH)
}

/// What is left of [`STEPS`].
struct Steps(Cell<usize>);

/// One query, as far as it has been gone into.
struct Level<'t, 'p> {
    relations: &'t [Tree<'t>],
    /// What its subqueries among the relations return, as far as they have been traced.
    subqueries: Vec<Option<Trace>>,
    common: Vec<(&'t str, Trace)>,
    parent: Option<&'p Level<'t, 'p>>,
}

impl<'t, 'p> Level<'t, 'p> {
    fn up(&self, levels: &str) -> Option<&Self> {
        let levels: usize = levels.parse().ok()?;
        let mut level = self;
        for _ in 0..levels {
            level = level.parent?;
        }
        Some(level)
    }
}

impl Trace {
    fn all(&self) -> impl Iterator<Item = Origin> {
        self.columns.iter().flatten().copied()
    }

    /// What the column with this number is made of; of one that isn't told apart, whatever may be.
    fn column(&self, number: usize) -> BTreeSet<Origin> {
        match number.checked_sub(1).and_then(|i| self.columns.get(i)) {
            Some(column) => column.clone(),
            None => self.all().collect(),
        }
    }
}

impl Steps {
    fn step(&self) -> Option<()> {
        self.0.set(self.0.get().checked_sub(1)?);
        Some(())
    }

    fn query<'t>(
        &self,
        query: &'t Tree<'t>,
        parent: Option<&Level<'t, '_>>,
        depth: usize,
    ) -> Option<Trace> {
        let depth = depth.checked_sub(1)?;
        // A table expression that writes is no query.
        if query.name() != Some("QUERY") || query.atom("commandType")? != "1" {
            return None;
        }
        let mut level = Level {
            relations: query.get("rtable")?.items()?,
            subqueries: Vec::new(),
            common: Vec::new(),
            parent,
        };
        let mut deciding = BTreeSet::new();
        for common in query.get("cteList")?.items()? {
            let traced = self.common(common, &mut level, depth)?;
            deciding.extend(traced.deciding.iter().copied());
            level.common.push((common.atom("ctename")?, traced));
        }
        for relation in level.relations {
            let traced = match relation.atom("rtekind")? {
                kind::SUBQUERY => {
                    Some(self.query(relation.get("subquery")?, Some(&level), depth)?)
                }
                _ => None,
            };
            deciding.extend(traced.iter().flat_map(|t| t.deciding.iter().copied()));
            level.subqueries.push(traced);
        }
        for relation in level.relations {
            // How many rows a function returns hangs on what it is given.
            for field in ["functions", "tablefunc", "tablesample"] {
                if let Some(part) = relation.get(field) {
                    self.values(part, &level, depth, &mut deciding)?;
                }
            }
        }
        for field in ["jointree", "havingQual", "limitOffset", "limitCount"] {
            self.values(query.get(field)?, &level, depth, &mut deciding)?;
        }
        let columns = self.columns(query, &level, depth, &mut deciding)?;
        Some(Trace { columns, deciding })
    }

    fn common<'t>(
        &self,
        common: &'t Tree<'t>,
        level: &mut Level<'t, '_>,
        depth: usize,
    ) -> Option<Trace> {
        let query = common.get("ctequery")?;
        if common.atom("cterecursive")? != "true" {
            return self.query(query, Some(level), depth);
        }
        let name = common.atom("ctename")?;
        let mut known = Trace::default();
        for _ in 0..ROUNDS {
            level.common.push((name, known.clone()));
            let traced = self.query(query, Some(level), depth);
            level.common.pop();
            let traced = traced?;
            if traced == known {
                return Some(known);
            }
            known = traced;
        }
        None
    }

    /// What each column of a query is made of, in their order.
    fn columns<'t>(
        &self,
        query: &'t Tree<'t>,
        level: &Level<'t, '_>,
        depth: usize,
        deciding: &mut BTreeSet<Origin>,
    ) -> Option<Vec<BTreeSet<Origin>>> {
        let mut sorts = BTreeSet::new();
        for field in ["groupClause", "sortClause", "windowClause"] {
            query.get(field)?.atoms("tleSortGroupRef", &mut sorts);
        }
        if query.atom("hasDistinctOn")? == "true" {
            query
                .get("distinctClause")?
                .atoms("tleSortGroupRef", &mut sorts);
        }
        self.values(query.get("windowClause")?, level, depth, deciding)?;
        let mut columns = Vec::new();
        for entry in query.get("targetList")?.items()? {
            let mut made_of = BTreeSet::new();
            self.values(entry.get("expr")?, level, depth, &mut made_of)?;
            if sorts.contains(entry.atom("ressortgroupref")?) {
                deciding.extend(made_of.iter().copied());
            }
            if entry.atom("resjunk")? == "false" {
                columns.push(made_of);
            }
        }
        // The list speaks of the first operand alone.
        let sets = query.get("setOperations")?;
        if !sets.is_none() {
            let mut operands = BTreeSet::new();
            sets.atoms("rtindex", &mut operands);
            for operand in operands {
                let operand: usize = operand.parse().ok()?;
                let traced = level.subqueries.get(operand.checked_sub(1)?)?.as_ref()?;
                for (number, column) in (1..).zip(&mut columns) {
                    column.extend(traced.column(number));
                }
            }
        }
        Some(columns)
    }

    /// Adds all that an expression is made of.
    fn values<'t>(
        &self,
        tree: &'t Tree<'t>,
        level: &Level<'t, '_>,
        depth: usize,
        to: &mut BTreeSet<Origin>,
    ) -> Option<()> {
        self.step()?;
        match tree.name() {
            Some("VAR") => return self.variable(tree, level, depth, to),
            Some("QUERY") => {
                let traced = self.query(tree, Some(level), depth)?;
                to.extend(traced.all().chain(traced.deciding.iter().copied()));
                return Some(());
            }
            _ => {}
        }
        tree.children()
            .try_for_each(|child| self.values(child, level, depth, to))
    }

    fn variable<'t>(
        &self,
        variable: &'t Tree<'t>,
        level: &Level<'t, '_>,
        depth: usize,
        to: &mut BTreeSet<Origin>,
    ) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        let level = level.up(variable.atom("varlevelsup")?)?;
        let place: usize = variable.atom("varno")?.parse().ok()?;
        let place = place.checked_sub(1)?;
        let relation = level.relations.get(place)?;
        let number: i16 = variable.atom("varattno")?.parse().ok()?;
        // The columns that the system adds to each relation.
        let Ok(column) = usize::try_from(number) else {
            return Some(());
        };
        match relation.atom("rtekind")? {
            kind::RELATION => {
                let oid = RelationOid(relation.atom("relid")?.parse().ok()?);
                to.insert((oid, (number > 0).then_some(ColumnNumber(number))));
            }
            kind::SUBQUERY => {
                // Not traced yet: it stands behind what refers to it.
                to.extend(level.subqueries.get(place)?.as_ref()?.column(column));
            }
            kind::COMMON => {
                let home = level.up(relation.atom("ctelevelsup")?)?;
                let name = relation.atom("ctename")?;
                let mut known = home.common.iter().rev();
                to.extend(known.find(|(known, _)| *known == name)?.1.column(column));
            }
            kind::JOIN => self.listed(relation.get("joinaliasvars")?, column, level, depth, to)?,
            kind::GROUP => self.listed(relation.get("groupexprs")?, column, level, depth, to)?,
            kind::FUNCTION => self.values(relation.get("functions")?, level, depth, to)?,
            kind::TABLE_FUNCTION => self.values(relation.get("tablefunc")?, level, depth, to)?,
            kind::VALUES => self.values(relation.get("values_lists")?, level, depth, to)?,
            kind::RESULT => {}
            _ => return None,
        }
        Some(())
    }

    /// The expression with this number, from 1, or for 0 all of them.
    fn listed<'t>(
        &self,
        list: &'t Tree<'t>,
        number: usize,
        level: &Level<'t, '_>,
        depth: usize,
        to: &mut BTreeSet<Origin>,
    ) -> Option<()> {
        match number.checked_sub(1) {
            Some(place) => self.values(list.items()?.get(place)?, level, depth, to),
            None => self.values(list, level, depth, to),
        }
    }
}

#[cfg(test)]
mod tests;
