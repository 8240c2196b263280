//! `ALTER TABLE` and its relatives for views and indexes: a list of actions on one relation.

use sqlparser::tokenizer::Token;

use super::super::cursor::Cursor;
use super::super::facts::Facts;
use super::super::unread::Unread;
use super::alter::common;
use super::definition::{foreign_options, if_exists, if_not_exists, parameters};
use super::table;
use crate::model::{Access, Effect, Object, Statement, Verb};

/// Reads what follows the kind of relation.
pub(super) fn alter(cursor: &mut Cursor, mut facts: Facts) -> Result<Statement, Unread> {
    if cursor.words(&["all", "in", "tablespace"]) {
        return Err(Unread::Unsupported(
            "a change of all that is in a tablespace",
        ));
    }
    if_exists(cursor);
    let relation = cursor.relation(Access::Define)?;
    facts.rows.insert(relation.name.clone());
    facts.object(relation.clone());
    if !alone(cursor, &mut facts, &relation)? {
        cursor.list(|cursor| action(cursor, &mut facts))?;
    }
    cursor.end()?;
    facts.done(Verb::Alter)
}

/// What can't stand in a list of actions.
fn alone(cursor: &mut Cursor, facts: &mut Facts, relation: &Object) -> Result<bool, Unread> {
    if cursor.words(&["owner", "to"]) {
        // an action like others, too
        cursor.any_word()?;
        facts.has([Effect::Privilege]);
        while cursor.symbol(&Token::Comma) {
            action(cursor, facts)?;
        }
        return Ok(true);
    }
    if common(cursor, facts, Some(relation))? {
        return Ok(true);
    }
    if cursor.word("rename") {
        let constraint = cursor.word("constraint");
        cursor.word("column");
        let names = [rename_part(cursor, "to")?, cursor.name()?];
        if !constraint {
            facts.columns.named.extend(names);
        }
        return Ok(true);
    }
    if cursor.words(&["attach", "partition"]) {
        facts.object(cursor.object(Access::Define)?);
        if !cursor.at_end() {
            table::bound(cursor, facts)?;
        }
        return Ok(true);
    }
    if cursor.words(&["detach", "partition"]) {
        facts.object(cursor.object(Access::Define)?);
        cursor.one_of(&["concurrently", "finalize"]);
        return Ok(true);
    }
    Ok(false)
}

fn rename_part(cursor: &mut Cursor, next: &str) -> Result<String, Unread> {
    let name = cursor.name()?;
    cursor.expect(&[next])?;
    Ok(name)
}

/// One action.
fn action(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    match cursor.peek() {
        Some("add") => {
            cursor.advance();
            add(cursor, facts)
        }
        Some("drop") => {
            cursor.advance();
            drop(cursor, facts)
        }
        Some("alter") => {
            cursor.advance();
            if cursor.word("constraint") {
                return table::table_constraint_change(cursor, facts);
            }
            column(cursor, facts)
        }
        Some("set" | "reset") => set(cursor, facts),
        Some("enable" | "disable") => {
            cursor.advance();
            switch(cursor, facts)
        }
        Some("force" | "no") => force(cursor, facts),
        Some("owner") => {
            cursor.expect(&["owner", "to"])?;
            facts.has([Effect::Privilege]);
            cursor.any_word().map(std::mem::drop)
        }
        Some("inherit") => {
            cursor.advance();
            facts.object(cursor.object(Access::Define)?);
            Ok(())
        }
        Some("validate") => {
            cursor.expect(&["validate", "constraint"])?;
            cursor.name().map(std::mem::drop)
        }
        Some("cluster") => {
            cursor.expect(&["cluster", "on"])?;
            cursor.name().map(std::mem::drop)
        }
        Some("replica") => replica(cursor),
        Some("options") => foreign_options(cursor),
        Some("of") => {
            cursor.advance();
            cursor.parts().map(std::mem::drop)
        }
        Some("not") => cursor.expect(&["not", "of"]),
        _ => Err(Unread::Unsupported(
            "a change of a table that weir does not follow",
        )),
    }
}

fn add(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    let column = cursor.word("column");
    if_not_exists(cursor);
    if column {
        table::column(cursor, facts)
    } else {
        table::element(cursor, facts)
    }
}

fn drop(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    if cursor.word("constraint") {
        if_exists(cursor);
        cursor.name()?;
    } else {
        cursor.word("column");
        if_exists(cursor);
        facts.columns.named.insert(cursor.name()?);
        facts.has([Effect::Destroy]);
    }
    cursor.one_of(&["cascade", "restrict"]);
    Ok(())
}

/// `ALTER [COLUMN] name …`.
fn column(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    cursor.word("column");
    if cursor.number().is_none() {
        facts.columns.named.insert(cursor.name()?);
    }
    if cursor.words(&["set", "default"]) {
        return cursor.expression(facts).map(std::mem::drop);
    }
    if cursor.word("type") || cursor.words(&["set", "data", "type"]) {
        cursor.data_type()?;
        if cursor.word("collate") {
            cursor.parts()?;
        }
        if cursor.word("using") {
            // the new values may be those of another column
            facts.has([Effect::Derives]);
            cursor.expression(facts)?;
        }
        return Ok(());
    }
    if cursor.words(&["drop", "identity"]) || cursor.words(&["drop", "expression"]) {
        if_exists(cursor);
        return Ok(());
    }
    if cursor.words(&["set", "expression", "as"]) {
        facts.has([Effect::Derives]);
        return cursor.enclosed_expression(facts);
    }
    if cursor.peek() == Some("options") {
        return foreign_options(cursor);
    }
    if cursor.words(&["set", "statistics"]) {
        return match cursor.number() {
            Some(_) => Ok(()),
            None => cursor.expect(&["default"]),
        };
    }
    if cursor.words(&["set", "storage"]) || cursor.words(&["set", "compression"]) {
        return cursor.any_word().map(std::mem::drop);
    }
    if cursor.words(&["add", "generated"]) {
        return table::generated(cursor, facts);
    }
    if identity(cursor)? {
        return Ok(());
    }
    let known = cursor.words(&["drop", "default"])
        || cursor.words(&["set", "not", "null"])
        || cursor.words(&["drop", "not", "null"])
        || cursor.one_of(&["set", "reset"]).is_some() && parameters(cursor)?;
    if known {
        Ok(())
    } else {
        Err(Unread::Unsupported(
            "a change of a column that weir does not follow",
        ))
    }
}

/// What a column that numbers its rows is changed by, option for option: false where there is none.
fn identity(cursor: &mut Cursor) -> Result<bool, Unread> {
    const OF_SEQUENCE: [&str; 8] = [
        "cache",
        "cycle",
        "increment",
        "maxvalue",
        "minvalue",
        "no",
        "restart",
        "start",
    ];
    let mut met = false;
    loop {
        if cursor.words(&["set", "generated"]) {
            if !cursor.word("always") {
                cursor.expect(&["by", "default"])?;
            }
        } else if cursor.peek() == Some("restart")
            || cursor.peek() == Some("set")
                && cursor.peek_nth(1).is_some_and(|w| OF_SEQUENCE.contains(&w))
        {
            cursor.word("set");
            cursor.word("no");
            if cursor.one_of(&OF_SEQUENCE).is_none() {
                return cursor.fail("no option of a sequence");
            }
            cursor.one_of(&["by", "with"]);
            cursor.number();
        } else {
            return Ok(met);
        }
        met = true;
    }
}

/// `SET …` and `RESET …` of the relation itself.
fn set(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    if cursor.words(&["set", "tablespace"]) || cursor.words(&["set", "access", "method"]) {
        return cursor.any_word().map(std::mem::drop);
    }
    if cursor.words(&["set", "schema"]) {
        facts.object(cursor.plain_object(Access::Define)?);
        return Ok(());
    }
    let known = cursor.words(&["set", "logged"])
        || cursor.words(&["set", "unlogged"])
        || cursor.words(&["set", "without", "cluster"])
        || cursor.words(&["set", "without", "oids"])
        || cursor.one_of(&["set", "reset"]).is_some() && parameters(cursor)?;
    if known {
        Ok(())
    } else {
        cursor.fail("an unexpected word")
    }
}

/// `ENABLE …` and `DISABLE …`: triggers, rules and row security guard a table.
fn switch(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    facts.has([Effect::Privilege]);
    if cursor.words(&["row", "level", "security"]) {
        return Ok(());
    }
    cursor.one_of(&["always", "replica"]);
    if cursor.one_of(&["trigger", "rule"]).is_none() {
        return cursor.fail("an unexpected word");
    }
    cursor.any_word().map(std::mem::drop)
}

/// `[NO] FORCE ROW LEVEL SECURITY`, `NO INHERIT table`.
fn force(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    if cursor.words(&["no", "inherit"]) {
        facts.object(cursor.object(Access::Define)?);
        return Ok(());
    }
    cursor.word("no");
    cursor.expect(&["force", "row", "level", "security"])?;
    facts.has([Effect::Privilege]);
    Ok(())
}

fn replica(cursor: &mut Cursor) -> Result<(), Unread> {
    cursor.expect(&["replica", "identity"])?;
    if cursor.words(&["using", "index"]) {
        return cursor.name().map(std::mem::drop);
    }
    match cursor.one_of(&["default", "full", "nothing"]) {
        Some(_) => Ok(()),
        None => cursor.fail("an unexpected word"),
    }
}
