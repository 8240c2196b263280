//! Statements that are neither queries nor changes of rows, read by hand.
//!
//! Their grammar is the server's own (`gram.y`), one file a family. They are read by hand and not
//! taken from the parser crate's tree, because it accepts far more than the server does, and
//! knows far less of what the server accepts.

mod alter;
mod alter_table;
mod copy;
mod create;
mod cursors;
mod definition;
mod drop;
mod index;
mod maintain;
mod prepared;
mod privilege;
mod role;
mod routine;
mod schema;
mod session;
mod table;
mod transaction;

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::cursor::Cursor;
use super::tokens::{offset, word};
use super::unread::Unread;
use super::walk;
use crate::model::Statement;

/// Words with which a query or a change of rows begins.
pub(super) const QUERIES: [&str; 8] = [
    "select", "with", "values", "table", "insert", "update", "delete", "merge",
];

/// Reads one statement, which is not empty.
pub(super) fn statement(tokens: Vec<TokenWithSpan>) -> Result<Statement, Unread> {
    if begins_query(&tokens) {
        return walk::query(&tokens)?.asked_command();
    }
    let at = tokens.first().map_or(0, offset);
    let nothing = Unread::Syntax {
        what: "no statement begins so",
        at,
    };
    let Some(first) = tokens.first().and_then(word).map(str::to_owned) else {
        return Err(nothing);
    };
    let mut cursor = Cursor::new(tokens);
    cursor.advance();
    utility(&first, &mut cursor).unwrap_or(Err(nothing))
}

/// True where tokens begin as a query or a change of rows does.
pub(super) fn begins_query(tokens: &[TokenWithSpan]) -> bool {
    tokens.first().is_some_and(|token| match word(token) {
        Some(word) => QUERIES.contains(&word),
        None => token.token == Token::LParen,
    })
}

/// Reads what follows the first word; `None` where no statement begins with it.
fn utility(first: &str, cursor: &mut Cursor) -> Option<Result<Statement, Unread>> {
    Some(match first {
        "alter" => alter::alter(cursor),
        "begin" | "start" | "commit" | "end" | "rollback" | "abort" | "savepoint" | "release" => {
            transaction::transaction(first, cursor)
        }
        "copy" => copy::copy(cursor),
        "create" => create::create(cursor),
        "declare" | "fetch" | "move" | "close" => cursors::cursors(first, cursor),
        "drop" => drop::drop(cursor),
        "explain" | "prepare" | "execute" | "deallocate" => prepared::prepared(first, cursor),
        "grant" | "revoke" | "reassign" | "security" => privilege::privilege(first, cursor),
        "set" | "reset" | "show" | "discard" => session::session(first, cursor),
        "analyze" | "analyse" | "checkpoint" | "cluster" | "comment" | "listen" | "lock"
        | "notify" | "refresh" | "reindex" | "truncate" | "unlisten" | "vacuum" => {
            maintain::maintain(first, cursor)
        }
        "call" | "do" => routine::run(first, cursor),
        "import" => definition::import(cursor),
        "load" => Err(Unread::Unsupported(
            "LOAD, which runs a library of the server's",
        )),
        _ => return None,
    })
}
