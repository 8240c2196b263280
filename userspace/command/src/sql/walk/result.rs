//! Results, by their places and names: what an `ORDER BY`, a `GROUP BY` or a `DISTINCT ON` means by one, and
//! what they are called outside of a subquery.
//!
//! Its job: to find what decides then, in every branch of a set operation. Where a star stands before the
//! result, or its name can't be told, that is whatever may be meant.
//!
//! Known limit: the name that the server gives to a result without one (`lower(a)` is `lower`) is told for calls, and
//! for what the grammar knows by name; any other may have any name.

use sqlparser::ast::{
    DataType, Expr, OutputClause, Select, SelectItem, SetExpr, Statement, TableAliasColumnDef,
    Value, ValueWithSpan,
};

use super::Walk;
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
        let many = order.len() > MOST;
        for expr in order {
            let meant = if many { Meant::Any } else { meant(expr, lists) };
            for (list, results) in lists.iter().zip(results) {
                match &meant {
                    Meant::None => {}
                    Meant::Place(place) => self.decides(&list.made(place - 1, results)),
                    Meant::Among(among) => {
                        among
                            .iter()
                            .filter_map(|at| results.get(*at))
                            .for_each(|made| self.decides(made));
                    }
                    Meant::Any => results.iter().for_each(|made| self.decides(made)),
                }
            }
            if many {
                break;
            }
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
        let makings = &mut self.facts.makings;
        let made = |place: usize| {
            let mut made = Made::default();
            for (list, results) in lists.iter().zip(results) {
                made.join(&list.made(place, results));
            }
            made
        };
        for (place, column) in columns.iter().enumerate() {
            makings.name(&column.name.value, &made(place));
        }
        match lists.first() {
            None => {}
            Some(List::Values(count)) => {
                for place in 0..*count {
                    makings.name(&format!("column{}", place + 1), &made(place));
                }
            }
            Some(List::Items(items)) => {
                for (place, item) in items.iter().enumerate() {
                    match names(item) {
                        Names::Star if lists.len() == 1 => {}
                        Names::These(names) => {
                            let made = made(place);
                            names.iter().for_each(|name| makings.name(name, &made));
                        }
                        Names::Star | Names::OfType(_) | Names::Any => {
                            makings.unnamed(&made(place));
                        }
                    }
                    if is_star(item) {
                        break;
                    }
                }
                self.behind_star(&lists, results);
            }
        }
    }

    /// Behind a star nobody knows which place a result has: in another list it may be any.
    fn behind_star(&mut self, lists: &[List<'_>], results: &[Vec<Made>]) {
        let Some((List::Items(items), results)) = lists.first().zip(results.first()) else {
            return;
        };
        let makings = &mut self.facts.makings;
        let behind = items
            .iter()
            .zip(results)
            .skip_while(|(item, _)| !is_star(item));
        for (item, made) in behind {
            let mut made = made.clone();
            made.all |= lists.len() > 1;
            match names(item) {
                Names::Star => {}
                Names::These(names) => names.iter().for_each(|name| makings.name(name, &made)),
                Names::OfType(_) | Names::Any => makings.unnamed(&made),
            }
        }
    }
}

impl List<'_> {
    /// What the result in this place is made of. Where a star may hold it, that is anything.
    fn made(self, place: usize, results: &[Made]) -> Made {
        let before = match self {
            Self::Items(items) => items.get(..=place).unwrap_or(items),
            Self::Values(_) => &[],
        };
        if before.iter().any(is_star) {
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

/// What a result may be called.
enum Names<'e> {
    These(Vec<&'e str>),
    OfType(&'e DataType),
    Any,
    /// As the columns of something are.
    Star,
}

impl Names<'_> {
    fn may_be(&self, name: &str) -> bool {
        match self {
            Self::These(names) => names.contains(&name),
            Self::OfType(data_type) => may_be_type(data_type, name),
            Self::Any => true,
            Self::Star => false,
        }
    }
}

fn names(item: &SelectItem) -> Names<'_> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Names::These(vec![&alias.value]),
        SelectItem::UnnamedExpr(expr) => names_of(expr),
        _ => Names::Star,
    }
}

fn names_of(mut expr: &Expr) -> Names<'_> {
    // What the server calls a CASE whose last result has no name.
    let mut also = None;
    let mut names = loop {
        let names: &[&str] = match expr {
            Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => {
                expr = inner;
                continue;
            }
            // Else by its type.
            Expr::Cast {
                expr: inner,
                data_type,
                ..
            } => match bare(inner) {
                Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Function(_) => {
                    expr = inner;
                    continue;
                }
                _ if also.is_some() => return Names::Any,
                _ => return Names::OfType(data_type),
            },
            Expr::Case { else_result, .. } => match else_result {
                Some(last) => {
                    also = Some("case");
                    expr = last;
                    continue;
                }
                _ => &["case"],
            },
            Expr::Identifier(ident) => break vec![ident.value.as_str()],
            Expr::CompoundIdentifier(idents) => {
                break idents
                    .last()
                    .map(|i| i.value.as_str())
                    .into_iter()
                    .collect();
            }
            Expr::Function(function) => {
                let last = function.name.0.last().and_then(|part| part.as_ident());
                let Some(ident) = last else { return Names::Any };
                break vec![ident.value.as_str()];
            }
            Expr::Value(_)
            | Expr::BinaryOp { .. }
            | Expr::UnaryOp { .. }
            | Expr::IsNull(_)
            | Expr::IsNotNull(_)
            | Expr::Like { .. }
            | Expr::ILike { .. }
            | Expr::InList { .. }
            | Expr::IsDistinctFrom(..)
            | Expr::IsNotDistinctFrom(..)
            | Expr::Between { .. } => &["?column?"],
            Expr::Substring { .. } => &["substring"],
            Expr::Trim { .. } => &["btrim", "ltrim", "rtrim"],
            Expr::Position { .. } => &["position"],
            Expr::Overlay { .. } => &["overlay"],
            Expr::Extract { .. } => &["extract", "date_part"],
            Expr::Ceil { .. } => &["ceil"],
            Expr::Floor { .. } => &["floor"],
            Expr::AtTimeZone { .. } => &["timezone"],
            Expr::Exists { .. } => &["exists"],
            Expr::Array(_) => &["array"],
            Expr::Tuple(_) => &["row"],
            _ => return Names::Any,
        };
        break names.to_vec();
    };
    names.extend(also);
    Names::These(names)
}

/// Whether the server may call a type so, which it does by other names than it is written with.
fn may_be_type(data_type: &DataType, name: &str) -> bool {
    let inner = [
        "bool",
        "bpchar",
        "float4",
        "float8",
        "int2",
        "int4",
        "int8",
        "numeric",
        "timestamptz",
        "timetz",
        "varbit",
        "varchar",
    ];
    inner.contains(&name) || data_type.to_string().to_lowercase().contains(name)
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
