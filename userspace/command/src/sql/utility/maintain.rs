//! Upkeep and messages: `VACUUM`, `ANALYZE`, `CLUSTER`, `REINDEX`, `REFRESH`, `CHECKPOINT`,
//! `TRUNCATE`, `LOCK`, `COMMENT`, `LISTEN`, `NOTIFY`, `UNLISTEN`.

use sqlparser::tokenizer::Token;

use super::super::cursor::Cursor;
use super::super::facts::Facts;
use super::super::unread::Unread;
use super::definition;
use crate::model::{Access, Effect, Object, Statement, Verb};

/// Reads what follows the first word.
pub(super) fn maintain(first: &str, cursor: &mut Cursor) -> Result<Statement, Unread> {
    let mut facts = Facts::default();
    let verb = match first {
        "comment" => {
            comment(cursor, &mut facts)?;
            Verb::Comment
        }
        "listen" | "notify" | "unlisten" => {
            message(first, cursor)?;
            Verb::Notify
        }
        "lock" => {
            lock(cursor, &mut facts)?;
            Verb::Lock
        }
        "truncate" => {
            truncate(cursor, &mut facts)?;
            Verb::Truncate
        }
        "cluster" => {
            cluster(cursor, &mut facts)?;
            Verb::Maintain
        }
        "reindex" => {
            reindex(cursor, &mut facts)?;
            Verb::Maintain
        }
        "refresh" => {
            refresh(cursor, &mut facts)?;
            Verb::Maintain
        }
        "checkpoint" => Verb::Maintain,
        _ => {
            vacuum(first, cursor, &mut facts)?;
            Verb::Maintain
        }
    };
    cursor.end()?;
    facts.done(verb)
}

/// Options in parentheses, which say how and not what.
fn options(cursor: &mut Cursor) -> Result<bool, Unread> {
    let enclosed = *cursor.token() == Token::LParen;
    if enclosed {
        cursor.enclosed()?;
    }
    Ok(enclosed)
}

fn vacuum(first: &str, cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    if !options(cursor)? {
        while cursor
            .one_of(&["full", "freeze", "verbose", "analyze", "analyse"])
            .is_some()
        {}
    }
    if cursor.at_end() {
        return Ok(());
    }
    let access = if first == "vacuum" {
        Access::Define
    } else {
        Access::Read
    };
    cursor.list(|cursor| {
        facts.object(cursor.relation(access)?);
        cursor.enclosed_list(|cursor| {
            let column = cursor.name()?;
            facts.columns.named.insert(column);
            Ok(())
        })?;
        Ok(())
    })
}

fn cluster(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    if !options(cursor)? {
        cursor.word("verbose");
    }
    if cursor.at_end() {
        return Ok(());
    }
    facts.object(cursor.object(Access::Define)?);
    if cursor.one_of(&["using", "on"]).is_some() {
        facts.object(cursor.object(Access::Define)?);
    }
    Ok(())
}

fn reindex(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    options(cursor)?;
    let Some(kind) = cursor.one_of(&["index", "table", "schema", "database", "system"]) else {
        return cursor.fail("an unexpected word");
    };
    cursor.word("concurrently");
    if !cursor.at_end() {
        let object = match kind {
            "index" | "table" => cursor.object(Access::Define)?,
            _ => cursor.plain_object(Access::Define)?,
        };
        facts.object(object);
    }
    Ok(())
}

fn refresh(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    cursor.expect(&["materialized", "view"])?;
    cursor.word("concurrently");
    facts.object(cursor.object(Access::Write)?);
    definition::with_data(cursor)
}

fn truncate(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    // TABLE is reserved, so it is no table's name
    cursor.word("table");
    cursor.list(|cursor| {
        facts.object(cursor.relation(Access::Write)?);
        Ok(())
    })?;
    if cursor.one_of(&["restart", "continue"]).is_some() {
        cursor.expect(&["identity"])?;
    }
    cursor.one_of(&["cascade", "restrict"]);
    facts.has([Effect::Destroy]);
    Ok(())
}

fn lock(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    cursor.word("table");
    let mut relations = Vec::new();
    cursor.list(|cursor| {
        relations.push(cursor.relation(Access::Write)?);
        Ok(())
    })?;
    let mut access = Access::Write;
    if cursor.word("in") {
        if cursor.words(&["access", "share"]) {
            access = Access::Read;
        } else {
            while cursor
                .one_of(&["access", "row", "share", "update", "exclusive"])
                .is_some()
            {}
        }
        cursor.expect(&["mode"])?;
    }
    cursor.word("nowait");
    for relation in relations {
        facts.object(Object { access, ..relation });
    }
    Ok(())
}

fn message(first: &str, cursor: &mut Cursor) -> Result<(), Unread> {
    if first == "unlisten" && cursor.symbol(&Token::Mul) {
        return Ok(());
    }
    cursor.name()?;
    if first == "notify" && cursor.symbol(&Token::Comma) && cursor.string().is_none() {
        return cursor.fail("no string where one is due");
    }
    Ok(())
}

fn comment(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    cursor.expect(&["on"])?;
    definition::commented(cursor, facts)?;
    cursor.expect(&["is"])?;
    if cursor.string().is_none() {
        cursor.expect(&["null"])?;
    }
    Ok(())
}
