//! Expressions.
//!
//! Their trees may be as deep as the bounds on chains allow, so they are walked with a list of
//! what remains, not by recursion. Only a subquery recurses, and its parentheses are bounded.

use sqlparser::ast::{
    Array, BinaryOperator, CaseWhen, Expr, Interval, TypedString, Value, ValueWithSpan,
};

use super::Walk;
use crate::sql::unread::Unread;

/// What remains to be walked.
pub(super) type Todo<'e> = Vec<&'e Expr>;

impl Walk {
    /// An expression, to its leaves.
    pub(super) fn expression(&mut self, expr: &Expr) -> Result<(), Unread> {
        self.all([expr])
    }

    /// Expressions, to their leaves.
    pub(super) fn all<'e>(
        &mut self,
        exprs: impl IntoIterator<Item = &'e Expr>,
    ) -> Result<(), Unread> {
        let mut todo: Todo<'e> = exprs.into_iter().collect();
        while let Some(expr) = todo.pop() {
            if !self.deciding && compares(expr) {
                // What is below decides, too, and is walked by this loop: it comes here once.
                self.deciding(|walk| walk.all([expr]))?;
            } else {
                self.node(expr, &mut todo)?;
            }
        }
        Ok(())
    }

    /// What decides, in a place that may decide or not.
    pub(super) fn decide<'e>(
        &mut self,
        mut decides: Todo<'e>,
        todo: &mut Todo<'e>,
    ) -> Result<(), Unread> {
        if self.deciding {
            todo.append(&mut decides);
            return Ok(());
        }
        self.deciding(|walk| walk.all(decides))
    }

    /// One node; its children are left in `todo`.
    fn node<'e>(&mut self, node: &'e Expr, todo: &mut Todo<'e>) -> Result<(), Unread> {
        match node {
            Expr::Identifier(ident) => self.column(ident)?,
            Expr::CompoundIdentifier(parts) => self.qualified_column(parts)?,
            Expr::CompoundFieldAccess { root, access_chain } => {
                todo.push(root);
                for access in access_chain {
                    self.access(access, todo)?;
                }
            }
            Expr::Value(_) => {}
            Expr::Nested(expr)
            | Expr::IsFalse(expr)
            | Expr::IsNotFalse(expr)
            | Expr::IsTrue(expr)
            | Expr::IsNotTrue(expr)
            | Expr::IsNull(expr)
            | Expr::IsNotNull(expr)
            | Expr::IsUnknown(expr)
            | Expr::IsNotUnknown(expr)
            | Expr::UnaryOp { op: _, expr }
            | Expr::IsNormalized {
                expr,
                form: _,
                negated: _,
            } => todo.push(expr),
            Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => {
                todo.extend([&**left, right]);
            }
            Expr::BinaryOp { left, op, right } => {
                self.ledger.credit(&op.to_string());
                todo.extend([&**left, right]);
            }
            Expr::AnyOp {
                left,
                compare_op,
                right,
                is_some: _,
            }
            | Expr::AllOp {
                left,
                compare_op,
                right,
            } => {
                self.ledger.credit(&compare_op.to_string());
                todo.extend([&**left, right]);
            }
            Expr::InList {
                expr,
                list,
                negated: _,
            } => {
                todo.push(expr);
                todo.extend(list);
            }
            Expr::InSubquery {
                expr,
                subquery,
                negated: _,
            } => {
                todo.push(expr);
                self.query(subquery)?;
            }
            // whether there are rows, not what is in them
            Expr::Exists {
                subquery,
                negated: _,
            } => {
                let outer = std::mem::take(&mut self.deciding);
                let walked = self.query(subquery);
                self.deciding = outer;
                walked?;
            }
            Expr::Subquery(subquery) => {
                self.facts.gathers = true;
                self.query(subquery)?;
            }
            Expr::Between {
                expr,
                negated: _,
                low,
                high,
            } => todo.extend([&**expr, low, high]),
            Expr::Like {
                negated: _,
                any: _,
                expr,
                pattern,
                escape_char,
            }
            | Expr::ILike {
                negated: _,
                any: _,
                expr,
                pattern,
                escape_char,
            }
            | Expr::SimilarTo {
                negated: _,
                expr,
                pattern,
                escape_char,
            } => {
                todo.extend([&**expr, pattern]);
                todo.extend(escape_char.as_deref());
            }
            Expr::Cast {
                kind: _,
                expr,
                data_type,
                format: None,
            } => {
                self.data_type(data_type);
                todo.push(expr);
            }
            Expr::AtTimeZone {
                timestamp,
                time_zone,
            } => {
                self.ledger.credit("time zone");
                todo.extend([&**timestamp, time_zone]);
            }
            Expr::Extract {
                field,
                syntax: _,
                expr,
            } => {
                self.grammatical("extract");
                self.ledger.credit(&field.to_string());
                todo.push(expr);
            }
            Expr::Position { expr, r#in } => {
                self.grammatical("position");
                todo.extend([&**expr, r#in]);
            }
            Expr::Substring {
                expr,
                substring_from,
                substring_for,
                special: _,
                shorthand: _,
            } => {
                self.grammatical("substring");
                todo.push(expr);
                todo.extend(substring_from.as_deref());
                todo.extend(substring_for.as_deref());
            }
            Expr::Trim {
                trim_where,
                trim_what,
                expr,
                trim_characters,
            } => {
                self.grammatical("trim");
                if let Some(side) = trim_where {
                    self.ledger.credit(&side.to_string());
                }
                todo.push(expr);
                todo.extend(trim_what.as_deref());
                todo.extend(trim_characters.iter().flatten());
            }
            Expr::Overlay {
                expr,
                overlay_what,
                overlay_from,
                overlay_for,
            } => {
                self.grammatical("overlay");
                todo.extend([&**expr, overlay_what, overlay_from]);
                todo.extend(overlay_for.as_deref());
            }
            Expr::Collate { expr, collation } => {
                self.collation(collation)?;
                todo.push(expr);
            }
            // with anything but a string behind it, the type would be a column to the server
            Expr::TypedString(TypedString {
                data_type,
                value:
                    ValueWithSpan {
                        value: Value::SingleQuotedString(_),
                        span: _,
                    },
                uses_odbc_syntax: false,
            }) => self.data_type(data_type),
            Expr::Function(function) => self.call(function, todo)?,
            Expr::Case {
                case_token: _,
                end_token: _,
                operand,
                conditions,
                else_result,
            } => {
                let mut decides: Todo<'e> = operand.iter().map(|operand| &**operand).collect();
                for CaseWhen { condition, result } in conditions {
                    decides.push(condition);
                    todo.push(result);
                }
                todo.extend(else_result.as_deref());
                self.decide(decides, todo)?;
            }
            Expr::GroupingSets(sets) => {
                self.ledger.credit("grouping");
                todo.extend(sets.iter().flatten());
            }
            Expr::Cube(sets) | Expr::Rollup(sets) => todo.extend(sets.iter().flatten()),
            Expr::Tuple(exprs)
            | Expr::Array(Array {
                elem: exprs,
                named: _,
            }) => todo.extend(exprs),
            Expr::Interval(interval) => self.interval(interval)?,
            Expr::Named { expr, name } => {
                self.label(name)?;
                todo.push(expr);
            }
            Expr::QualifiedWildcard(name, _) => {
                self.parts(name)?;
                self.all_columns();
            }
            Expr::IsJson {
                expr,
                kind: _,
                unique_keys: _,
                negated: _,
            } => {
                // its options are words that the ledger would miss
                self.ledger.credit("json value object array scalar keys");
                todo.push(expr);
            }
            Expr::JsonAccess { .. }
            | Expr::InUnnest { .. }
            | Expr::RLike { .. }
            | Expr::Convert { .. }
            | Expr::Cast {
                format: Some(_), ..
            }
            | Expr::Ceil { .. }
            | Expr::Floor { .. }
            | Expr::Prefixed { .. }
            | Expr::TypedString(_)
            | Expr::Struct { .. }
            | Expr::Dictionary(_)
            | Expr::Map(_)
            | Expr::MatchAgainst { .. }
            | Expr::Wildcard(_)
            | Expr::OuterJoin(_)
            | Expr::Prior(_)
            | Expr::Lambda(_)
            | Expr::MemberOf(_) => {
                return Err(Unread::Unsupported("an expression of another dialect"));
            }
        }
        Ok(())
    }

    /// `INTERVAL '…'`. With anything but a string behind it, INTERVAL is a column to the server.
    fn interval(&mut self, interval: &Interval) -> Result<(), Unread> {
        let Interval {
            value,
            leading_field,
            leading_precision: _,
            last_field,
            fractional_seconds_precision: _,
        } = interval;
        let Expr::Value(ValueWithSpan {
            value: Value::SingleQuotedString(_),
            span: _,
        }) = &**value
        else {
            return Err(Unread::Unsupported("an interval of another dialect"));
        };
        for field in [leading_field, last_field].into_iter().flatten() {
            self.ledger.credit(&field.to_string());
        }
        Ok(())
    }

    /// Notes a function that the grammar knows by name. In an ordinary call's spelling it may be a
    /// user's own.
    fn grammatical(&mut self, name: &str) {
        self.facts.functions.insert(name.to_owned());
    }
}

/// Whether the value of an expression is a decision on what is below it.
fn compares(expr: &Expr) -> bool {
    match expr {
        Expr::BinaryOp { op, .. } => !matches!(
            op,
            BinaryOperator::Plus
                | BinaryOperator::Minus
                | BinaryOperator::Multiply
                | BinaryOperator::StringConcat
                | BinaryOperator::Arrow
                | BinaryOperator::LongArrow
                | BinaryOperator::HashArrow
                | BinaryOperator::HashLongArrow
        ),
        Expr::IsFalse(_)
        | Expr::IsNotFalse(_)
        | Expr::IsTrue(_)
        | Expr::IsNotTrue(_)
        | Expr::IsUnknown(_)
        | Expr::IsNotUnknown(_)
        | Expr::IsDistinctFrom(..)
        | Expr::IsNotDistinctFrom(..)
        | Expr::AnyOp { .. }
        | Expr::AllOp { .. }
        | Expr::InList { .. }
        | Expr::InSubquery { .. }
        | Expr::Between { .. }
        | Expr::Like { .. }
        | Expr::ILike { .. }
        | Expr::SimilarTo { .. } => true,
        _ => false,
    }
}

/// An expression without its parentheses.
pub(super) fn bare(mut expr: &Expr) -> &Expr {
    while let Expr::Nested(inner) = expr {
        expr = inner;
    }
    expr
}
