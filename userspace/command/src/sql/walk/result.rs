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
        // Each decides once, however often it is meant.
        let mut among = BTreeSet::new();
        let mut any = order.len() > MOST;
        for expr in order.into_iter().take(MOST) {
            match meant(expr, lists) {
                Meant::None => {}
                Meant::Place(place) => {
                    for (list, results) in lists.iter().zip(results) {
                        self.decides(&list.made(place - 1, results));
                    }
                }
                Meant::Among(places) => among.extend(places),
                Meant::Any => any = true,
            }
        }
        if any {
            results.iter().flatten().for_each(|made| self.decides(made));
        } else if let Some(list) = results.first() {
            let meant = among.into_iter().filter_map(|place| list.get(place));
            meant.for_each(|made| self.decides(made));
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
            list.iter().for_each(|made| self.decides(made));
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
        let several = lists.len() > 1;
        let by_place = ByPlace::of(&lists, results);
        let makings = &mut self.facts.makings;
        for (place, column) in columns.iter().enumerate() {
            makings.name(&column.name.value, &by_place.made(place));
        }
        match (lists.first(), results.first()) {
            (Some(List::Items(items)), Some(own)) => {
                for (place, (item, own)) in items.iter().zip(own).enumerate() {
                    let made = if place < by_place.star {
                        by_place.made(place)
                    } else {
                        // It may be in any place of the other lists.
                        let mut made = own.clone();
                        made.all |= several;
                        made
                    };
                    match names(item) {
                        Names::Star if !several => {}
                        Names::These(names) => {
                            names.iter().for_each(|name| makings.name(name, &made));
                        }
                        Names::Star | Names::OfType(_) | Names::Any => makings.unnamed(&made),
                    }
                }
            }
            (Some(List::Values(count)), _) => {
                for place in 0..*count {
                    makings.name(&format!("column{}", place + 1), &by_place.made(place));
                }
            }
            (None, _) | (Some(List::Items(_)), None) => {}
        }
    }
}

/// What the results of several lists are made of, each with those in its place.
struct ByPlace {
    made: Vec<Made>,
    /// From here on a star may hold it, in one of the lists.
    star: usize,
}

impl ByPlace {
    fn of(lists: &[List<'_>], results: &[Vec<Made>]) -> Self {
        let mut made: Vec<Made> = Vec::new();
        for results in results {
            made.resize_with(made.len().max(results.len()), Made::default);
            for (known, made) in made.iter_mut().zip(results) {
                known.join(made);
            }
        }
        let stars = lists.iter().filter_map(|list| list.star());
        Self {
            made,
            star: stars.min().unwrap_or(usize::MAX),
        }
    }

    fn made(&self, place: usize) -> Made {
        if place >= self.star {
            return Made::of_all();
        }
        self.made.get(place).cloned().unwrap_or_default()
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

    /// What the result in this place is made of. Where a star may hold it, that is anything.
    fn made(self, place: usize, results: &[Made]) -> Made {
        if self.star().is_some_and(|star| star <= place) {
            return Made::of_all();
        }
        results.get(place).cloned().unwrap_or_default()
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
                let width = values.rows.first().map_or(0, |row| row.content.len());
                lists.push(List::Values(width));
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
