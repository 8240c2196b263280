//! `JSON_TABLE` and `XMLTABLE`, which make rows of a document.
//!
//! Its job: to take their lists of columns out, so that what is left is a call with the document and the
//! paths as its arguments. The columns are new ones and name nothing; what computes their values, and
//! what stands for those that are missing, is handed on to be read by itself. A list that isn't of
//! the server's grammar stays, and the parser rejects it.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::beside::{Beside, parted};
use super::clauses::{FORMATS, SHAPES};
use super::follow;
use super::types::{closing, data_type, enclosed};
use crate::sql::tokens::is_word;

type Asides = Vec<Vec<TokenWithSpan>>;

/// What columns of JSON may be followed by, beside how they are written: what stands for what is
/// missing.
const CLAUSES: [&[&[&str]]; 5] = [
    &[&["exists"]],
    &[&["empty"], &["on"], &["empty", "error"]],
    &[&["error", "null"], &["on"], &["empty", "error"]],
    &[&["true", "false", "unknown"], &["on"], &["error"]],
    &[&["true", "false", "unknown"], &["on"], &["empty"]],
];

/// `COLUMNS (…)` and what is behind it, up to the end of the table.
pub(super) fn of_json(tokens: &[TokenWithSpan]) -> Option<Beside> {
    if !is_word(tokens.first()?, "columns") {
        return None;
    }
    let mut asides = Vec::new();
    let columns = enclosed(tokens.get(1..)?)?;
    json_columns(columns, &mut asides)?;
    let mut length = columns.len() + 3;
    length += clauses(tokens.get(length..)?, &mut asides)?;
    (tokens.get(length)?.token == Token::RParen).then(|| Beside {
        asides,
        ..Beside::nothing(length)
    })
}

fn json_columns(columns: &[TokenWithSpan], asides: &mut Asides) -> Option<()> {
    for column in parted(columns, &Token::Comma) {
        let length = if follow(column, &[&["nested"], &["path"]]) {
            nested(column, 2, asides)?
        } else if is_word(column.first()?, "nested") && is_string(column.get(1)) {
            nested(column, 1, asides)?
        } else {
            json_column(column, asides)?
        };
        if length != column.len() {
            return None;
        }
    }
    Some(())
}

/// `NESTED PATH '…' AS p COLUMNS (…)`, of which the string is at `at`.
fn nested(column: &[TokenWithSpan], mut at: usize, asides: &mut Asides) -> Option<usize> {
    if !is_string(column.get(at)) {
        return None;
    }
    at += 1;
    if is_word(column.get(at)?, "as") && matches!(column.get(at + 1)?.token, Token::Word(_)) {
        at += 2;
    }
    if !is_word(column.get(at)?, "columns") {
        return None;
    }
    let inner = enclosed(column.get(at + 1..)?)?;
    json_columns(inner, asides)?;
    Some(at + inner.len() + 3)
}

fn json_column(column: &[TokenWithSpan], asides: &mut Asides) -> Option<usize> {
    if !matches!(column.first()?.token, Token::Word(_)) {
        return None;
    }
    if follow(column.get(1..)?, &[&["for"], &["ordinality"]]) {
        return Some(3);
    }
    let typed = 1 + data_type(column.get(1..)?)?;
    Some(typed + clauses(column.get(typed..)?, asides)?)
}

/// How many tokens the clauses behind a column, or behind all of them, are.
fn clauses(tokens: &[TokenWithSpan], asides: &mut Asides) -> Option<usize> {
    let mut length = 0;
    loop {
        let rest = tokens.get(length..).unwrap_or_default();
        let mut known = FORMATS.iter().chain(&SHAPES).chain(&CLAUSES);
        length += if let Some(clause) = known.find(|clause| follow(rest, clause)) {
            clause.len()
        } else if follow(rest, &[&["path"]]) && is_string(rest.get(1)) {
            2
        } else if follow(rest, &[&["default"]]) {
            let behind: [&[&str]; 2] = [&["on"], &["empty", "error"]];
            let ends = |at: &usize| follow(rest.get(*at..).unwrap_or_default(), &behind);
            let end = (2..rest.len()).find(ends)?;
            asides.push(rest.get(1..end)?.to_vec());
            end + 2
        } else {
            return Some(length);
        };
    }
}

/// `COLUMNS a int PATH …, b …`, up to the end of the table.
pub(super) fn of_xml(tokens: &[TokenWithSpan]) -> Option<Beside> {
    if !is_word(tokens.first()?, "columns") {
        return None;
    }
    let length = closing(tokens)?;
    let mut asides = Vec::new();
    for column in parted(tokens.get(1..length)?, &Token::Comma) {
        xml_column(column, &mut asides)?;
    }
    Some(Beside {
        asides,
        ..Beside::nothing(length)
    })
}

fn xml_column(column: &[TokenWithSpan], asides: &mut Asides) -> Option<()> {
    if !matches!(column.first()?.token, Token::Word(_)) {
        return None;
    }
    let typed = column.get(1..)?;
    if follow(typed, &[&["for"], &["ordinality"]]) {
        return (typed.len() == 2).then_some(());
    }
    let mut rest = typed.get(data_type(typed)?..)?;
    while let [keyword, behind @ ..] = rest {
        rest = if is_word(keyword, "null") {
            behind
        } else if follow(rest, &[&["not"], &["null"]]) {
            behind.get(1..)?
        } else if is_word(keyword, "path") || is_word(keyword, "default") {
            let ends = |at: &usize| begins_option(behind.get(*at..).unwrap_or_default());
            let end = (1..behind.len()).find(ends).unwrap_or(behind.len());
            asides.push(
                behind
                    .get(..end)
                    .filter(|value| !value.is_empty())?
                    .to_vec(),
            );
            behind.get(end..)?
        } else {
            return None;
        };
    }
    Some(())
}

fn begins_option(tokens: &[TokenWithSpan]) -> bool {
    follow(tokens, &[&["path", "default", "null"]]) || follow(tokens, &[&["not"], &["null"]])
}

fn is_string(token: Option<&TokenWithSpan>) -> bool {
    token.is_some_and(|token| matches!(token.token, Token::SingleQuotedString(_)))
}
