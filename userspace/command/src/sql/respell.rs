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
//! | `float8 '1'`, any type before a string | `'1'` |
//! | `VARIADIC` before an argument | nothing |
//! | `EXCLUDE …` at the end of a window's frame | nothing |
//! | `CURRENT OF cursor` | `ctid IS NULL`: one row, by its place |
//! | `ROWS FROM (f(), g())` | `(SELECT f(), g())` |
//! | `a[1:2].b = …` among assignments, `(a[1])` among inserted columns | `a = …`, `(a)` |
//! | what parts the arguments of JSON's and XML's functions | commas, or nothing |
//! | `ON CONFLICT (lower(a)) WHERE …`, `SEARCH …`, `CYCLE …` | nothing, and its expressions are told |
//! | the columns of `JSON_TABLE` and `XMLTABLE` | nothing, and what computes them is told |
//! | `JOIN t USING (a) AS j` | `JOIN t USING (a)`, and that rows are called `j` |
//! | `f(x) AS (a int)` | `f(x) AS f (a int)` |
//! | `COLLATE "C"`; the cast of a string that bounds a frame | nothing |
//! | `COLLATION FOR (x)`, `x AT LOCAL` | `pg_collation_for(x)`, `x AT TIME ZONE null` |
//! | `JSON_ARRAY(SELECT …)` | `JSON_ARRAY(ARRAY(SELECT …))` |
//! | `USING a JOIN b ON …` of a `MERGE` | `USING (a JOIN b ON …)` |
//! | `INSERT DEFAULT VALUES` of a `MERGE` | `INSERT VALUES (DEFAULT)` |
//! | `LIKE ALL (array)` | `LIKE ANY (array)` |
//! | any operator before `ANY`, `SOME` or `ALL` | `=` |
//! | `SELECT` of nothing | `SELECT null` |
//! | `IS DOCUMENT` behind a value | `IS NULL` |
//! | `ISNULL`, `NOTNULL` behind a value | `IS NULL`, `IS NOT NULL` |
//!
//! Each of these holds a reserved word, or words that can't follow each other otherwise, so that
//! nothing else is rewritten.

mod beside;
mod calls;
mod clauses;
mod tables;
mod target;
mod types;
mod wrapped;

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use super::keyword::{kind, may_name};
use super::lex::place;
use super::tokens::{is_operator, is_word, offset, word};
use beside::beside;
use calls::Calls;
use target::Target;

/// How many clauses that may be taken out, and are not, are looked at in one text: each look may go
/// to its end.
const MOST_DOUBTS: usize = 32;

/// A query ready for the parser.
pub(super) struct Respelled {
    /// Its tokens, numbered anew.
    pub(super) tokens: Vec<TokenWithSpan>,
    /// True where a composite value's columns were named by a star.
    pub(super) expands: bool,
    /// `ROWS FROM (f(…), g(…))` is spelled as a list of results, of which each may be several.
    pub(super) rows_from: bool,
    /// Expressions that were taken out of their places, to be read by themselves. Each decides.
    pub(super) asides: Vec<Vec<TokenWithSpan>>,
    /// What else whole rows are called.
    pub(super) rows: Vec<String>,
}

/// Writes a query's tokens in the parser's words.
pub(super) fn respell(tokens: &[TokenWithSpan]) -> Respelled {
    let mut out = Respelled {
        tokens: Vec::with_capacity(tokens.len()),
        expands: false,
        rows_from: false,
        asides: Vec::new(),
        rows: Vec::new(),
    };
    let mut rest = tokens;
    let mut target = Target::default();
    let mut calls = Calls::default();
    let mut doubts = 0;
    let mut parentheses = wrapped::parentheses(tokens).into_iter().peekable();
    while let [token, tail @ ..] = rest {
        let at = tokens.len() - rest.len();
        while let Some((_, words)) = parentheses.next_if(|(place, _)| *place == at) {
            out.write(words, offset(token), &mut calls, &mut target);
        }
        let before = out.tokens.last();
        let subscript = target.subscript(rest);
        if subscript > 0 {
            rest = rest.get(subscript..).unwrap_or(&[]);
            continue;
        }
        if doubts < MOST_DOUBTS {
            if let Some(beside) = calls.columns(rest).or_else(|| beside(rest, &out.tokens)) {
                let at = offset(token);
                for token in beside.instead {
                    out.push(token, at);
                }
                out.asides.extend(beside.asides);
                out.rows.extend(beside.row);
                rest = rest.get(beside.length..).unwrap_or(&[]);
                continue;
            }
            doubts += usize::from(beside::looks_far(token));
        }
        target.pass(token);
        let instead = calls.instead(rest, before);
        rest = if let Some((words, length)) = instead.or_else(|| replaced(rest, before)) {
            out.rows_from |= is_word(token, "rows");
            out.write(words, offset(token), &mut calls, &mut target);
            rest.get(length..).unwrap_or(&[])
        } else if let Some(name) = makes_rows(rest, before) {
            out.push(Token::Word(name), offset(token));
            tail
        } else if is_quantified(rest) {
            out.push(Token::Eq, offset(token));
            tail
        } else if begins_table(token, before) {
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
            calls.pass(token, &out.tokens);
            out.push(token.token.clone(), offset(token));
            tail
        };
    }
    out
}

impl Respelled {
    /// Writes words that stand for others, or that the server needs none of.
    fn write(&mut self, words: &[&str], offset: usize, calls: &mut Calls, target: &mut Target) {
        for spelled in words {
            let spelled = spelled_token(spelled);
            match spelled {
                Token::LParen => {
                    calls.open();
                    target.open();
                }
                Token::RParen => {
                    calls.close();
                    target.close();
                }
                _ => {}
            }
            self.push(spelled, offset);
        }
    }

    fn push(&mut self, token: Token, offset: usize) {
        self.tokens.push(TokenWithSpan {
            token,
            span: place(self.tokens.len(), offset),
        });
    }
}

/// What stands for the tokens ahead, and how many they are.
fn replaced(
    tokens: &[TokenWithSpan],
    before: Option<&TokenWithSpan>,
) -> Option<(&'static [&'static str], usize)> {
    let [token, tail @ ..] = tokens else {
        return None;
    };
    if is_type_of_string(token, tail, before) {
        return Some((&[], 1));
    }
    let is = |n: usize, expected: Token| tail.get(n).is_some_and(|t| t.token == expected);
    match word(token)? {
        "variadic" => Some((&[], 1)),
        "all"
            if before.is_some_and(|t| is_word(t, "like") || is_word(t, "ilike"))
                && is(0, Token::LParen) =>
        {
            Some((&["any"], 1))
        }
        "symmetric" | "asymmetric" if before.is_some_and(|before| is_word(before, "between")) => {
            Some((&[], 1))
        }
        "exclude" if before.and_then(word).is_some_and(ends_frame) => {
            let length = [
                &[&["current"][..], &["row"]][..],
                &[&["no"], &["others"]],
                &[&["group", "ties"]],
            ]
            .into_iter()
            .find(|end| follow(tail, end) && is(end.len(), Token::RParen))?
            .len();
            Some((&[], 1 + length))
        }
        "current"
            if before.is_some_and(|before| is_word(before, "where"))
                && follow(tail, &[&["of"]])
                && tail.get(1).is_some_and(|t| word(t).is_none_or(may_name)) =>
        {
            Some((&["ctid", "is", "null"], 3))
        }
        "rows" if follow(tail, &[&["from"]]) && is(1, Token::LParen) => Some((&["(", "select"], 3)),
        "with" if follow(tail, &[&["ordinality"]]) => Some((&[], 2)),
        "insert"
            if before.is_some_and(|before| is_word(before, "then"))
                && follow(tail, &[&["default"], &["values"]]) =>
        {
            Some((&["insert", "values", "(", "default", ")"], 3))
        }
        // words of version 17, which may be names before
        "by" if before.is_some_and(|before| is_word(before, "matched")) => {
            match tail.first().and_then(word)? {
                "source" => Some((&["by", "source"], 2)),
                "target" => Some((&["by", "target"], 2)),
                _ => None,
            }
        }
        "collation" if follow(tail, &[&["for"]]) && is(1, Token::LParen) => {
            Some((&["pg_collation_for"], 2))
        }
        "at" if follow(tail, &[&["local"]]) => Some((&["at", "time", "zone", "null"], 2)),
        "is" if follow(tail, &[&["document"]]) => Some((&["is", "null"], 2)),
        "is" if follow(tail, &[&["not"], &["document"]]) => Some((&["is", "not", "null"], 3)),
        "select" if selects_nothing(tail) => Some((&["select", "null"], 1)),
        // a label, which the parser takes for syntax
        "isnull" | "notnull" if before.is_some_and(|before| is_word(before, "as")) => None,
        "isnull" if !is(0, Token::LParen) => Some((&["is", "null"], 1)),
        "notnull" if !is(0, Token::LParen) => Some((&["is", "not", "null"], 1)),
        _ => None,
    }
}

/// True where a list of results would begin and the query ends.
fn selects_nothing(tail: &[TokenWithSpan]) -> bool {
    tail.first().is_none_or(|next| {
        next.token == Token::RParen || follow(tail, &[&["union", "intersect", "except"]])
    })
}

/// The name of a call that makes rows of a document, as that of any other.
fn makes_rows(tokens: &[TokenWithSpan], before: Option<&TokenWithSpan>) -> Option<Word> {
    let [name, open, ..] = tokens else {
        return None;
    };
    let spelled = word(name).filter(|word| matches!(*word, "json_table" | "xmltable"))?;
    let qualified = before.is_some_and(|before| before.token == Token::Period);
    (open.token == Token::LParen && !qualified).then(|| Word {
        value: spelled.to_owned(),
        quote_style: None,
        keyword: Keyword::NoKeyword,
    })
}

/// True for an operator that is applied to a query or an array as a whole.
fn is_quantified(tokens: &[TokenWithSpan]) -> bool {
    let [operator, quantifier, open, ..] = tokens else {
        return false;
    };
    is_operator(&operator.token)
        && word(quantifier).is_some_and(|word| matches!(word, "any" | "some" | "all"))
        && open.token == Token::LParen
}

/// True for a type before a string constant. Nothing else but syntax may stand there, and a word
/// that may be syntax isn't taken for one.
fn is_type_of_string(
    token: &TokenWithSpan,
    tail: &[TokenWithSpan],
    before: Option<&TokenWithSpan>,
) -> bool {
    let named = match &token.token {
        Token::Word(word) => {
            word.quote_style.is_some() || kind(&word.value).is_none() || word.value == "name"
        }
        _ => false,
    };
    let string = matches!(
        tail.first().map(|next| &next.token),
        Some(Token::SingleQuotedString(_))
    );
    named && string && before.is_none_or(|before| before.token != Token::Period)
}

/// What a window's frame ends with.
fn ends_frame(word: &str) -> bool {
    matches!(word, "preceding" | "following" | "row")
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
        "(" => Token::LParen,
        ")" => Token::RParen,
        "," => Token::Comma,
        word => Token::make_keyword(word),
    }
}
