//! What an `ORDER BY` or a `DISTINCT ON` means by the number or the name of a result.
//!
//! Its job: to find the expressions that decide then, in every branch of a set operation. Where a star
//! stands before the result, or its name can't be told, whatever may be meant decides.
//!
//! Known limit: the name that the server gives to a result without one (`lower(a)` is `lower`) is told for calls, and
//! for what the grammar knows by name; any other may have any name.

use std::collections::BTreeSet;

use sqlparser::ast::{
    DataType, Expr, Ident, ObjectName, Select, SelectItem, SetExpr, Value, ValueWithSpan,
};

use super::Walk;
use super::expression::bare;
use crate::sql::unread::Unread;

/// Past so many everything decides: each is looked for among all results.
const MOST: usize = 64;

/// A list of results.
#[derive(Clone, Copy)]
enum List<'e> {
    Items(&'e [SelectItem]),
    Row(&'e [Expr]),
}

/// Which results decide.
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
    /// Notes what decides, beside what the expressions say themselves, the order of what `body` results in.
    pub(super) fn orders<'e>(
        &mut self,
        body: &'e SetExpr,
        order: impl ExactSizeIterator<Item = &'e Expr>,
    ) -> Result<(), Unread> {
        self.ordered(&lists(body), order)
    }

    /// The same of a `SELECT` alone.
    pub(super) fn distinct_on(&mut self, select: &Select, on: &[Expr]) -> Result<(), Unread> {
        self.ordered(&[List::Items(&select.projection)], on.iter())
    }

    fn ordered<'e>(
        &mut self,
        lists: &[List<'e>],
        order: impl ExactSizeIterator<Item = &'e Expr>,
    ) -> Result<(), Unread> {
        let many = order.len() > MOST;
        // Each is walked once, however often it is meant.
        let mut places = BTreeSet::new();
        for expr in order {
            let meant = if many { Meant::Any } else { meant(expr, lists) };
            for (list, results) in lists.iter().enumerate() {
                match &meant {
                    Meant::None => {}
                    Meant::Place(place) => {
                        places.insert((list, results.place(*place)));
                    }
                    Meant::Among(among) => {
                        places.extend(among.iter().map(|place| (list, Some(*place))));
                    }
                    Meant::Any => {
                        places.extend((0..results.len()).map(|place| (list, Some(place))));
                    }
                }
            }
            if many {
                break;
            }
        }
        for (list, place) in places {
            let Some(list) = lists.get(list) else {
                continue;
            };
            match place.map(|place| (place < list.len(), list.get(place))) {
                // The server refuses it.
                Some((false, _)) => {}
                Some((true, Some(shown))) => {
                    let credit = self.ledger.credited();
                    self.deciding(|walk| walk.expression(shown))?;
                    self.ledger.take_back(credit);
                }
                // A star, or one stands before it.
                Some((true, None)) | None => self.facts.columns.all_deciding = true,
            }
        }
        Ok(())
    }
}

impl<'e> List<'e> {
    fn len(self) -> usize {
        match self {
            Self::Items(items) => items.len(),
            Self::Row(row) => row.len(),
        }
    }

    /// What stands there, if it is an expression.
    fn get(self, place: usize) -> Option<&'e Expr> {
        match self {
            Self::Items(items) => match items.get(place)? {
                SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                    Some(expr)
                }
                _ => None,
            },
            Self::Row(row) => row.get(place),
        }
    }

    /// Which one a number from 1 means. Nothing where a star may hold it.
    fn place(self, number: usize) -> Option<usize> {
        let before = match self {
            Self::Items(items) => items.get(..number.min(items.len())).unwrap_or_default(),
            Self::Row(_) => &[],
        };
        (!before.iter().any(is_star)).then(|| number.saturating_sub(1))
    }
}

/// The lists of results that a query's rows come from, the one that names them first.
fn lists(body: &SetExpr) -> Vec<List<'_>> {
    let (mut lists, mut todo) = (Vec::new(), vec![body]);
    while let Some(body) = todo.pop() {
        match body {
            SetExpr::Select(select) => lists.push(List::Items(&select.projection)),
            SetExpr::Query(query) => todo.push(&query.body),
            SetExpr::SetOperation { left, right, .. } => todo.extend([&**right, left]),
            SetExpr::Values(values) => {
                lists.extend(values.rows.iter().map(|row| List::Row(&row.content)));
            }
            _ => {}
        }
    }
    lists
}

fn meant(expr: &Expr, lists: &[List<'_>]) -> Meant {
    let ident = match bare(expr) {
        Expr::Value(ValueWithSpan {
            value: Value::Number(number, _),
            span: _,
        }) => return integer(number).map_or(Meant::None, Meant::Place),
        Expr::Identifier(ident) => ident,
        _ => return Meant::None,
    };
    let [List::Items(items), others @ ..] = lists else {
        return Meant::Any;
    };
    let among: Vec<usize> = (0..)
        .zip(*items)
        .filter(|(_, item)| is_called(item, ident))
        .map(|(place, _)| place)
        .collect();
    match among[..] {
        [] if others.is_empty() => Meant::None,
        _ if others.is_empty() => Meant::Among(among),
        [one] => Meant::Place(one + 1),
        _ => Meant::Any,
    }
}

/// Whether a result has this name, or may have.
fn is_called(item: &SelectItem, ident: &Ident) -> bool {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => alias.value == ident.value,
        SelectItem::UnnamedExpr(expr) => may_be_called(expr, &ident.value),
        _ => false,
    }
}

fn may_be_called(mut expr: &Expr, name: &str) -> bool {
    loop {
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
                _ => return may_be_type(data_type, name),
            },
            Expr::Case { else_result, .. } => match else_result {
                Some(last) if name != "case" => {
                    expr = last;
                    continue;
                }
                _ => &["case"],
            },
            Expr::Identifier(ident) => return ident.value == name,
            Expr::CompoundIdentifier(idents) => {
                return idents.last().is_some_and(|i| i.value == name);
            }
            Expr::Function(function) => return is_last(&function.name, name),
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
            _ => return true,
        };
        return names.contains(&name);
    }
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

fn is_last(name: &ObjectName, last: &str) -> bool {
    let ident = name.0.last().and_then(|part| part.as_ident());
    ident.is_none_or(|ident| ident.value == last)
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
