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
mod session;
mod table;
mod transaction;

use sqlparser::tokenizer::TokenWithSpan;

use super::cursor::Cursor;
use super::unread::Unread;
use super::walk;
use crate::model::Statement;

/// Words with which a query or a change of rows begins.
pub(super) const QUERIES: [&str; 8] = [
    "select", "with", "values", "table", "insert", "update", "delete", "merge",
];

/// Reads one statement, which is not empty.
pub(super) fn statement(tokens: Vec<TokenWithSpan>) -> Result<Statement, Unread> {
    let first = tokens.first().and_then(super::tokens::word);
    if begins_query(&tokens) {
        return walk::query(&tokens)?.asked_command();
    }
    let Some(first) = first.map(str::to_owned) else {
        return Err(Unread::Syntax {
            what: "no statement begins so",
            at: 0,
        });
    };
    let mut cursor = Cursor::new(tokens);
    cursor.advance();
    utility(&first, &mut cursor)
}

/// True where tokens begin as a query or a change of rows does.
pub(super) fn begins_query(tokens: &[TokenWithSpan]) -> bool {
    tokens.first().is_some_and(|token| {
        super::tokens::word(token)
            .map_or(token.token == sqlparser::tokenizer::Token::LParen, |word| {
                QUERIES.contains(&word)
            })
    })
}

/// Reads what follows the first word.
fn utility(first: &str, cursor: &mut Cursor) -> Result<Statement, Unread> {
    match first {
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
        _ => cursor.fail("no statement begins so, before"),
    }
}
