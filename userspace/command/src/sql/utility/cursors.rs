//! Cursors: `DECLARE`, `FETCH`, `MOVE`, `CLOSE`.

use sqlparser::tokenizer::Token;

use super::super::cursor::Cursor;
use super::super::facts::Facts;
use super::super::unread::Unread;
use super::super::walk;
use super::begins_query;
use crate::model::{Control, Predicate, Statement, Verb};

/// Words that say how far and which way.
const DIRECTIONS: [&str; 9] = [
    "absolute", "all", "backward", "first", "forward", "last", "next", "prior", "relative",
];

/// Reads what follows the first word.
pub(super) fn cursors(first: &str, cursor: &mut Cursor) -> Result<Statement, Unread> {
    match first {
        "declare" => declare(cursor),
        "close" => close(cursor),
        _ => fetch(cursor),
    }
}

fn declare(cursor: &mut Cursor) -> Result<Statement, Unread> {
    let name = cursor.name()?;
    while cursor
        .one_of(&["binary", "asensitive", "insensitive", "no", "scroll"])
        .is_some()
    {}
    cursor.expect(&["cursor"])?;
    if cursor.one_of(&["with", "without"]).is_some() {
        cursor.expect(&["hold"])?;
    }
    cursor.expect(&["for"])?;
    let tokens = cursor.rest();
    if !begins_query(&tokens) {
        return cursor.fail("no query where one is due");
    }
    let facts = walk::query(&tokens)?;
    if facts.asked().0 != Verb::Select {
        return Err(Unread::Unsupported("a cursor over a statement that writes"));
    }
    facts.command(
        Verb::Declare,
        Predicate::NotApplicable,
        Control::Declare { name },
    )
}

fn fetch(cursor: &mut Cursor) -> Result<Statement, Unread> {
    // the name comes last, whatever words come before
    while !cursor.is_nth(1, &Token::EOF) {
        let known = cursor.one_of(&DIRECTIONS).is_some()
            || cursor.one_of(&["from", "in"]).is_some()
            || cursor.number().is_some();
        if !known {
            return cursor.fail("an unexpected word");
        }
    }
    let name = cursor.name()?;
    cursor.end()?;
    Facts::default().command(
        Verb::Fetch,
        Predicate::NotApplicable,
        Control::Fetch { name },
    )
}

fn close(cursor: &mut Cursor) -> Result<Statement, Unread> {
    if !cursor.word("all") {
        cursor.name()?;
    }
    cursor.end()?;
    Facts::default().done(Verb::Close)
}
