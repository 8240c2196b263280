//! The session's settings: `SET`, `RESET`, `SHOW`, `DISCARD`.
//!
//! Known limit: `RESET ALL` and `DISCARD ALL` bring back the values that the session began with.
//! Whoever opens the session must have begun it with a text encoding of UTF-8 and with standard
//! strings, and with no other role than it may be.

use sqlparser::tokenizer::Token;

use super::super::cursor::Cursor;
use super::super::facts::Facts;
use super::super::settings;
use super::super::unread::Unread;
use super::transaction;
use crate::model::{Control, Effect, Predicate, Statement, Verb};

/// Reads what follows the first word.
pub(super) fn session(first: &str, cursor: &mut Cursor) -> Result<Statement, Unread> {
    match first {
        "set" => set(cursor),
        "reset" => reset(cursor),
        "show" => show(cursor),
        _ => discard(cursor),
    }
}

fn set(cursor: &mut Cursor) -> Result<Statement, Unread> {
    if cursor.word("constraints") {
        if !cursor.word("all") {
            cursor.list(|cursor| cursor.parts().map(drop))?;
        }
        if cursor.one_of(&["deferred", "immediate"]).is_none() {
            return cursor.fail("an unexpected word");
        }
        cursor.end()?;
        return Facts::default().done(Verb::Transaction);
    }
    if cursor.words(&["session", "characteristics", "as", "transaction"]) {
        transaction::modes(cursor)?;
        let mut facts = Facts::default();
        facts.has([Effect::Setting]);
        return facts.done(Verb::Set);
    }
    // SESSION and LOCAL may be names, as in `SET session.x = 1`
    if matches!(cursor.peek(), Some("session" | "local")) && !is_assigned(cursor) {
        if cursor.words(&["session", "authorization"]) {
            return authorization(cursor);
        }
        cursor.advance();
    }
    if cursor.word("transaction") {
        return transaction::set(cursor);
    }
    if cursor.words(&["session", "authorization"]) {
        return authorization(cursor);
    }
    let (name, value) = assignment(cursor)?;
    cursor.end()?;
    settings::statement(&name, value)
}

fn authorization(cursor: &mut Cursor) -> Result<Statement, Unread> {
    let value = if cursor.word("default") {
        None
    } else {
        Some(word_or_string(cursor)?)
    };
    cursor.end()?;
    settings::statement("session_authorization", value)
}

/// The name and the value of what is set, in the general form or one that SQL has of its own.
pub(super) fn assignment(cursor: &mut Cursor) -> Result<(String, Option<String>), Unread> {
    let assigned = is_assigned(cursor);
    let special = if cursor.words(&["time", "zone"]) {
        ("timezone", time_zone(cursor)?)
    } else if cursor.words(&["xml", "option"]) {
        (
            "xmloption",
            cursor.one_of(&["document", "content"]).map(str::to_owned),
        )
    } else if !assigned && cursor.word("names") {
        let reset = cursor.at_end() || cursor.word("default");
        (
            "client_encoding",
            if reset { None } else { cursor.string() },
        )
    } else if !assigned && cursor.word("schema") {
        ("search_path", Some(word_or_string(cursor)?))
    } else if !assigned && cursor.word("role") {
        ("role", Some(word_or_string(cursor)?))
    } else {
        let name = cursor.parts()?.join(".");
        return Ok((name, general(cursor)?));
    };
    let (name, value) = special;
    Ok((name.to_owned(), value))
}

/// True where the word ahead is a setting's name, because a value follows it.
fn is_assigned(cursor: &Cursor) -> bool {
    matches!(cursor.peek_nth(1), Some("to" | "from"))
        || cursor.is_nth(1, &Token::Eq)
        || cursor.is_nth(1, &Token::Period)
}

fn general(cursor: &mut Cursor) -> Result<Option<String>, Unread> {
    if cursor.words(&["from", "current"]) {
        return Ok(None);
    }
    if !cursor.word("to") {
        cursor.expect_symbol(&Token::Eq)?;
    }
    if cursor.word("default") {
        return Ok(None);
    }
    let mut values = Vec::new();
    cursor.list(|cursor| {
        values.push(value(cursor)?);
        Ok(())
    })?;
    Ok(Some(values.join(", ")))
}

fn value(cursor: &mut Cursor) -> Result<String, Unread> {
    match cursor.number() {
        Some(number) => Ok(number),
        None => word_or_string(cursor),
    }
}

fn word_or_string(cursor: &mut Cursor) -> Result<String, Unread> {
    match cursor.string() {
        Some(value) => Ok(value),
        None => cursor.any_word(),
    }
}

fn time_zone(cursor: &mut Cursor) -> Result<Option<String>, Unread> {
    if cursor.one_of(&["default", "local"]).is_some() {
        return Ok(None);
    }
    if cursor.peek() == Some("interval") {
        cursor.expression(&mut Facts::default())?;
        return Ok(None);
    }
    value(cursor).map(Some)
}

fn reset(cursor: &mut Cursor) -> Result<Statement, Unread> {
    if cursor.word("all") {
        cursor.end()?;
        let mut facts = Facts::default();
        facts.has([Effect::Setting]);
        return facts.done(Verb::Set);
    }
    let name = if cursor.words(&["time", "zone"]) {
        "timezone".to_owned()
    } else if cursor.words(&["transaction", "isolation", "level"]) {
        "transaction_isolation".to_owned()
    } else if cursor.words(&["session", "authorization"]) {
        "session_authorization".to_owned()
    } else {
        cursor.parts()?.join(".")
    };
    cursor.end()?;
    settings::statement(&name, None)
}

fn show(cursor: &mut Cursor) -> Result<Statement, Unread> {
    let special = cursor.words(&["time", "zone"])
        || cursor.words(&["transaction", "isolation", "level"])
        || cursor.words(&["session", "authorization"])
        || cursor.word("all");
    if !special {
        cursor.parts()?;
    }
    cursor.end()?;
    Facts::default().done(Verb::Show)
}

fn discard(cursor: &mut Cursor) -> Result<Statement, Unread> {
    if cursor
        .one_of(&["all", "plans", "sequences", "temp", "temporary"])
        .is_none()
    {
        return cursor.fail("an unexpected word");
    }
    cursor.end()?;
    let mut facts = Facts::default();
    facts.has([Effect::Setting]);
    facts.command(Verb::Set, Predicate::NotApplicable, Control::Discard)
}
