//! What the server calls a result (`FigureColname` in its parser).
//!
//! Known limit: the name of a result without one (`lower(a)` is `lower`) is told for calls, and for what the
//! grammar knows by name; any other may have any name.

use sqlparser::ast::{DataType, Expr, SelectItem};

use super::expression::bare;
use super::name::last_of;

/// What a result may be called.
pub(super) enum Names<'e> {
    These(Vec<&'e str>),
    OfType(&'e DataType),
    Any,
    /// As the columns of something are.
    Star,
}

impl Names<'_> {
    pub(super) fn may_be(&self, name: &str) -> bool {
        match self {
            Self::These(names) => names.contains(&name),
            Self::OfType(data_type) => may_be_type(data_type, name),
            Self::Any => true,
            Self::Star => false,
        }
    }
}

pub(super) fn names(item: &SelectItem) -> Names<'_> {
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
                Expr::Value(_) | Expr::BinaryOp { .. } | Expr::UnaryOp { .. } if also.is_none() => {
                    return Names::OfType(data_type);
                }
                _ => return Names::Any,
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
                break vec![match last_of(&function.name) {
                    Some(last) => last,
                    None => return Names::Any,
                }];
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
    inner.contains(&name)
        || data_type
            .to_string()
            .to_lowercase()
            .contains(&name.to_lowercase())
}
