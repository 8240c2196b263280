//! From the parser's tree to [`Facts`].
//!
//! Its job: to visit every node of a query's tree by name and note what it means. Each node is
//! taken apart in full, so that a field which the parser gains is a compile error here, and a
//! variant whose meaning on the server isn't known is an error at run time.
//!
//! The parser is lenient and serves many dialects, so two checks guard what it makes of a text:
//! no word that the server reserves may have become a name, and every word that can only be a name
//! must have been visited (see [`ledger`]).
//!
//! Not its job: statements other than queries and changes of rows.
//!
//! Known limits: operators and casts may call functions that nothing names; what an error or the time
//! that a function takes tells of its arguments counts as no decision; a view or a function hides what it reads; a function over a row type, called as if it were a column (`p.f`), is known
//! only where the server ships it.

mod call;
mod called;
mod column;
mod condition;
mod expression;
mod ledger;
mod limit;
mod merge;
pub(super) mod name;
mod query;
mod relation;
mod result;
mod select;
mod write;

use std::collections::BTreeSet;

use sqlparser::ast::Expr;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::TokenWithSpan;

use super::facts::Facts;
use super::made::{Made, Makings};
use super::parser::{parse, parse_expression, parse_query};
use super::respell::respell;
use super::unread::Unread;
use ledger::Ledger;
pub(super) use limit::number;
pub(super) use name::object_of;

/// A visit to one tree.
struct Walk {
    facts: Facts,
    ledger: Ledger,
    /// Names of the common table expressions in sight, innermost last.
    scopes: Vec<BTreeSet<String>>,
    /// What is visited decides something ([`ColumnUse::deciding`](crate::ColumnUse)).
    deciding: bool,
    /// What was visited.
    makings: Makings,
    /// Whole rows are spread out somewhere (`(p).*`), which the tree doesn't show.
    expands: bool,
    /// What the results of the query that is being visited are made of: a list for each of its lists.
    results: Vec<Vec<Made>>,
}

impl Walk {
    fn new(tokens: Vec<TokenWithSpan>, base: usize) -> Self {
        Self {
            facts: Facts::default(),
            ledger: Ledger::new(tokens, base),
            scopes: Vec::new(),
            deciding: false,
            makings: Makings::default(),
            expands: false,
            results: Vec::new(),
        }
    }

    /// Visits what decides something.
    fn deciding(
        &mut self,
        part: impl FnOnce(&mut Self) -> Result<(), Unread>,
    ) -> Result<(), Unread> {
        let outer = std::mem::replace(&mut self.deciding, true);
        let result = part(self);
        self.deciding = outer;
        result
    }

    /// Visits something, and tells what it is made of.
    fn made(&mut self, part: impl FnOnce(&mut Self) -> Result<(), Unread>) -> Result<Made, Unread> {
        let from = self.makings.place();
        part(self)?;
        Ok(Made::Between(from, self.makings.place()))
    }

    /// Notes that whole rows are spread out, where is not known: any result may be of them, and in any place.
    fn expands(&mut self) {
        self.expands = true;
        self.facts.columns.all = true;
        self.makings.unnamed(Made::OfAll);
    }

    fn finish(mut self) -> Result<Facts, Unread> {
        self.ledger.settle()?;
        // Parts that were visited apart have none of their own.
        self.facts.makings.absorb(self.makings);
        Ok(self.facts)
    }
}

/// Reads a query, or a statement that changes rows, which all of the tokens make up.
pub(super) fn query(tokens: &[TokenWithSpan]) -> Result<Facts, Unread> {
    let respelled = respell(tokens);
    let (query, parsed) = parse_query(respelled.tokens)?;
    let row_limit = limit::of(&query, tokens);
    let mut walk = Walk::new(parsed, 0);
    walk.facts.row_limit = row_limit;
    if respelled.expands {
        walk.expands();
    }
    walk.query(&query)?;
    let mut facts = walk.finish()?;
    if respelled.rows_from {
        facts.all_decides();
    }
    for expression in respelled.asides {
        facts.absorb(aside(&expression)?);
    }
    for name in respelled.rows {
        facts.row(name);
    }
    Ok(facts)
}

/// Reads an expression that was taken out of its place in a query, and decides there.
fn aside(tokens: &[TokenWithSpan]) -> Result<Facts, Unread> {
    let respelled = respell(tokens);
    let (expr, tokens) = parse_expression(respelled.tokens)?;
    let mut walk = Walk::new(tokens, 0);
    walk.deciding = true;
    if respelled.expands {
        walk.expands();
        walk.facts.columns.all_deciding = true;
    }
    walk.expression(&expr)?;
    let mut facts = walk.finish()?;
    for expression in respelled.asides {
        facts.absorb(aside(&expression)?);
    }
    Ok(facts)
}

/// Reads the expression that the parser stands before.
pub(super) fn expression(parser: &mut Parser<'static>) -> Result<(Expr, Facts), Unread> {
    let from = parser.index();
    let expr = parse(parser, Parser::parse_expr)?;
    let tokens = (from..parser.index())
        .map(|index| parser.token_at(index).clone())
        .collect();
    let mut walk = Walk::new(tokens, from);
    walk.expression(&expr)?;
    Ok((expr, walk.finish()?))
}
