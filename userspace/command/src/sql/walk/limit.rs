//! How many rows a query returns at most.
//!
//! Only what bounds the whole of it counts: its own `LIMIT` or `FETCH FIRST`, or that of the query
//! which it is in parentheses. The limits of subqueries, of common table expressions and of one side
//! of a `UNION` bound nothing. In doubt there is no bound.

use sqlparser::ast::{Expr, Fetch, LimitClause, Query, SetExpr, Value, ValueWithSpan};
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::expression::bare;
use crate::model::RowLimit;

/// The bound of a query, which all of the tokens make up as they were written.
pub(super) fn of(query: &Query, tokens: &[TokenWithSpan]) -> RowLimit {
    let mut query = query;
    loop {
        match (own(query), &*query.body) {
            // Within its parentheses it may be bounded.
            (None, SetExpr::Query(inner)) => query = inner,
            (None, _) => return RowLimit::Unknown,
            (Some(count), _) => {
                return count.map_or(RowLimit::Unknown, |count| bound(count, tokens));
            }
        }
    }
}

/// The count in a query's own clause; the inner `None` where the clause is no bound.
fn own(query: &Query) -> Option<Option<&Value>> {
    match (&query.limit_clause, &query.fetch) {
        (None, None) => None,
        // `OFFSET` alone, and `LIMIT ALL`
        (Some(LimitClause::LimitOffset { limit: None, .. }), None) => None,
        (
            Some(LimitClause::LimitOffset {
                limit: Some(limit), ..
            }),
            None,
        ) => Some(value(limit)),
        (None | Some(LimitClause::LimitOffset { limit: None, .. }), Some(fetch)) => {
            Some(fetched(fetch))
        }
        // A limit of another dialect, or two.
        _ => Some(None),
    }
}

fn fetched(fetch: &Fetch) -> Option<&Value> {
    /// `FETCH FIRST ROW ONLY`.
    static ONE: std::sync::LazyLock<Value> =
        std::sync::LazyLock::new(|| Value::Number("1".to_owned(), false));
    let Fetch {
        with_ties,
        percent,
        quantity,
    } = fetch;
    if *with_ties || *percent {
        return None;
    }
    quantity.as_ref().map_or_else(|| Some(&*ONE), value)
}

fn value(expr: &Expr) -> Option<&Value> {
    match bare(expr) {
        Expr::Value(ValueWithSpan { value, span: _ }) => Some(value),
        _ => None,
    }
}

/// What a count says. NULL is no limit to the server, and what is no plain number may be rounded.
fn bound(count: &Value, tokens: &[TokenWithSpan]) -> RowLimit {
    match count {
        Value::Number(digits, _) => number(digits).map_or(RowLimit::Unknown, RowLimit::AtMost),
        Value::Placeholder(name) => {
            let same = |token: &&TokenWithSpan| matches!(&token.token, Token::Placeholder(other) if other == name);
            let number = name
                .strip_prefix('$')
                .and_then(|number| number.parse().ok());
            match number {
                Some(number) if tokens.iter().filter(same).count() == 1 => {
                    RowLimit::Parameter(number)
                }
                _ => RowLimit::Unknown,
            }
        }
        _ => RowLimit::Unknown,
    }
}

/// A number that is written in digits alone, as far as the server counts rows.
pub(in crate::sql) fn number(digits: &str) -> Option<u64> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: i64 = plain.then(|| digits.parse().ok()).flatten()?;
    u64::try_from(number).ok()
}
