//! Results, by their places and names: what an `ORDER BY`, a `GROUP BY` or a `DISTINCT ON` means by one, and
//! what they are called outside of a subquery.
//!
//! Its job: to find what decides then, in every branch of a set operation. Where a star stands before the
//! result, or its name can't be told, that is whatever may be meant.

use std::collections::BTreeSet;

use sqlparser::ast::{
    Expr, OutputClause, Select, SelectItem, SetExpr, Statement, TableAliasColumnDef, Value,
    ValueWithSpan,
};

use super::Walk;
use super::called::{Names, names};
use super::expression::bare;
use crate::sql::made::Made;

/// Past so many everything decides: each is looked for among all results.
const MOST: usize = 64;

/// A list of results.
#[derive(Clone, Copy)]
pub(super) enum List<'e> {
    Items(&'e [SelectItem]),
    /// So many values.
    Values(usize),
}

/// Which results are meant.
enum Meant {
    /// None of them: a column of a relation, or nothing.
    None,
    /// The one in this place, from 1.
    Place(usize),
    /// Of the only list there is, those in these places.
    Among(Vec<usize>),
    Any,
}

impl Walk {
    /// Notes what is meant by the places and names of results in an `ORDER BY`, beside what its expressions
    /// say themselves.
    pub(super) fn named_in(
        &mut self,
        lists: &[List<'_>],
        results: &[Vec<Made>],
        order: Vec<&Expr>,
    ) {
        let (mut places, mut among) = (BTreeSet::new(), BTreeSet::new());
        let mut any = self.expands && !order.is_empty() || order.len() > MOST;
        for expr in order.into_iter().take(MOST) {
            match meant(expr, lists) {
                Meant::None => {}
                Meant::Place(place) => {
                    places.insert(place - 1);
                }
                Meant::Among(items) => among.extend(items),
                Meant::Any => any = true,
            }
        }
        if self.expands && any {
            self.makings.decides(Made::OfAll);
        }
        if any {
            results
                .iter()
                .flatten()
                .for_each(|made| self.makings.decides(*made));
            return;
        }
        for (list, results) in lists.iter().zip(results) {
            let star = list.star();
            for place in &places {
                self.makings.decides(made_in(*place, star, results));
            }
            let among = among.iter().filter_map(|item| results.get(*item));
            among.for_each(|made| self.makings.decides(*made));
        }
    }

    /// The same of the list of a `SELECT`, which was visited last, in its `GROUP BY` or `DISTINCT ON`.
    pub(super) fn named_in_list(&mut self, select: &Select, mut exprs: Vec<&Expr>) {
        let mut named = Vec::new();
        while let Some(expr) = exprs.pop() {
            match bare(expr) {
                Expr::Tuple(inner) => exprs.extend(inner),
                Expr::GroupingSets(sets) | Expr::Cube(sets) | Expr::Rollup(sets) => {
                    exprs.extend(sets.iter().flatten());
                }
                expr => named.push(expr),
            }
        }
        if let Some(list) = self.results.pop() {
            let list = [list];
            self.named_in(&[List::Items(&select.projection)], &list, named);
            self.results.extend(list);
        }
    }

    /// All of the list that was visited last decides.
    pub(super) fn last_list_decides(&mut self) {
        if let Some(list) = self.results.pop() {
            list.iter().for_each(|made| self.makings.decides(*made));
            self.results.push(list);
        }
    }

    /// Notes what a query's results are called outside: as `columns` say, or else by themselves.
    pub(super) fn called_outside(
        &mut self,
        body: &SetExpr,
        columns: &[TableAliasColumnDef],
        results: &[Vec<Made>],
    ) {
        let lists = lists(body);
        for (list, results) in lists.iter().zip(results) {
            let star = list.star();
            for (place, column) in columns.iter().enumerate() {
                let made = made_in(place, star, results);
                self.makings.name(&column.name.value, made);
            }
        }
        match lists.first() {
            None => {}
            Some(List::Values(count)) => {
                for place in 0..*count {
                    let name = format!("column{}", place + 1);
                    for results in results {
                        if let Some(made) = results.get(place) {
                            self.makings.name(&name, *made);
                        }
                    }
                }
            }
            Some(List::Items(items)) => self.called_as(items, &lists, results),
        }
    }

    /// Notes what results are called by themselves: as those of the first list are.
    fn called_as(&mut self, items: &[SelectItem], lists: &[List<'_>], results: &[Vec<Made>]) {
        let several = lists.len() > 1;
        let names: Vec<Names<'_>> = items.iter().map(names).collect();
        for (list, results) in lists.iter().zip(results) {
            // Behind a star nobody knows which place a result has.
            let star = list.star().unwrap_or(usize::MAX);
            for (place, made) in results.iter().enumerate() {
                match names.get(place) {
                    _ if several && place >= star => self.makings.unnamed(*made),
                    Some(Names::These(names)) => {
                        names.iter().for_each(|name| self.makings.name(name, *made));
                    }
                    Some(Names::Star) if !several => {}
                    Some(Names::Star | Names::OfType(_) | Names::Any) | None => {
                        self.makings.unnamed(*made);
                    }
                }
            }
        }
        let star = lists.iter().filter_map(|list| list.star()).min();
        if several && let Some(star) = star {
            self.behind_star(names.get(star..).unwrap_or_default());
        }
    }

    /// Results behind a star of any list may be of anything.
    fn behind_star(&mut self, names: &[Names<'_>]) {
        for name in names {
            match name {
                Names::These(names) => {
                    names
                        .iter()
                        .for_each(|name| self.makings.name(name, Made::OfAll));
                }
                Names::Star | Names::OfType(_) | Names::Any => self.makings.unnamed(Made::OfAll),
            }
        }
    }
}

impl List<'_> {
    /// Where the first star stands.
    fn star(self) -> Option<usize> {
        match self {
            Self::Items(items) => items.iter().position(is_star),
            Self::Values(_) => None,
        }
    }
}

/// What the result in this place is made of. Where a star may hold it, that is anything.
fn made_in(place: usize, star: Option<usize>, results: &[Made]) -> Made {
    match results.get(place) {
        _ if star.is_some_and(|star| star <= place) => Made::OfAll,
        Some(made) => *made,
        None => Made::Between(0, 0),
    }
}

/// The lists of results that a query's rows come from, the one that names them first: as they are
/// [visited](Walk::results_of).
pub(super) fn lists(body: &SetExpr) -> Vec<List<'_>> {
    let (mut lists, mut todo) = (Vec::new(), vec![body]);
    while let Some(body) = todo.pop() {
        match body {
            SetExpr::Select(select) => lists.push(List::Items(&select.projection)),
            SetExpr::Query(query) => todo.push(&query.body),
            SetExpr::SetOperation { left, right, .. } => todo.extend([&**right, left]),
            SetExpr::Values(values) => {
                lists.extend(
                    values
                        .rows
                        .iter()
                        .map(|row| List::Values(row.content.len())),
                );
            }
            SetExpr::Insert(statement)
            | SetExpr::Update(statement)
            | SetExpr::Delete(statement)
            | SetExpr::Merge(statement) => {
                lists.extend(returned(statement).map(List::Items));
            }
            SetExpr::Table(_) => {}
        }
    }
    lists
}

fn returned(statement: &Statement) -> Option<&[SelectItem]> {
    let output = match statement {
        Statement::Insert(insert) => return insert.returning.as_deref(),
        Statement::Update(update) => return update.returning.as_deref(),
        Statement::Delete(delete) => return delete.returning.as_deref(),
        Statement::Merge(merge) => merge.output.as_ref()?,
        _ => return None,
    };
    match output {
        OutputClause::Returning { select_items, .. } => Some(select_items),
        OutputClause::Output { .. } => None,
    }
}

fn meant(expr: &Expr, lists: &[List<'_>]) -> Meant {
    let ident = match bare(expr) {
        Expr::Value(ValueWithSpan {
            value: Value::Number(number, _),
            span: _,
        }) => {
            let place = integer(number).filter(|place| *place > 0);
            return place.map_or(Meant::None, Meant::Place);
        }
        Expr::Identifier(ident) => ident,
        _ => return Meant::None,
    };
    let [List::Items(items), others @ ..] = lists else {
        return Meant::Any;
    };
    let among: Vec<usize> = (0..)
        .zip(*items)
        .filter(|(_, item)| names(item).may_be(&ident.value))
        .map(|(place, _)| place)
        .collect();
    match among[..] {
        [] if others.is_empty() => Meant::None,
        _ if others.is_empty() => Meant::Among(among),
        [one] => Meant::Place(one + 1),
        _ => Meant::Any,
    }
}

fn is_star(item: &SelectItem) -> bool {
    !matches!(
        item,
        SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. }
    )
}

/// An integer as the server reads it (`scan.l`): since version 16 in other bases, and parted by `_`.
fn integer(number: &str) -> Option<usize> {
    let number = number.replace('_', "").to_ascii_lowercase();
    let bases = [("0x", 16), ("0o", 8), ("0b", 2)];
    for (prefix, base) in bases {
        if let Some(digits) = number.strip_prefix(prefix) {
            return usize::from_str_radix(digits, base).ok();
        }
    }
    number.parse().ok()
}
