//! `CREATE SCHEMA`, and what is made with it.
//!
//! Each element is a statement of its own, and is read as one. All that they do is the command's.
//!
//! Known limit: privileges that are granted with it are not read: the command is one of its verb alone.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::super::cursor::Cursor;
use super::super::facts::Facts;
use super::super::lex::place;
use super::super::tokens::{is_word, offset};
use super::super::unread::Unread;
use super::definition::if_not_exists;
use super::statement;
use crate::model::{Access, Control, Object, Statement, Verb};

/// Reads what follows `CREATE SCHEMA`.
pub(super) fn create(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    if_not_exists(cursor);
    if cursor.peek() != Some("authorization") {
        facts.object(cursor.plain_object(Access::Define)?);
    }
    if cursor.word("authorization") {
        // the schema of a role that is named alone bears its name
        let name = cursor.any_word()?;
        facts.object(Object {
            database: None,
            schema: None,
            name,
            access: Access::Define,
        });
    }
    if cursor.at_end() {
        return Ok(());
    }
    if cursor.peek() != Some("create") {
        return Err(Unread::Unsupported(
            "a schema made with what weir does not follow",
        ));
    }
    for element in elements(cursor.rest()) {
        match statement(element)? {
            Statement::Command(command)
                if command.verb == Verb::Create && command.control == Control::None =>
            {
                facts.include(*command);
            }
            Statement::Command(_) | Statement::Opaque(_) => {
                return Err(Unread::Unsupported(
                    "a schema made with what weir does not follow",
                ));
            }
        }
    }
    Ok(())
}

/// The statements of a schema. Both words that one may begin with are reserved; `WITH GRANT OPTION`
/// begins none.
fn elements(tokens: Vec<TokenWithSpan>) -> Vec<Vec<TokenWithSpan>> {
    let mut elements: Vec<Vec<TokenWithSpan>> = Vec::new();
    let mut depth = 0_usize;
    let mut option = false;
    for token in tokens {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        let begins = is_word(&token, "create") || is_word(&token, "grant") && !option;
        option = is_word(&token, "with");
        if depth == 0 && begins {
            elements.push(Vec::new());
        }
        if let Some(element) = elements.last_mut() {
            // numbered anew, as the tokens of a statement are
            let span = place(element.len(), offset(&token));
            element.push(TokenWithSpan { span, ..token });
        }
    }
    elements
}
