//! `COPY`, of a table or of a query, to and from the client, a file or a program.

use sqlparser::tokenizer::Token;

use super::super::cursor::Cursor;
use super::super::facts::Facts;
use super::super::unread::Unread;
use super::super::walk;
use super::begins_query;
use crate::model::{Access, Effect, Object, Statement, Verb};

/// Reads what follows `COPY`.
pub(super) fn copy(cursor: &mut Cursor) -> Result<Statement, Unread> {
    if *cursor.token() == Token::LParen {
        return query(cursor);
    }
    if cursor.peek() == Some("binary") {
        cursor.advance();
    }
    let table = cursor.object(Access::Read)?;
    let mut facts = Facts::default();
    let listed = cursor.enclosed_list(|cursor| {
        let column = cursor.name()?;
        facts.columns.named.insert(column);
        Ok(())
    })?;
    facts.columns.all = !listed;
    facts.columns.all_written = !listed;
    let (verb, access) = match cursor.one_of(&["from", "to"]) {
        Some("from") => (Verb::CopyIn, Access::Write),
        Some(_) => (Verb::CopyOut, Access::Read),
        None => return cursor.fail("an unexpected word"),
    };
    if access == Access::Write {
        facts.columns.written = std::mem::take(&mut facts.columns.named);
    } else {
        facts.columns.all_written = false;
    }
    facts.object(Object { access, ..table });
    end(cursor, &mut facts)?;
    options(cursor)?;
    if verb == Verb::CopyIn && cursor.word("where") {
        cursor.expression(&mut facts)?;
    }
    cursor.end()?;
    facts.done(verb)
}

fn query(cursor: &mut Cursor) -> Result<Statement, Unread> {
    let tokens = cursor.enclosed()?;
    if !begins_query(&tokens) {
        return cursor.fail("no query where one is due");
    }
    let mut facts = walk::query(&tokens)?;
    if facts.asked().0 != Verb::Select {
        return Err(Unread::Unsupported("a COPY of a statement that writes"));
    }
    cursor.expect(&["to"])?;
    end(cursor, &mut facts)?;
    options(cursor)?;
    cursor.end()?;
    facts.done(Verb::CopyOut)
}

/// The other end: the client, a file, or a program.
fn end(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    // the server takes either word either way
    if cursor.one_of(&["stdin", "stdout"]).is_some() {
        return Ok(());
    }
    facts.has([if cursor.word("program") {
        Effect::Program
    } else {
        Effect::File
    }]);
    match cursor.string() {
        Some(_) => Ok(()),
        None => cursor.fail("no string where one is due"),
    }
}

/// Options in either of their forms. None of them reads or writes anything but the format.
fn options(cursor: &mut Cursor) -> Result<(), Unread> {
    if cursor.word("using") {
        cursor.expect(&["delimiters"])?;
        cursor.string();
    }
    cursor.word("with");
    if cursor.is_nth(0, &Token::LParen) {
        cursor.enclosed()?;
        return Ok(());
    }
    while !cursor.at_end() && cursor.peek() != Some("where") {
        let known = cursor.string().is_some()
            || cursor.symbol(&Token::Mul)
            || cursor.symbol(&Token::Comma)
            || cursor.any_word().is_ok();
        if !known {
            return cursor.fail("an option that COPY has not");
        }
    }
    Ok(())
}
