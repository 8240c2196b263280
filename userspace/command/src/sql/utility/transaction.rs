//! Transactions: `BEGIN` to `ROLLBACK PREPARED`, savepoints, `SET TRANSACTION`.

use sqlparser::tokenizer::Token;

use super::super::cursor::Cursor;
use super::super::facts::Facts;
use super::super::unread::Unread;
use crate::model::{Statement, Verb};

/// Reads what follows a transaction's first word.
pub(super) fn transaction(first: &str, cursor: &mut Cursor) -> Result<Statement, Unread> {
    match first {
        "begin" => {
            cursor.one_of(&["work", "transaction"]);
            modes(cursor)?;
        }
        "start" => {
            cursor.expect(&["transaction"])?;
            modes(cursor)?;
        }
        "savepoint" => {
            cursor.name()?;
        }
        "release" => savepoint(cursor)?,
        "commit" | "rollback" if cursor.word("prepared") => string(cursor)?,
        _ => {
            cursor.one_of(&["work", "transaction"]);
            if first == "rollback" && cursor.word("to") {
                savepoint(cursor)?;
            } else if cursor.word("and") {
                cursor.word("no");
                cursor.expect(&["chain"])?;
            }
        }
    }
    cursor.end()?;
    Facts::default().done(Verb::Transaction)
}

fn savepoint(cursor: &mut Cursor) -> Result<(), Unread> {
    // SAVEPOINT may itself be the name
    if cursor.word("savepoint") && cursor.at_end() {
        return Ok(());
    }
    cursor.name().map(drop)
}

fn string(cursor: &mut Cursor) -> Result<(), Unread> {
    match cursor.string() {
        Some(_) => Ok(()),
        None => cursor.fail("no string where one is due"),
    }
}

/// `PREPARE TRANSACTION 'name'`, behind the words.
pub(super) fn prepare(cursor: &mut Cursor) -> Result<Statement, Unread> {
    string(cursor)?;
    cursor.end()?;
    Facts::default().done(Verb::Transaction)
}

/// `SET TRANSACTION …`, behind the words.
pub(super) fn set(cursor: &mut Cursor) -> Result<Statement, Unread> {
    if cursor.word("snapshot") {
        string(cursor)?;
    } else {
        modes(cursor)?;
    }
    cursor.end()?;
    Facts::default().done(Verb::Transaction)
}

/// A transaction's modes, which commas may part.
pub(super) fn modes(cursor: &mut Cursor) -> Result<(), Unread> {
    while !cursor.at_end() {
        if cursor.words(&["isolation", "level"]) {
            let known = cursor.words(&["read", "uncommitted"])
                || cursor.words(&["read", "committed"])
                || cursor.words(&["repeatable", "read"])
                || cursor.word("serializable");
            if !known {
                return cursor.fail("no isolation level where one is due");
            }
        } else if cursor.words(&["read", "only"]) || cursor.words(&["read", "write"]) {
        } else {
            cursor.word("not");
            cursor.expect(&["deferrable"])?;
        }
        cursor.symbol(&Token::Comma);
    }
    Ok(())
}
