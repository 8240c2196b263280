//! Statements about statements: `EXPLAIN`, `PREPARE`, `EXECUTE`, `DEALLOCATE`.

use sqlparser::tokenizer::Token;

use super::super::cursor::Cursor;
use super::super::facts::Facts;
use super::super::unread::Unread;
use super::super::walk;
use super::{QUERIES, begins_query, statement, transaction};
use crate::model::{Command, Control, Predicate, Statement, Verb};

/// Reads what follows the first word.
pub(super) fn prepared(first: &str, cursor: &mut Cursor) -> Result<Statement, Unread> {
    match first {
        "explain" => explain(cursor),
        "prepare" if cursor.words(&["transaction"]) => transaction::prepare(cursor),
        "prepare" => prepare(cursor),
        "execute" => execute(cursor),
        _ => deallocate(cursor),
    }
}

fn prepare(cursor: &mut Cursor) -> Result<Statement, Unread> {
    let name = cursor.name()?;
    cursor.enclosed_list(Cursor::data_type)?;
    cursor.expect(&["as"])?;
    let tokens = cursor.rest();
    if !begins_query(&tokens) {
        return Err(Unread::Unsupported("a prepared statement that is no query"));
    }
    let facts = walk::query(&tokens)?;
    let (_, predicate) = facts.asked();
    facts.command(Verb::Prepare, predicate, Control::Prepare { name })
}

fn execute(cursor: &mut Cursor) -> Result<Statement, Unread> {
    let name = cursor.name()?;
    let mut facts = Facts::default();
    cursor.enclosed_list(|cursor| cursor.expression(&mut facts).map(drop))?;
    cursor.end()?;
    facts.command(
        Verb::Execute,
        Predicate::NotApplicable,
        Control::Execute { name },
    )
}

fn deallocate(cursor: &mut Cursor) -> Result<Statement, Unread> {
    // PREPARE may itself be the name
    if cursor.peek() == Some("prepare") && !cursor.is_nth(1, &Token::EOF) {
        cursor.advance();
    }
    let name = if cursor.word("all") {
        None
    } else {
        Some(cursor.name()?)
    };
    cursor.end()?;
    Facts::default().command(
        Verb::Deallocate,
        Predicate::NotApplicable,
        Control::Deallocate { name },
    )
}

fn explain(cursor: &mut Cursor) -> Result<Statement, Unread> {
    let runs = options(cursor)?;
    let explained = match cursor.peek() {
        Some("execute") => {
            cursor.advance();
            execute(cursor)?
        }
        Some("create" | "refresh") | None => statement(cursor.rest())?,
        Some(word) if QUERIES.contains(&word) => statement(cursor.rest())?,
        Some(_) => return cursor.fail("a statement that can't be explained"),
    };
    Ok(match explained {
        Statement::Command(command) if !runs => Statement::Command(Box::new(Command {
            verb: Verb::Explain,
            ..*command
        })),
        other => other,
    })
}

/// Reads the options and says whether the statement is run. In doubt it is.
fn options(cursor: &mut Cursor) -> Result<bool, Unread> {
    let is_query = cursor.is_nth(0, &Token::LParen)
        && (cursor.is_nth(1, &Token::LParen)
            || cursor
                .peek_nth(1)
                .is_some_and(|word| QUERIES.contains(&word)));
    if is_query {
        return Ok(false);
    }
    let mut runs = false;
    let enclosed = cursor.enclosed_list(|cursor| {
        let analyzes = cursor.one_of(&["analyze", "analyse"]).is_some();
        if !analyzes {
            cursor.any_word()?;
        }
        let value = match cursor.token() {
            Token::Comma | Token::RParen => None,
            _ => Some(value(cursor)?),
        };
        runs |=
            analyzes && !value.is_some_and(|value| matches!(value.as_str(), "false" | "off" | "0"));
        Ok(())
    })?;
    if !enclosed {
        runs = cursor.one_of(&["analyze", "analyse"]).is_some();
        cursor.word("verbose");
    }
    Ok(runs)
}

fn value(cursor: &mut Cursor) -> Result<String, Unread> {
    match cursor.number().or_else(|| cursor.string()) {
        Some(value) => Ok(value.to_ascii_lowercase()),
        None => cursor.any_word().map(|word| word.to_ascii_lowercase()),
    }
}
