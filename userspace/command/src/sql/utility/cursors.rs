//! Cursors: `DECLARE`, `FETCH`, `MOVE`, `CLOSE`.

use sqlparser::tokenizer::Token;

use super::super::cursor::Cursor;
use super::super::facts::Facts;
use super::super::unread::Unread;
use super::super::walk;
use super::begins_query;
use crate::model::{Control, Predicate, RowLimit, Statement, Verb};

/// Words that say how far and which way.
const DIRECTIONS: [&str; 9] = [
    "absolute", "all", "backward", "first", "forward", "last", "next", "prior", "relative",
];

/// Reads what follows the first word.
pub(super) fn cursors(first: &str, cursor: &mut Cursor) -> Result<Statement, Unread> {
    match first {
        "declare" => declare(cursor),
        "close" => close(cursor),
        _ => fetch(cursor, first == "fetch"),
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

/// `MOVE` returns no row.
fn fetch(cursor: &mut Cursor, returns: bool) -> Result<Statement, Unread> {
    // the name comes last, whatever words come before
    let mut count = RowLimit::AtMost(1);
    let mut to_a_place = false;
    while !cursor.is_nth(1, &Token::EOF) {
        if let Some(direction) = cursor.one_of(&DIRECTIONS) {
            to_a_place |= matches!(direction, "absolute" | "relative");
            if direction == "all" {
                count = RowLimit::Unknown;
            }
        } else if let Some(number) = cursor.number() {
            count = match walk::number(number.trim_start_matches('-')) {
                // 0 fetches again the row that the cursor is on
                Some(number) if !to_a_place => RowLimit::AtMost(number.max(1)),
                Some(_) => RowLimit::AtMost(1),
                None => RowLimit::Unknown,
            };
        } else if cursor.one_of(&["from", "in"]).is_none() {
            return cursor.fail("an unexpected word");
        }
    }
    let name = cursor.name()?;
    cursor.end()?;
    let mut facts = Facts::default();
    facts.row_limit = if returns { count } else { RowLimit::AtMost(0) };
    facts.command(
        Verb::Fetch,
        Predicate::NotApplicable,
        Control::Fetch { name },
    )
}

fn close(cursor: &mut Cursor) -> Result<Statement, Unread> {
    let name = if cursor.word("all") {
        None
    } else {
        Some(cursor.name()?)
    };
    cursor.end()?;
    Facts::default().command(
        Verb::Close,
        Predicate::NotApplicable,
        Control::Close { name },
    )
}
