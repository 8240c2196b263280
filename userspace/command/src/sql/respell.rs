//! Queries in spellings that the parser crate knows.
//!
//! Its job: to write what it would reject or misread in other words of the same meaning, as far
//! as the normalised command goes:
//!
//! | the server's grammar | is written |
//! |---|---|
//! | `TABLE t` at the start of a query | `SELECT * FROM t` |
//! | `ONLY t` | `t` |
//! | `FOR NO KEY UPDATE`, `FOR KEY SHARE` | `FOR UPDATE`, `FOR SHARE` |
//! | `OVERRIDING SYSTEM VALUE` | nothing |
//! | `(value).*` | `(value)`, and it is told that all columns are named |
//!
//! Each of these holds a reserved word, or words that can't follow each other otherwise, so that
//! nothing else is rewritten.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::lex::place;
use super::tokens::{is_word, offset, word};

/// A query ready for the parser.
pub(super) struct Respelled {
    /// Its tokens, numbered anew.
    pub(super) tokens: Vec<TokenWithSpan>,
    /// True where a composite value's columns were named by a star.
    pub(super) expands: bool,
}

/// Writes a query's tokens in the parser's words.
pub(super) fn respell(tokens: &[TokenWithSpan]) -> Respelled {
    let mut out = Respelled {
        tokens: Vec::with_capacity(tokens.len()),
        expands: false,
    };
    let mut rest = tokens;
    while let [token, tail @ ..] = rest {
        let before = out.tokens.last();
        rest = if begins_table(token, before) {
            for spelled in ["select", "*", "from"] {
                out.push(spelled_token(spelled), offset(token));
            }
            tail
        } else if is_word(token, "only") && awaits_relation(before) {
            tail
        } else if is_word(token, "overriding") && follow(tail, &[&["system", "user"], &["value"]]) {
            tail.get(2..).unwrap_or(&[])
        } else if let Some((lock, length)) = lock_strength(rest) {
            out.push(token.token.clone(), offset(token));
            out.push(spelled_token(lock), offset(token));
            rest.get(length..).unwrap_or(&[])
        } else if is_star(rest)
            && before.is_some_and(|t| matches!(t.token, Token::RParen | Token::RBracket))
        {
            out.expands = true;
            rest.get(2..).unwrap_or(&[])
        } else {
            out.push(token.token.clone(), offset(token));
            tail
        };
    }
    out
}

impl Respelled {
    fn push(&mut self, token: Token, offset: usize) {
        self.tokens.push(TokenWithSpan {
            token,
            span: place(self.tokens.len(), offset),
        });
    }
}

/// True for a `TABLE` with which a query begins.
fn begins_table(token: &TokenWithSpan, before: Option<&TokenWithSpan>) -> bool {
    is_word(token, "table")
        && before.is_none_or(|before| match word(before) {
            Some(word) => matches!(word, "union" | "intersect" | "except" | "all" | "distinct"),
            None => matches!(before.token, Token::LParen | Token::RParen),
        })
}

/// True behind what a relation must follow.
fn awaits_relation(before: Option<&TokenWithSpan>) -> bool {
    before.is_some_and(|before| match word(before) {
        Some(word) => matches!(word, "from" | "join" | "using" | "update" | "into"),
        None => matches!(before.token, Token::Comma | Token::LParen),
    })
}

/// True where the next tokens are words, each one of its alternatives.
fn follow(tokens: &[TokenWithSpan], words: &[&[&str]]) -> bool {
    tokens.len() >= words.len()
        && tokens
            .iter()
            .zip(words)
            .all(|(token, any)| word(token).is_some_and(|w| any.contains(&w)))
}

/// The lock that `FOR …` stands for, and how many tokens it takes, where the parser knows it not.
fn lock_strength(tokens: &[TokenWithSpan]) -> Option<(&'static str, usize)> {
    if follow(tokens, &[&["for"], &["no"], &["key"], &["update"]]) {
        Some(("update", 4))
    } else if follow(tokens, &[&["for"], &["key"], &["share"]]) {
        Some(("share", 3))
    } else {
        None
    }
}

fn is_star(tokens: &[TokenWithSpan]) -> bool {
    matches!(tokens, [dot, star, ..] if dot.token == Token::Period && star.token == Token::Mul)
}

fn spelled_token(spelled: &str) -> Token {
    match spelled {
        "*" => Token::Mul,
        word => Token::make_keyword(word),
    }
}
