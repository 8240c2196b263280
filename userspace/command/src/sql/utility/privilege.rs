//! Who may do what: `GRANT`, `REVOKE`, `REASSIGN OWNED`, `SECURITY LABEL`,
//! `ALTER DEFAULT PRIVILEGES`.
//!
//! Objects are what the privileges are on, or the roles whose membership is given. The roles that
//! receive are not objects of the command.

use sqlparser::tokenizer::Token;

use super::super::cursor::Cursor;
use super::super::facts::Facts;
use super::super::unread::Unread;
use super::definition::{self, Kind, kind, named};
use crate::model::{Access, Effect, Object, Statement, Verb};

/// Reads what follows the first word.
pub(super) fn privilege(first: &str, cursor: &mut Cursor) -> Result<Statement, Unread> {
    let mut facts = Facts::default();
    facts.has([Effect::Privilege]);
    let verb = match first {
        "reassign" => {
            cursor.expect(&["owned", "by"])?;
            roles(cursor, &mut facts)?;
            cursor.expect(&["to"])?;
            role(cursor)?;
            facts.has([Effect::Ddl]);
            Verb::Alter
        }
        "security" => {
            cursor.expect(&["label"])?;
            if cursor.word("for") && cursor.string().is_none() {
                cursor.any_word()?;
            }
            cursor.expect(&["on"])?;
            definition::commented(cursor, &mut facts)?;
            cursor.expect(&["is"])?;
            if cursor.string().is_none() {
                cursor.expect(&["null"])?;
            }
            Verb::Alter
        }
        _ => grant(first, cursor, &mut facts)?,
    };
    cursor.end()?;
    facts.done(verb)
}

/// `GRANT` and `REVOKE`, behind the word.
fn grant(first: &str, cursor: &mut Cursor, facts: &mut Facts) -> Result<Verb, Unread> {
    if first == "revoke" {
        option_for(cursor)?;
    }
    let named = privileges(cursor, facts)?;
    if cursor.word("on") {
        targets(cursor, facts)?;
    } else {
        // without ON the names are roles
        for role in named {
            facts.object(Object {
                database: None,
                schema: None,
                name: role,
                access: Access::Define,
            });
        }
    }
    receivers(first, cursor)
}

/// `GRANT OPTION FOR` and its relatives.
fn option_for(cursor: &mut Cursor) -> Result<(), Unread> {
    if cursor.peek_nth(1) == Some("option") && cursor.peek_nth(2) == Some("for") {
        if cursor
            .one_of(&["grant", "admin", "inherit", "set"])
            .is_none()
        {
            return cursor.fail("an unexpected word");
        }
        cursor.expect(&["option", "for"])?;
    }
    Ok(())
}

/// The privileges, which may be roles; with the columns that they are on.
fn privileges(cursor: &mut Cursor, facts: &mut Facts) -> Result<Vec<String>, Unread> {
    let mut named = Vec::new();
    cursor.list(|cursor| {
        named.push(cursor.any_word()?);
        // ALL PRIVILEGES, ALTER SYSTEM
        cursor.one_of(&["privileges", "system"]);
        cursor.enclosed_list(|cursor| {
            facts.columns.named.insert(cursor.name()?);
            Ok(())
        })?;
        Ok(())
    })?;
    Ok(named)
}

fn targets(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    if cursor.word("all") {
        let known = cursor.one_of(&["tables", "sequences", "functions", "procedures", "routines"]);
        if known.is_none() {
            return cursor.fail("an unexpected word");
        }
        cursor.expect(&["in", "schema"])?;
        return roles(cursor, facts);
    }
    if cursor.words(&["large", "object"]) {
        return cursor.list(|cursor| match cursor.number() {
            Some(_) => Ok(()),
            None => cursor.fail("no number where one is due"),
        });
    }
    // a table may be named like a kind, but then no name follows
    let kind_follows = matches!(cursor.nth(1), Token::Word(_))
        && !matches!(cursor.peek_nth(1), Some("to" | "from"));
    let kind = if !kind_follows {
        Kind::Relation
    } else if cursor.words(&["foreign", "server"]) {
        Kind::Plain
    } else if cursor.word("parameter") {
        Kind::Qualified
    } else {
        kind(cursor).unwrap_or(Kind::Relation)
    };
    cursor.list(|cursor| {
        if let Some(object) = named(cursor, kind)? {
            facts.object(object);
        }
        Ok(())
    })
}

/// `TO …` or `FROM …` and what follows.
fn receivers(first: &str, cursor: &mut Cursor) -> Result<Verb, Unread> {
    let (verb, preposition) = if first == "grant" {
        (Verb::Grant, "to")
    } else {
        (Verb::Revoke, "from")
    };
    cursor.expect(&[preposition])?;
    cursor.list(role)?;
    if cursor.word("with") {
        cursor.list(|cursor| {
            cursor.any_word()?;
            cursor.any_word()?;
            Ok(())
        })?;
    }
    if cursor.words(&["granted", "by"]) {
        role(cursor)?;
    }
    cursor.one_of(&["cascade", "restrict"]);
    Ok(verb)
}

/// A role that is not an object of the command, perhaps behind `GROUP`.
fn role(cursor: &mut Cursor) -> Result<(), Unread> {
    cursor.word("group");
    cursor.any_word().map(drop)
}

/// A list of names that are objects.
fn roles(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    cursor.list(|cursor| {
        let name = cursor.any_word()?;
        facts.object(Object {
            database: None,
            schema: None,
            name,
            access: Access::Define,
        });
        Ok(())
    })
}

/// Reads what follows `ALTER DEFAULT PRIVILEGES`.
pub(super) fn defaults(cursor: &mut Cursor) -> Result<Statement, Unread> {
    let mut facts = Facts::default();
    facts.has([Effect::Privilege]);
    loop {
        if cursor.words(&["in", "schema"]) {
            roles(cursor, &mut facts)?;
        } else if cursor.word("for") {
            if cursor.one_of(&["role", "user"]).is_none() {
                return cursor.fail("an unexpected word");
            }
            cursor.list(role)?;
        } else {
            break;
        }
    }
    let Some(first) = cursor.one_of(&["grant", "revoke"]) else {
        return cursor.fail("an unexpected word");
    };
    if first == "revoke" {
        option_for(cursor)?;
    }
    privileges(cursor, &mut facts)?;
    cursor.expect(&["on"])?;
    if cursor
        .one_of(&[
            "tables",
            "functions",
            "routines",
            "sequences",
            "types",
            "schemas",
        ])
        .is_none()
    {
        return cursor.fail("an unexpected word");
    }
    let verb = receivers(first, cursor)?;
    cursor.end()?;
    facts.done(verb)
}
