//! `DROP`.

use sqlparser::tokenizer::Token;

use super::super::cursor::Cursor;
use super::super::facts::Facts;
use super::super::unread::Unread;
use super::definition::{self, Kind, if_exists, kind, named};
use crate::model::{Access, Effect, Statement, Verb};

/// Reads what follows `DROP`.
pub(super) fn drop(cursor: &mut Cursor) -> Result<Statement, Unread> {
    let mut facts = Facts::default();
    facts.has([Effect::Destroy]);
    if cursor.words(&["owned", "by"]) {
        cursor.list(|cursor| {
            facts.object(cursor.plain_object(Access::Define)?);
            Ok(())
        })?;
        facts.has([Effect::Ddl, Effect::Privilege]);
        return end(cursor, facts, Verb::Drop);
    }
    if cursor.words(&["user", "mapping"]) {
        if_exists(cursor);
        user_mapping(cursor, &mut facts)?;
        facts.has([Effect::Ddl, Effect::Privilege]);
        return end(cursor, facts, Verb::Drop);
    }
    let Some(kind) = kind(cursor).filter(|kind| *kind != Kind::Attached) else {
        return Err(Unread::Unsupported("a DROP of an unknown kind of object"));
    };
    if kind == Kind::Relation {
        cursor.word("concurrently");
    }
    if_exists(cursor);
    cursor.list(|cursor| {
        if let Some(object) = named(cursor, kind)? {
            facts.object(object);
        }
        Ok(())
    })?;
    // the options of DROP DATABASE
    if cursor.word("with") || *cursor.token() == Token::LParen {
        definition::parameters(cursor)?;
    }
    match kind {
        Kind::Role => {
            facts.has([Effect::Privilege]);
            return end(cursor, facts, Verb::Role);
        }
        Kind::Guard => facts.has([Effect::Ddl, Effect::Privilege]),
        _ => facts.has([Effect::Ddl]),
    }
    end(cursor, facts, Verb::Drop)
}

/// `FOR role SERVER server`.
pub(super) fn user_mapping(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    cursor.expect(&["for"])?;
    cursor.any_word()?;
    cursor.expect(&["server"])?;
    facts.object(cursor.plain_object(Access::Define)?);
    Ok(())
}

fn end(cursor: &mut Cursor, facts: Facts, verb: Verb) -> Result<Statement, Unread> {
    cursor.one_of(&["cascade", "restrict"]);
    cursor.end()?;
    facts.done(verb)
}
