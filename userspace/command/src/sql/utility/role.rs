//! Roles: `CREATE`, `ALTER` of a role, user or group. (`DROP` is with the other drops.)

use sqlparser::tokenizer::Token;

use super::super::cursor::Cursor;
use super::super::facts::Facts;
use super::super::settings;
use super::super::unread::Unread;
use super::session;
use crate::model::{Access, Effect, Object, Statement, Verb};

/// Attributes of a role that take no value.
const FLAGS: [&str; 14] = [
    "bypassrls",
    "createdb",
    "createrole",
    "inherit",
    "login",
    "nobypassrls",
    "nocreatedb",
    "nocreaterole",
    "noinherit",
    "nologin",
    "noreplication",
    "nosuperuser",
    "replication",
    "superuser",
];

/// Reads what follows `CREATE ROLE`.
pub(super) fn create(cursor: &mut Cursor) -> Result<Statement, Unread> {
    let mut facts = Facts::default();
    facts.object(cursor.plain_object(Access::Define)?);
    options(cursor, &mut facts)?;
    end(cursor, facts)
}

/// Reads what follows `ALTER ROLE`.
pub(super) fn alter(cursor: &mut Cursor) -> Result<Statement, Unread> {
    let mut facts = Facts::default();
    facts.object(role(cursor)?);
    if cursor.words(&["rename", "to"]) {
        facts.object(cursor.plain_object(Access::Define)?);
        return end(cursor, facts);
    }
    if matches!(cursor.peek(), Some("add" | "drop")) {
        cursor.advance();
        cursor.expect(&["user"])?;
        roles(cursor, &mut facts)?;
        return end(cursor, facts);
    }
    if cursor.words(&["in", "database"]) {
        facts.object(cursor.plain_object(Access::Define)?);
    }
    if !setting(cursor, &mut facts)? {
        options(cursor, &mut facts)?;
    }
    end(cursor, facts)
}

fn end(cursor: &mut Cursor, mut facts: Facts) -> Result<Statement, Unread> {
    cursor.end()?;
    facts.has([Effect::Privilege]);
    facts.done(Verb::Role)
}

/// `SET name = value` and `RESET name` of a role, a database or the system.
pub(super) fn setting(cursor: &mut Cursor, facts: &mut Facts) -> Result<bool, Unread> {
    match cursor.one_of(&["set", "reset"]) {
        None => return Ok(false),
        Some("reset") if cursor.word("all") => {
            facts.has([Effect::Setting]);
            return Ok(true);
        }
        Some("reset") => {
            let name = cursor.parts()?.join(".");
            facts.effects.extend(settings::change(&name, None)?.effects);
        }
        Some(_) => {
            let (name, value) = session::assignment(cursor)?;
            facts
                .effects
                .extend(settings::change(&name, value.as_deref())?.effects);
        }
    }
    facts.has([Effect::Setting]);
    Ok(true)
}

fn options(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    cursor.word("with");
    while !cursor.at_end() {
        if cursor.one_of(&FLAGS).is_some() {
            continue;
        }
        cursor.one_of(&["encrypted", "unencrypted"]);
        if cursor.word("password") {
            if cursor.string().is_none() {
                cursor.expect(&["null"])?;
            }
        } else if cursor.words(&["connection", "limit"]) || cursor.word("sysid") {
            if cursor.number().is_none() {
                return cursor.fail("no number where one is due");
            }
        } else if cursor.words(&["valid", "until"]) {
            if cursor.string().is_none() {
                return cursor.fail("no string where one is due");
            }
        } else {
            cursor.word("in");
            if cursor.one_of(&["role", "group", "user", "admin"]).is_none() {
                return cursor.fail("no attribute of a role");
            }
            roles(cursor, facts)?;
        }
    }
    Ok(())
}

/// A role, which may be one of the words for the current one, or `ALL`.
fn role(cursor: &mut Cursor) -> Result<Object, Unread> {
    if *cursor.token() == Token::EOF {
        return cursor.fail("no role where one is due");
    }
    Ok(Object {
        database: None,
        schema: None,
        name: cursor.any_word()?,
        access: Access::Define,
    })
}

fn roles(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    cursor.list(|cursor| {
        facts.object(role(cursor)?);
        Ok(())
    })
}
