//! Whether a `WHERE` limits anything.
//!
//! Its job: to find the conditions that hold for every row whatever is in it: constants, a column
//! compared with itself, and disjunctions with such a branch, through `NOT` and parentheses.
//!
//! Known limits: it is no prover. `id IS NULL OR id IS NOT NULL`, `id >= 0` or a function that
//! always says yes pass for limits.

use sqlparser::ast::{BinaryOperator, Expr, Ident, UnaryOperator, Value, ValueWithSpan};

use super::Walk;
use super::expression::bare;
use crate::model::Predicate;
use crate::sql::unread::Unread;

/// What a condition may come to whatever the row.
#[derive(Clone, Copy)]
struct Outcome {
    may_hold: bool,
    may_fail: bool,
}

const OPEN: Outcome = Outcome {
    may_hold: false,
    may_fail: false,
};
const HOLDS: Outcome = Outcome {
    may_hold: true,
    may_fail: false,
};
const FAILS: Outcome = Outcome {
    may_hold: false,
    may_fail: true,
};
const CONSTANT: Outcome = Outcome {
    may_hold: true,
    may_fail: true,
};

impl Outcome {
    fn negated(self) -> Self {
        Self {
            may_hold: self.may_fail,
            may_fail: self.may_hold,
        }
    }
}

impl Walk {
    /// Walks the condition of a write and says whether it limits it.
    pub(super) fn predicate(&mut self, condition: Option<&Expr>) -> Result<Predicate, Unread> {
        let Some(condition) = condition else {
            return Ok(Predicate::Absent);
        };
        let outer = std::mem::take(&mut self.facts);
        let mut outcome = Ok(OPEN);
        let walked = self.deciding(|walk| {
            outcome = walk.outcome(condition);
            Ok(())
        });
        let inner = std::mem::replace(&mut self.facts, outer);
        let names_none = inner.columns.named.is_empty();
        self.facts.absorb(inner);
        walked?;
        Ok(if outcome?.may_hold || names_none {
            Predicate::Trivial
        } else {
            Predicate::Present
        })
    }

    /// What a condition may come to; walks it on the way.
    fn outcome(&mut self, condition: &Expr) -> Result<Outcome, Unread> {
        match condition {
            Expr::Nested(inner) | Expr::IsTrue(inner) | Expr::IsNotFalse(inner) => {
                self.outcome(inner)
            }
            Expr::UnaryOp {
                op: UnaryOperator::Not,
                expr: inner,
            }
            | Expr::IsFalse(inner)
            | Expr::IsNotTrue(inner) => Ok(self.outcome(inner)?.negated()),
            Expr::BinaryOp {
                left: _,
                op: op @ (BinaryOperator::And | BinaryOperator::Or),
                right: _,
            } => self.junction(condition, op),
            leaf => self.leaf(leaf),
        }
    }

    /// A chain of `AND` or of `OR`, which leans to the left.
    fn junction(&mut self, chain: &Expr, of: &BinaryOperator) -> Result<Outcome, Unread> {
        let disjunction = *of == BinaryOperator::Or;
        let mut sum = Outcome {
            may_hold: !disjunction,
            may_fail: disjunction,
        };
        let mut rest = chain;
        loop {
            let (branch, next) = match rest {
                Expr::BinaryOp { left, op, right } if op == of => (&**right, Some(&**left)),
                last => (last, None),
            };
            let outcome = self.outcome(branch)?;
            if disjunction {
                sum.may_hold |= outcome.may_hold;
                sum.may_fail &= outcome.may_fail;
            } else {
                sum.may_hold &= outcome.may_hold;
                sum.may_fail |= outcome.may_fail;
            }
            match next {
                Some(next) => rest = next,
                None => return Ok(sum),
            }
        }
    }

    /// A condition that is no junction.
    fn leaf(&mut self, leaf: &Expr) -> Result<Outcome, Unread> {
        let outer = std::mem::take(&mut self.facts);
        let walked = self.expression(leaf);
        let inner = std::mem::replace(&mut self.facts, outer);
        let names_none = inner.columns.named.is_empty();
        self.facts.absorb(inner);
        walked?;
        Ok(match leaf {
            Expr::Value(ValueWithSpan {
                value: Value::Boolean(true),
                span: _,
            }) => HOLDS,
            Expr::Value(ValueWithSpan {
                value: Value::Boolean(false),
                span: _,
            }) => FAILS,
            Expr::Value(ValueWithSpan {
                value: Value::Null,
                span: _,
            }) => OPEN,
            _ if names_none => CONSTANT,
            Expr::BinaryOp { left, op, right } if is_same(left, right) => match op {
                BinaryOperator::Eq | BinaryOperator::GtEq | BinaryOperator::LtEq => HOLDS,
                BinaryOperator::NotEq | BinaryOperator::Gt | BinaryOperator::Lt => FAILS,
                _ => OPEN,
            },
            Expr::IsNotDistinctFrom(left, right) if is_same(left, right) => HOLDS,
            Expr::IsDistinctFrom(left, right) if is_same(left, right) => FAILS,
            _ => OPEN,
        })
    }
}

/// True where both sides name one column.
fn is_same(left: &Expr, right: &Expr) -> bool {
    let (Some(left), Some(right)) = (column(left), column(right)) else {
        return false;
    };
    let mut parts = left.iter().rev().zip(right.iter().rev());
    parts.all(|(l, r)| l.value == r.value)
}

fn column(expr: &Expr) -> Option<&[Ident]> {
    match bare(expr) {
        Expr::Identifier(ident) => Some(std::slice::from_ref(ident)),
        Expr::CompoundIdentifier(idents) => Some(idents),
        _ => None,
    }
}
