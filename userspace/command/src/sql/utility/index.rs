//! `CREATE INDEX`, `CREATE SEQUENCE`, `CREATE STATISTICS`, and the options of sequences.

use sqlparser::tokenizer::Token;

use super::super::cursor::Cursor;
use super::super::facts::Facts;
use super::super::unread::Unread;
use super::super::walk::object_of;
use super::definition::{if_not_exists, parameters};
use crate::model::{Access, Object};

/// Reads what follows `CREATE [UNIQUE] INDEX`.
pub(super) fn index(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    cursor.word("concurrently");
    if_not_exists(cursor);
    let name = if cursor.peek() == Some("on") {
        None
    } else {
        Some(cursor.name()?)
    };
    cursor.expect(&["on"])?;
    let table = cursor.relation(Access::Define)?;
    facts.rows.insert(table.name.clone());
    if let Some(name) = name {
        // an index lives where its table does
        facts.object(Object {
            name,
            ..table.clone()
        });
    }
    facts.object(table);
    if cursor.word("using") {
        cursor.name()?;
    }
    elements(cursor, facts)?;
    if cursor.word("include") {
        elements(cursor, facts)?;
    }
    if cursor.word("nulls") {
        cursor.word("not");
        cursor.expect(&["distinct"])?;
    }
    if cursor.word("with") && !parameters(cursor)? {
        return cursor.fail("no parameters where they are due");
    }
    if cursor.word("tablespace") {
        cursor.name()?;
    }
    if cursor.word("where") {
        cursor.expression(facts)?;
    }
    Ok(())
}

/// The columns and expressions of an index, of a partition key or of an exclusion constraint.
pub(super) fn elements(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    let enclosed = cursor.enclosed_list(|cursor| {
        cursor.expression(facts)?;
        // an operator class with its parameters
        if matches!(cursor.token(), Token::Word(_))
            && !matches!(cursor.peek(), Some("asc" | "desc" | "nulls" | "with"))
        {
            cursor.parts()?;
            parameters(cursor)?;
        }
        cursor.one_of(&["asc", "desc"]);
        if cursor.word("nulls") && cursor.one_of(&["first", "last"]).is_none() {
            return cursor.fail("an unexpected word");
        }
        if cursor.word("with") {
            if cursor.word("operator") {
                cursor.enclosed()?;
            } else {
                super::definition::operator(cursor)?;
            }
        }
        Ok(())
    })?;
    if enclosed {
        Ok(())
    } else {
        cursor.fail("no columns where they are due")
    }
}

/// Reads what follows `CREATE SEQUENCE`.
pub(super) fn sequence(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    if_not_exists(cursor);
    facts.object(cursor.object(Access::Define)?);
    sequence_options(cursor, facts)
}

/// A sequence's options, to the end or to a closing parenthesis.
pub(super) fn sequence_options(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    while !matches!(cursor.token(), Token::EOF | Token::RParen) {
        if cursor.words(&["owned", "by"]) {
            let mut parts = cursor.parts()?;
            let column = parts.pop();
            if parts.is_empty() && column.as_deref() == Some("none") {
                continue;
            }
            facts.columns.named.extend(column);
            facts.object(object_of(parts, Access::Define)?);
        } else if cursor.words(&["sequence", "name"]) {
            facts.object(cursor.object(Access::Define)?);
        } else if cursor.word("as") {
            cursor.data_type()?;
        } else {
            let known = cursor.one_of(&[
                "increment",
                "by",
                "minvalue",
                "maxvalue",
                "no",
                "start",
                "restart",
                "with",
                "cache",
                "cycle",
                "set",
                "logged",
                "unlogged",
            ]);
            if known.is_none() && cursor.number().is_none() {
                return cursor.fail("no option of a sequence");
            }
        }
    }
    Ok(())
}

/// Reads what follows `CREATE STATISTICS`.
pub(super) fn statistics(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    if_not_exists(cursor);
    if cursor.peek() != Some("on") && !cursor.is_nth(0, &Token::LParen) {
        facts.object(cursor.object(Access::Define)?);
    }
    cursor.enclosed_list(|cursor| cursor.name().map(drop))?;
    cursor.expect(&["on"])?;
    cursor.list(|cursor| cursor.expression(facts).map(drop))?;
    cursor.expect(&["from"])?;
    facts.object(cursor.object(Access::Define)?);
    Ok(())
}
