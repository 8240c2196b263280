//! Code: `DO`, `CALL`, and the definitions of routines, triggers and whatever else makes the
//! server run code later.
//!
//! The code is not read. A statement that brings code along has the effect
//! [`DynamicCode`](Effect::DynamicCode), which stands for all that the code may do; so what
//! follows the names in its definition need not be read either.

use sqlparser::ast::Expr;
use sqlparser::tokenizer::Token;

use super::super::cursor::Cursor;
use super::super::facts::Facts;
use super::super::unread::Unread;
use super::definition::{if_not_exists, operator};
use crate::model::{Access, Effect, Statement, Verb};

/// Reads what follows `DO` or `CALL`.
pub(super) fn run(first: &str, cursor: &mut Cursor) -> Result<Statement, Unread> {
    let mut facts = Facts::default();
    facts.has([Effect::DynamicCode]);
    if first == "do" {
        let mut code = false;
        while !cursor.at_end() {
            if cursor.word("language") {
                if cursor.string().is_none() {
                    cursor.any_word()?;
                }
            } else if cursor.string().is_some() {
                code = true;
            } else {
                return cursor.fail("an unexpected token");
            }
        }
        return if code {
            facts.done(Verb::Do)
        } else {
            cursor.fail("no code where it is due")
        };
    }
    let expr = cursor.expression(&mut facts)?;
    cursor.end()?;
    match expr {
        Expr::Function(_) => facts.done(Verb::Call),
        _ => cursor.fail("no procedure where one is due"),
    }
}

/// Reads a definition that brings code, behind the words of its kind; `None` for other kinds.
pub(super) fn define(cursor: &mut Cursor) -> Option<Result<Statement, Unread>> {
    let mut facts = Facts::default();
    facts.has([Effect::Ddl, Effect::DynamicCode]);
    let named = if cursor
        .one_of(&["function", "procedure", "aggregate"])
        .is_some()
        || cursor.words(&["operator", "class"])
        || cursor.words(&["operator", "family"])
        || cursor.word("conversion")
        || cursor.words(&["default", "conversion"])
        || cursor.words(&["text", "search", "parser"])
        || cursor.words(&["text", "search", "template"])
    {
        named(cursor, &mut facts)
    } else if cursor.words(&["access", "method"])
        || cursor.words(&["event", "trigger"])
        || cursor.word("extension")
        || cursor.words(&["trusted", "procedural", "language"])
        || cursor.words(&["trusted", "language"])
        || cursor.words(&["procedural", "language"])
        || cursor.word("language")
    {
        if_not_exists(cursor);
        plain(cursor, &mut facts)
    } else if cursor.words(&["constraint", "trigger"]) || cursor.word("trigger") {
        facts.has([Effect::Privilege]);
        trigger(cursor, &mut facts)
    } else if cursor.word("rule") {
        facts.has([Effect::Privilege]);
        rule(cursor, &mut facts)
    } else if cursor.word("cast") || cursor.words(&["transform", "for"]) {
        Ok(())
    } else if cursor.word("operator") {
        operator(cursor)
    } else {
        return None;
    };
    Some(named.and_then(|()| {
        cursor.rest();
        facts.done(Verb::Create)
    }))
}

fn named(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    facts.object(cursor.object(Access::Define)?);
    Ok(())
}

fn plain(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    // an extension or a language may be named by a string
    if cursor.string().is_none() {
        facts.object(cursor.plain_object(Access::Define)?);
    }
    Ok(())
}

/// `name AS ON event TO table`; what is done instead is not read.
fn rule(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    cursor.name()?;
    cursor.expect(&["as", "on"])?;
    cursor.any_word()?;
    cursor.expect(&["to"])?;
    facts.object(cursor.object(Access::Define)?);
    Ok(())
}

/// `name … ON table`, as far as the tables.
fn trigger(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    cursor.name()?;
    while !cursor.word("on") {
        // BEFORE INSERT OR UPDATE OF column, …
        if !cursor.symbol(&Token::Comma) {
            cursor.any_word()?;
        }
    }
    facts.object(cursor.object(Access::Define)?);
    if cursor.word("from") {
        facts.object(cursor.object(Access::Define)?);
    }
    Ok(())
}
