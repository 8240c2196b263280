//! `CREATE`, by the kind of what is made.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::super::cursor::Cursor;
use super::super::facts::Facts;
use super::super::tokens::is_word;
use super::super::unread::Unread;
use super::super::walk;
use super::definition::{foreign_options, if_not_exists, parameters};
use super::{begins_query, drop, index, role, routine, schema, table};
use crate::model::{Access, Control, Effect, Object, Predicate, Statement, Verb};

/// Reads what follows `CREATE`.
pub(super) fn create(cursor: &mut Cursor) -> Result<Statement, Unread> {
    cursor.words(&["or", "replace"]);
    if let Some(code) = routine::define(cursor) {
        return code;
    }
    cursor.one_of(&["global", "local"]);
    cursor.one_of(&["temp", "temporary", "unlogged"]);
    let mut facts = Facts::default();
    facts.has([Effect::Ddl]);
    if cursor.words(&["user", "mapping"]) {
        if_not_exists(cursor);
        drop::user_mapping(cursor, &mut facts)?;
        foreign_options(cursor)?;
        facts.has([Effect::Network, Effect::Privilege]);
    } else if cursor.one_of(&["role", "user", "group"]).is_some() {
        return role::create(cursor);
    } else if cursor.word("table") || cursor.words(&["foreign", "table"]) {
        return table::create(cursor, facts);
    } else if cursor.word("view")
        || cursor.words(&["recursive", "view"])
        || cursor.words(&["materialized", "view"])
    {
        return view(cursor);
    } else if cursor.word("index") || cursor.words(&["unique", "index"]) {
        index::index(cursor, &mut facts)?;
    } else if cursor.word("sequence") {
        index::sequence(cursor, &mut facts)?;
    } else if cursor.word("statistics") {
        index::statistics(cursor, &mut facts)?;
    } else if cursor.word("schema") {
        schema::create(cursor, &mut facts)?;
    } else if cursor.word("database") {
        database(cursor, &mut facts)?;
    } else if cursor.word("type") {
        kind(cursor, &mut facts)?;
    } else if cursor.word("domain") {
        facts.object(cursor.object(Access::Define)?);
        cursor.word("as");
        cursor.data_type()?;
        table::column_constraints(cursor, &mut facts)?;
    } else if cursor.word("collation") {
        if_not_exists(cursor);
        facts.object(cursor.object(Access::Define)?);
        if cursor.word("from") {
            cursor.parts()?;
        } else {
            cursor.enclosed()?;
        }
    } else if cursor.words(&["text", "search", "configuration"])
        || cursor.words(&["text", "search", "dictionary"])
    {
        facts.object(cursor.object(Access::Define)?);
        cursor.enclosed()?;
    } else if cursor.word("policy") {
        policy(cursor, &mut facts)?;
    } else if cursor.word("publication") {
        facts.object(cursor.plain_object(Access::Define)?);
        publication(cursor, &mut facts)?;
    } else {
        remote(cursor, &mut facts)?;
    }
    cursor.end()?;
    facts.done(Verb::Create)
}

/// What reaches out of the database.
fn remote(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    let name = |cursor: &mut Cursor, facts: &mut Facts| {
        facts.object(cursor.plain_object(Access::Define)?);
        Ok(())
    };
    if cursor.word("subscription") {
        facts.has([Effect::Network]);
        name(cursor, facts)?;
        cursor.expect(&["connection"])?;
        cursor.string();
        cursor.expect(&["publication"])?;
        cursor.list(|cursor| cursor.any_word().map(drop_name))?;
        if cursor.word("with") {
            parameters(cursor)?;
        }
    } else if cursor.word("server") {
        facts.has([Effect::Network]);
        if_not_exists(cursor);
        name(cursor, facts)?;
        while cursor.one_of(&["type", "version"]).is_some() {
            cursor.string();
        }
        cursor.expect(&["foreign", "data", "wrapper"])?;
        facts.object(cursor.plain_object(Access::Read)?);
        foreign_options(cursor)?;
    } else if cursor.words(&["foreign", "data", "wrapper"]) {
        facts.has([Effect::Network, Effect::DynamicCode]);
        name(cursor, facts)?;
        cursor.rest();
    } else if cursor.word("tablespace") {
        facts.has([Effect::File]);
        name(cursor, facts)?;
        if cursor.word("owner") {
            cursor.any_word()?;
        }
        cursor.expect(&["location"])?;
        cursor.string();
        if cursor.word("with") {
            parameters(cursor)?;
        }
    } else {
        return Err(Unread::Unsupported("a CREATE of an unknown kind of object"));
    }
    Ok(())
}

fn drop_name(_: String) {}

/// A view, materialized or not, behind the words.
fn view(cursor: &mut Cursor) -> Result<Statement, Unread> {
    if_not_exists(cursor);
    let view = cursor.object(Access::Define)?;
    let mut columns = Vec::new();
    cursor.enclosed_list(|cursor| {
        columns.push(cursor.name()?);
        Ok(())
    })?;
    if cursor.word("using") {
        cursor.name()?;
    }
    if cursor.word("with") {
        parameters(cursor)?;
    }
    if cursor.word("tablespace") {
        cursor.name()?;
    }
    from_query(cursor, view)
}

/// `AS query`, which makes an object.
pub(super) fn from_query(cursor: &mut Cursor, object: Object) -> Result<Statement, Unread> {
    cursor.expect(&["as"])?;
    let mut tokens = cursor.rest();
    for ending in [
        &["with", "data"][..],
        &["with", "no", "data"],
        &["with", "check", "option"],
        &["with", "local", "check", "option"],
        &["with", "cascaded", "check", "option"],
    ] {
        let rest = tokens.len().saturating_sub(ending.len());
        if ends(&tokens, ending) {
            tokens.truncate(rest);
            break;
        }
    }
    if !begins_query(&tokens) {
        return Err(Unread::Unsupported(
            "a relation made of anything but a query",
        ));
    }
    let mut facts = walk::query(&tokens)?;
    if facts.asked().0 != Verb::Select {
        return Err(Unread::Unsupported(
            "a relation made of a statement that writes",
        ));
    }
    facts.object(object);
    facts.has([Effect::Ddl]);
    if facts.reads {
        facts.has([Effect::Derives]);
    }
    facts.command(Verb::Create, Predicate::NotApplicable, Control::None)
}

fn ends(tokens: &[TokenWithSpan], words: &[&str]) -> bool {
    tokens.len() > words.len()
        && tokens
            .iter()
            .rev()
            .zip(words.iter().rev())
            .all(|(token, word)| is_word(token, word))
}

fn database(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    facts.object(cursor.plain_object(Access::Define)?);
    cursor.word("with");
    while !cursor.at_end() {
        let option = cursor.any_word()?;
        cursor.words(&["limit"]);
        cursor.symbol(&Token::Eq);
        if cursor.number().is_some() {
            continue;
        }
        let value = match cursor.string() {
            Some(value) => value,
            None => cursor.any_word()?,
        };
        if option == "template" && value != "default" {
            // the new database has all that is in the template
            facts.object(Object {
                database: None,
                schema: None,
                name: value,
                access: Access::Read,
            });
        }
    }
    Ok(())
}

fn kind(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    facts.object(cursor.object(Access::Define)?);
    if cursor.at_end() {
        return Ok(());
    }
    if cursor.words(&["as", "enum"]) {
        cursor.enclosed()?;
        return Ok(());
    }
    if cursor.word("as") && cursor.is_nth(0, &Token::LParen) {
        if cursor.is_nth(1, &Token::RParen) {
            cursor.enclosed()?;
            return Ok(());
        }
        cursor.enclosed_list(|cursor| {
            cursor.name()?;
            cursor.data_type()?;
            if cursor.word("collate") {
                cursor.parts()?;
            }
            Ok(())
        })?;
        return Ok(());
    }
    // a range or a base type is made of functions
    facts.has([Effect::DynamicCode]);
    cursor.rest();
    Ok(())
}

/// A policy's definition or change, behind the words.
pub(super) fn policy(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    facts.has([Effect::Ddl, Effect::Privilege]);
    cursor.name()?;
    cursor.expect(&["on"])?;
    facts.object(cursor.object(Access::Define)?);
    if cursor.words(&["rename", "to"]) {
        cursor.name()?;
        return Ok(());
    }
    if cursor.word("as") {
        cursor.any_word()?;
    }
    if cursor.word("for") {
        cursor.any_word()?;
    }
    if cursor.word("to") {
        cursor.list(|cursor| cursor.any_word().map(drop_name))?;
    }
    if cursor.word("using") {
        cursor.enclosed_expression(facts)?;
    }
    if cursor.words(&["with", "check"]) {
        cursor.enclosed_expression(facts)?;
    }
    Ok(())
}

/// What a publication sends, behind its name.
pub(super) fn publication(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    facts.has([Effect::Network]);
    if cursor.words(&["for", "all", "tables"]) {
    } else if cursor.word("for") {
        published(cursor, facts)?;
    }
    if cursor.word("with") {
        parameters(cursor)?;
    }
    Ok(())
}

/// `TABLE a, b (columns) WHERE (condition), TABLES IN SCHEMA s`.
pub(super) fn published(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    let mut schemas = false;
    cursor.list(|cursor| {
        if cursor.words(&["tables", "in", "schema"]) {
            schemas = true;
        } else if cursor.word("table") {
            schemas = false;
        }
        if schemas {
            facts.object(cursor.plain_object(Access::Read)?);
            return Ok(());
        }
        facts.object(cursor.relation(Access::Read)?);
        cursor.enclosed_list(|cursor| {
            facts.columns.named.insert(cursor.name()?);
            Ok(())
        })?;
        if cursor.word("where") {
            cursor.enclosed_expression(facts)?;
        }
        Ok(())
    })
}
