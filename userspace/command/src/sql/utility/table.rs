//! `CREATE TABLE`: columns, constraints, and where the table stands to others.

use sqlparser::tokenizer::Token;

use super::super::cursor::Cursor;
use super::super::facts::Facts;
use super::super::unread::Unread;
use super::create::from_query;
use super::definition::{foreign_options, if_not_exists, parameters};
use super::index::{elements, sequence_options};
use crate::model::{Access, Effect, Statement, Verb};

/// Reads what follows `CREATE TABLE`.
pub(super) fn create(cursor: &mut Cursor, mut facts: Facts) -> Result<Statement, Unread> {
    if_not_exists(cursor);
    let table = cursor.object(Access::Define)?;
    facts.rows.insert(table.name.clone());
    if cursor.words(&["partition", "of"]) {
        facts.object(cursor.object(Access::Define)?);
        columns(cursor, &mut facts)?;
        bound(cursor, &mut facts)?;
    } else {
        if cursor.word("of") {
            cursor.parts()?;
        }
        columns(cursor, &mut facts)?;
    }
    options(cursor, &mut facts)?;
    if cursor.peek() == Some("as") {
        return from_query(cursor, table);
    }
    facts.object(table);
    cursor.end()?;
    facts.done(Verb::Create)
}

/// What follows the columns.
fn options(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    loop {
        if cursor.word("inherits") {
            cursor.enclosed_list(|cursor| {
                facts.object(cursor.object(Access::Define)?);
                Ok(())
            })?;
        } else if cursor.words(&["partition", "by"]) {
            cursor.name()?;
            elements(cursor, facts)?;
        } else if cursor.word("using") || cursor.word("tablespace") {
            cursor.name()?;
        } else if cursor.word("server") {
            facts.has([Effect::Network]);
            facts.object(cursor.plain_object(Access::Read)?);
        } else if cursor.peek() == Some("options") {
            foreign_options(cursor)?;
        } else if cursor.word("with") {
            parameters(cursor)?;
        } else if cursor.words(&["without", "oids"]) {
        } else if cursor.words(&["on", "commit"]) {
            let known = cursor.word("drop")
                || cursor.words(&["delete", "rows"])
                || cursor.words(&["preserve", "rows"]);
            if !known {
                return cursor.fail("an unexpected word");
            }
        } else {
            return Ok(());
        }
    }
}

/// `DEFAULT` or `FOR VALUES …` of a partition.
pub(super) fn bound(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    if cursor.word("default") {
        return Ok(());
    }
    cursor.expect(&["for", "values"])?;
    if cursor.word("with") {
        cursor.enclosed()?;
        return Ok(());
    }
    while cursor.one_of(&["in", "from", "to"]).is_some() {
        cursor.enclosed_list(|cursor| cursor.expression(facts).map(drop))?;
    }
    Ok(())
}

/// The columns and constraints in parentheses, where there are any.
fn columns(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    if cursor.is_nth(0, &Token::LParen) && cursor.is_nth(1, &Token::RParen) {
        cursor.enclosed()?;
        return Ok(());
    }
    cursor.enclosed_list(|cursor| element(cursor, facts))?;
    Ok(())
}

/// One column or one constraint of a table.
pub(super) fn element(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    if cursor.word("like") {
        facts.object(cursor.object(Access::Read)?);
        while cursor.one_of(&["including", "excluding"]).is_some() {
            cursor.any_word()?;
        }
        return Ok(());
    }
    let excludes = cursor.peek() == Some("exclude")
        && (cursor.is_nth(1, &Token::LParen) || cursor.peek_nth(1) == Some("using"));
    if excludes
        || matches!(
            cursor.peek(),
            Some("constraint" | "check" | "unique" | "primary" | "foreign")
        )
    {
        return table_constraint(cursor, facts);
    }
    column(cursor, facts)
}

/// A column's name, type and constraints. In `CREATE TABLE … AS` and of a typed table it has no
/// type.
pub(super) fn column(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    facts.columns.named.insert(cursor.name()?);
    if cursor.words(&["with", "options"]) || matches!(cursor.token(), Token::Comma | Token::RParen)
    {
    } else if !matches!(
        cursor.peek(),
        Some(
            "not"
                | "null"
                | "default"
                | "check"
                | "primary"
                | "unique"
                | "references"
                | "generated"
                | "constraint"
        )
    ) {
        cursor.data_type()?;
    }
    column_constraints(cursor, facts)
}

/// A column's or a domain's constraints, as many as there are.
pub(super) fn column_constraints(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    loop {
        if cursor.word("constraint") {
            cursor.name()?;
        } else if cursor.word("default") {
            cursor.expression(facts)?;
        } else if cursor.word("generated") {
            generated(cursor, facts)?;
        } else if cursor.word("collate") {
            cursor.parts()?;
        } else if cursor.one_of(&["storage", "compression"]).is_some() {
            cursor.any_word()?;
        } else if cursor.peek() == Some("options") {
            foreign_options(cursor)?;
        } else if !constraint(cursor, facts)? {
            return Ok(());
        }
    }
}

pub(super) fn generated(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    if !cursor.word("always") {
        cursor.expect(&["by", "default"])?;
    }
    cursor.expect(&["as"])?;
    if cursor.word("identity") {
        if cursor.symbol(&Token::LParen) {
            sequence_options(cursor, facts)?;
            cursor.expect_symbol(&Token::RParen)?;
        }
        return Ok(());
    }
    // a column computed from others carries their values
    facts.has([Effect::Derives]);
    cursor.enclosed_expression(facts)?;
    cursor.one_of(&["stored", "virtual"]);
    Ok(())
}

/// A constraint of a table, perhaps named.
pub(super) fn table_constraint(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    if cursor.word("constraint") {
        cursor.name()?;
    }
    if cursor.words(&["foreign", "key"]) {
        names(cursor, facts)?;
    } else if cursor.word("exclude") {
        if cursor.word("using") {
            cursor.name()?;
        }
        elements(cursor, facts)?;
    }
    while constraint(cursor, facts)? {}
    Ok(())
}

/// `ALTER CONSTRAINT name …`, behind the words.
pub(super) fn table_constraint_change(
    cursor: &mut Cursor,
    facts: &mut Facts,
) -> Result<(), Unread> {
    cursor.name()?;
    while constraint(cursor, facts)? {}
    Ok(())
}

/// One constraint or one of its clauses; false where none is ahead.
fn constraint(cursor: &mut Cursor, facts: &mut Facts) -> Result<bool, Unread> {
    if cursor.word("check") {
        cursor.enclosed_expression(facts)?;
    } else if cursor.word("unique") || cursor.words(&["primary", "key"]) {
        if cursor.words(&["using", "index"]) {
            // the index that the constraint takes over, or where its own is put
            cursor.word("tablespace");
            cursor.name()?;
        } else {
            nulls_distinct(cursor);
            names(cursor, facts)?;
        }
    } else if cursor.word("references") {
        facts.object(cursor.object(Access::Read)?);
        names(cursor, facts)?;
    } else if cursor.word("include") {
        names(cursor, facts)?;
    } else if cursor.word("match") {
        cursor.any_word()?;
    } else if cursor.words(&["on", "delete"]) || cursor.words(&["on", "update"]) {
        action(cursor, facts)?;
    } else if cursor.words(&["using", "index", "tablespace"]) {
        cursor.name()?;
    } else if cursor.word("with") {
        parameters(cursor)?;
    } else if cursor.word("where") {
        cursor.enclosed_expression(facts)?;
    } else {
        return Ok(cursor.words(&["not", "null"])
            || cursor.words(&["no", "inherit"])
            || cursor.words(&["not", "valid"])
            || cursor.words(&["not", "deferrable"])
            || cursor.words(&["not", "enforced"])
            || cursor.words(&["initially", "deferred"])
            || cursor.words(&["initially", "immediate"])
            || cursor.one_of(&["null", "deferrable", "enforced"]).is_some());
    }
    Ok(true)
}

fn nulls_distinct(cursor: &mut Cursor) {
    if !cursor.words(&["nulls", "not", "distinct"]) {
        cursor.words(&["nulls", "distinct"]);
    }
}

/// What a foreign key does when its row goes.
fn action(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    let known = cursor.words(&["no", "action"])
        || cursor.one_of(&["restrict", "cascade"]).is_some()
        || cursor.words(&["set", "null"])
        || cursor.words(&["set", "default"]);
    if !known {
        return cursor.fail("an unexpected word");
    }
    names(cursor, facts)
}

/// Columns in parentheses, where there are any.
fn names(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    cursor.enclosed_list(|cursor| {
        facts.columns.named.insert(cursor.name()?);
        Ok(())
    })?;
    Ok(())
}
