//! `ALTER`, by the kind of what is changed.
//!
//! What every kind has in common (a new name, owner or schema) is read here. What one kind has of
//! its own is read where its effects matter; of the others it is not read, and the statement is
//! opaque.

use sqlparser::tokenizer::Token;

use super::super::cursor::Cursor;
use super::super::facts::Facts;
use super::super::settings;
use super::super::unread::Unread;
use super::definition::{Kind, foreign_options, if_exists, kind, named, parameters};
use super::{alter_table, create, drop, index, privilege, role, session, table};
use crate::model::{Access, Effect, Object, Statement, Verb};

/// Reads what follows `ALTER`.
pub(super) fn alter(cursor: &mut Cursor) -> Result<Statement, Unread> {
    if cursor.words(&["default", "privileges"]) {
        return privilege::defaults(cursor);
    }
    if cursor.word("system") {
        return system(cursor);
    }
    let mut facts = Facts::default();
    facts.has([Effect::Ddl]);
    if cursor.words(&["user", "mapping"]) {
        drop::user_mapping(cursor, &mut facts)?;
        foreign_options(cursor)?;
        facts.has([Effect::Network, Effect::Privilege]);
        return end(cursor, facts);
    }
    if cursor.word("policy") {
        create::policy(cursor, &mut facts)?;
        return end(cursor, facts);
    }
    let word = cursor.peek().unwrap_or_default().to_owned();
    let Some(kind) = kind(cursor) else {
        return Err(Unread::Unsupported("an ALTER of an unknown kind of object"));
    };
    if kind == Kind::Role {
        return role::alter(cursor);
    }
    if kind == Kind::Relation
        && matches!(
            word.as_str(),
            "table" | "foreign" | "view" | "materialized" | "index"
        )
    {
        return alter_table::alter(cursor, facts);
    }
    if_exists(cursor);
    if matches!(kind, Kind::Attached | Kind::Cast) {
        return Err(Unread::Unsupported("an ALTER of this kind of object"));
    }
    let object = named(cursor, kind)?;
    if matches!(kind, Kind::Operator | Kind::OperatorSet) {
        // they are made of functions, which whoever uses them calls without a word
        facts.has([Effect::DynamicCode]);
    }
    if !common(cursor, &mut facts, object.as_ref())? {
        special(&word, cursor, &mut facts)?;
    }
    if let Some(object) = object {
        facts.object(object);
    }
    if kind == Kind::Guard {
        facts.has([Effect::Privilege]);
    }
    end(cursor, facts)
}

fn end(cursor: &mut Cursor, facts: Facts) -> Result<Statement, Unread> {
    cursor.end()?;
    facts.done(Verb::Alter)
}

/// What all kinds have: a new name, owner, schema; false where it is something else.
pub(super) fn common(
    cursor: &mut Cursor,
    facts: &mut Facts,
    object: Option<&Object>,
) -> Result<bool, Unread> {
    if cursor.words(&["rename", "to"]) {
        let name = cursor.name()?;
        if let Some(object) = object {
            facts.object(Object {
                name,
                ..object.clone()
            });
        }
    } else if cursor.words(&["owner", "to"]) {
        cursor.any_word()?;
        facts.has([Effect::Privilege]);
    } else if cursor.words(&["set", "schema"]) {
        facts.object(cursor.plain_object(Access::Define)?);
    } else if cursor.words(&["depends", "on", "extension"])
        || cursor.words(&["no", "depends", "on", "extension"])
    {
        cursor.name()?;
    } else {
        return Ok(false);
    }
    Ok(true)
}

/// What one kind has of its own.
fn special(word: &str, cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    match word {
        "sequence" => index::sequence_options(cursor, facts),
        "database" => database(cursor, facts),
        "domain" => domain(cursor, facts),
        "type" => kind_of_values(cursor, facts),
        "function" | "procedure" | "routine" => routine(cursor, facts),
        "tablespace" => {
            if cursor.one_of(&["set", "reset"]).is_some() && parameters(cursor)? {
                return Ok(());
            }
            cursor.fail("an unexpected word")
        }
        "server" => {
            facts.has([Effect::Network]);
            if cursor.word("version") {
                cursor.string();
            }
            foreign_options(cursor)
        }
        "publication" => publication(cursor, facts),
        "statistics" => {
            cursor.expect(&["set", "statistics"])?;
            cursor
                .number()
                .map_or_else(|| cursor.fail("no number where one is due"), |_| Ok(()))
        }
        "operator" => {
            if cursor.one_of(&["add", "drop", "set"]).is_none() {
                return cursor.fail("an unexpected word");
            }
            cursor.rest();
            Ok(())
        }
        "collation" => cursor.expect(&["refresh", "version"]),
        "text" => text_search(cursor),
        "event" => {
            facts.has([Effect::Privilege]);
            if cursor.one_of(&["enable", "disable"]) == Some("enable") {
                cursor.one_of(&["replica", "always"]);
            }
            Ok(())
        }
        "subscription" => {
            facts.has([Effect::Network]);
            cursor.rest();
            Ok(())
        }
        "foreign" => {
            facts.has([Effect::Network, Effect::DynamicCode]);
            cursor.rest();
            Ok(())
        }
        _ => Err(Unread::Unsupported("a change that weir does not follow")),
    }
}

fn system(cursor: &mut Cursor) -> Result<Statement, Unread> {
    let mut facts = Facts::default();
    if !role::setting(cursor, &mut facts)? {
        return cursor.fail("an unexpected word");
    }
    cursor.end()?;
    facts.done(Verb::System)
}

fn database(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    if cursor.words(&["set", "tablespace"]) {
        return cursor.name().map(std::mem::drop);
    }
    if cursor.words(&["refresh", "collation", "version"]) || role::setting(cursor, facts)? {
        return Ok(());
    }
    cursor.word("with");
    while !cursor.at_end() {
        let known = cursor.words(&["connection", "limit"])
            || cursor
                .one_of(&["allow_connections", "is_template"])
                .is_some();
        if !known {
            return cursor.fail("no option of a database");
        }
        cursor.symbol(&Token::Eq);
        if cursor.number().is_none() {
            cursor.any_word()?;
        }
    }
    Ok(())
}

fn domain(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    if cursor.words(&["set", "default"]) {
        cursor.expression(facts).map(std::mem::drop)
    } else if cursor.words(&["drop", "default"])
        || cursor.words(&["set", "not", "null"])
        || cursor.words(&["drop", "not", "null"])
    {
        Ok(())
    } else if cursor.word("add") {
        table::column_constraints(cursor, facts)
    } else if cursor.words(&["drop", "constraint"]) {
        if_exists(cursor);
        cursor.name()?;
        cursor.one_of(&["cascade", "restrict"]);
        Ok(())
    } else if cursor.words(&["validate", "constraint"]) {
        cursor.name().map(std::mem::drop)
    } else {
        cursor.expect(&["rename", "constraint"])?;
        cursor.name()?;
        cursor.expect(&["to"])?;
        cursor.name().map(std::mem::drop)
    }
}

fn kind_of_values(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    if cursor.words(&["add", "value"]) {
        super::definition::if_not_exists(cursor);
        cursor.string();
        if cursor.one_of(&["before", "after"]).is_some() {
            cursor.string();
        }
        return Ok(());
    }
    if cursor.words(&["rename", "value"]) {
        cursor.string();
        cursor.expect(&["to"])?;
        cursor.string();
        return Ok(());
    }
    if cursor.words(&["rename", "attribute"]) {
        facts.columns.named.insert(cursor.name()?);
        cursor.expect(&["to"])?;
        facts.columns.named.insert(cursor.name()?);
        cursor.one_of(&["cascade", "restrict"]);
        return Ok(());
    }
    if cursor.word("set") && parameters(cursor)? {
        // its functions of input and output among them
        facts.has([Effect::DynamicCode]);
        return Ok(());
    }
    cursor.list(|cursor| attribute(cursor, facts))
}

/// `ADD`, `DROP` and `ALTER ATTRIBUTE`.
fn attribute(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    let change = cursor.one_of(&["add", "drop", "alter"]);
    if change.is_none() || !cursor.word("attribute") {
        return Err(Unread::Unsupported(
            "a change of a type that weir does not follow",
        ));
    }
    if change == Some("drop") {
        if_exists(cursor);
    }
    facts.columns.named.insert(cursor.name()?);
    if change == Some("alter") {
        cursor.words(&["set", "data"]);
        cursor.expect(&["type"])?;
    }
    if change == Some("drop") {
        facts.has([Effect::Destroy]);
    } else {
        cursor.data_type()?;
        if cursor.word("collate") {
            cursor.parts()?;
        }
    }
    cursor.one_of(&["cascade", "restrict"]);
    Ok(())
}

/// What a text search configuration or dictionary has of its own.
fn text_search(cursor: &mut Cursor) -> Result<(), Unread> {
    if cursor.is_nth(0, &Token::LParen) {
        return cursor.enclosed().map(std::mem::drop);
    }
    if cursor.one_of(&["add", "alter", "drop"]).is_none() || !cursor.word("mapping") {
        return cursor.fail("an unexpected word");
    }
    cursor.rest();
    Ok(())
}

/// A routine's attributes. Whom it runs as is a privilege.
fn routine(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    while !cursor.at_end() {
        if cursor.one_of(&["set", "reset"]).is_some() {
            if cursor.word("all") {
                continue;
            }
            // of the general form; a value may follow
            let (name, value) = if cursor.nth(1) == &Token::EOF {
                (cursor.name()?, None)
            } else {
                session::assignment(cursor)?
            };
            facts
                .effects
                .extend(settings::change(&name, value.as_deref())?.effects);
        } else if cursor.words(&["security", "definer"]) || cursor.words(&["security", "invoker"]) {
            facts.has([Effect::Privilege]);
        } else {
            let known = cursor.one_of(&[
                "called",
                "on",
                "null",
                "input",
                "returns",
                "strict",
                "immutable",
                "stable",
                "volatile",
                "not",
                "leakproof",
                "external",
                "parallel",
                "unsafe",
                "restricted",
                "safe",
                "cost",
                "rows",
                "restrict",
            ]);
            if known.is_none() && cursor.number().is_none() {
                return Err(Unread::Unsupported(
                    "a change of a routine that weir does not follow",
                ));
            }
        }
    }
    Ok(())
}

fn publication(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    facts.has([Effect::Network]);
    if cursor.one_of(&["add", "drop"]).is_some() {
        return create::published(cursor, facts);
    }
    cursor.expect(&["set"])?;
    if parameters(cursor)? {
        Ok(())
    } else {
        create::published(cursor, facts)
    }
}
