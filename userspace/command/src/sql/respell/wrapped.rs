//! What the parser knows between parentheses only: the query that `JSON_ARRAY` is made of, and the joins
//! that a `MERGE` reads.
//!
//! Its job: to say where parentheses are to be written. Whatever they would mean elsewhere, they end
//! where the server's grammar has a word that can't belong to what they hold.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::{follow, is_word};
use crate::sql::tokens::word;

/// What is written before the token of a number.
pub(super) type Written = (usize, &'static [&'static str]);

const CLOSED: &[&str] = &[")"];

/// What parentheses hold, or all that is in none.
#[derive(Default)]
struct Level {
    /// The query of a `JSON_ARRAY`, whose end is still to come.
    query: bool,
    merge: Option<Merge>,
    /// `CASE`s that are open.
    cases: usize,
}

/// What was seen of a `MERGE`.
#[derive(Default)]
struct Merge {
    /// Where what it reads begins.
    using: Option<usize>,
    joins: bool,
    /// The last `ON`, which is its own if what follows is a `WHEN`.
    on: Option<usize>,
}

/// Where what is to be written, in order.
pub(super) fn parentheses(tokens: &[TokenWithSpan]) -> Vec<Written> {
    let mut written = Vec::new();
    let mut above = Vec::new();
    let mut level = Level::default();
    for (at, token) in tokens.iter().enumerate() {
        let rest = tokens.get(at..).unwrap_or_default();
        match &token.token {
            Token::LParen => {
                let query = is_json_array(tokens.get(..at).unwrap_or_default())
                    && follow(rest.get(1..).unwrap_or_default(), &[QUERIES]);
                if query {
                    // It gathers rows as ARRAY does.
                    written.push((at + 1, &["array", "("][..]));
                }
                let inner = Level {
                    query,
                    ..Level::default()
                };
                above.push(std::mem::replace(&mut level, inner));
            }
            Token::RParen => {
                if level.query {
                    written.push((at, CLOSED));
                }
                level = above.pop().unwrap_or_default();
            }
            Token::Word(_) if level.query && ends_query(rest) => {
                level.query = false;
                written.push((at, CLOSED));
            }
            Token::Word(_) => level.word(at, rest, &mut written),
            _ => {}
        }
    }
    written.sort_by_key(|(at, _)| *at);
    written
}

const QUERIES: &[&str] = &["select", "values", "with", "table"];

/// True behind the name of the function, where no schema has another of that name.
fn is_json_array(before: &[TokenWithSpan]) -> bool {
    let qualified = |before: &[TokenWithSpan]| {
        before
            .last()
            .is_some_and(|before| before.token == Token::Period)
    };
    match before {
        [before @ .., name] => is_word(name, "json_array") && !qualified(before),
        [] => false,
    }
}

/// The clauses of `JSON_ARRAY` behind its query. `RETURNING` is reserved, and what is called `format`
/// there has no `json` behind it.
fn ends_query(tokens: &[TokenWithSpan]) -> bool {
    follow(tokens, &[&["returning"]]) || follow(tokens, &[&["format"], &["json"]])
}

impl Level {
    /// `USING`, `ON`, `CASE` and `END` are reserved: each is what it seems to be.
    fn word(&mut self, at: usize, rest: &[TokenWithSpan], written: &mut Vec<Written>) {
        let Some(spelled) = rest.first().and_then(word) else {
            return;
        };
        match (spelled, &mut self.merge) {
            ("merge", _) if follow(rest, &[&["merge"], &["into"]]) => {
                self.merge = Some(Merge::default());
            }
            (_, None) => {}
            ("using", Some(merge)) => {
                merge.using.get_or_insert(at + 1);
            }
            ("join", Some(merge)) => merge.joins |= merge.using.is_some(),
            ("on", Some(merge)) => merge.on = Some(at),
            ("case", Some(_)) => self.cases += 1,
            ("end", Some(_)) => self.cases = self.cases.saturating_sub(1),
            ("when", Some(_)) if self.cases == 0 => {
                if let Some(Merge {
                    using: Some(using),
                    joins: true,
                    on: Some(on),
                }) = self.merge.take()
                {
                    written.extend([(using, &["("][..]), (on, CLOSED)]);
                }
            }
            _ => {}
        }
    }
}
