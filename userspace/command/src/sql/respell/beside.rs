//! Clauses whose expressions the parser doesn't take where they stand.
//!
//! Its job: to take such a clause out of a query, and to hand on what in it names something, to be read
//! by itself: what decides about conflicts, searches and cycles, and what a joined relation is
//! called. A clause that isn't of the server's grammar stays, and the parser rejects it.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::follow;
use super::types::{data_type, enclosed, named};
use crate::sql::tokens::{is_word, word};
use crate::sql::utility::QUERIES;

/// What is taken out.
pub(super) struct Beside {
    /// How many of the tokens ahead.
    pub(super) length: usize,
    /// What is written instead.
    pub(super) instead: Vec<Token>,
    /// Expressions in it. Each decides.
    pub(super) asides: Vec<Vec<TokenWithSpan>>,
    /// What it calls the whole rows of a join.
    pub(super) row: Option<String>,
}

impl Beside {
    /// Nothing but tokens that say nothing.
    pub(super) fn nothing(length: usize) -> Self {
        Self {
            length,
            instead: Vec::new(),
            asides: Vec::new(),
            row: None,
        }
    }
}

/// What to take out of the tokens ahead; `before` is what is written so far.
pub(super) fn beside(tokens: &[TokenWithSpan], before: &[TokenWithSpan]) -> Option<Beside> {
    let last = before.last();
    let behind = |token: Token| last.is_some_and(|last| last.token == token);
    match &tokens.first()?.token {
        Token::DoubleColon => cast_bound(tokens, last?),
        Token::Word(_) => match word(tokens.first()?)? {
            // Reserved, so that nothing but a collation's name stands behind it.
            "collate" => Some(Beside::nothing(1 + named(tokens.get(1..)?)?)),
            "on" if follow(tokens, &[&["on"], &["conflict"]]) => conflict(tokens),
            "search" if behind(Token::RParen) => search(tokens),
            "cycle" if behind(Token::RParen) => cycle(tokens),
            "as" if behind(Token::RParen) => {
                join_alias(tokens, before).or_else(|| columns_of_call(tokens, before))
            }
            _ => None,
        },
        _ => None,
    }
}

/// Whether to see that nothing is taken out here may take a look at all that is ahead.
pub(super) fn looks_far(token: &TokenWithSpan) -> bool {
    word(token).is_some_and(|word| matches!(word, "conflict" | "search" | "cycle" | "columns"))
}

/// `'1 day'::interval PRECEDING`: the string alone is a bound to the parser.
fn cast_bound(tokens: &[TokenWithSpan], last: &TokenWithSpan) -> Option<Beside> {
    if !matches!(last.token, Token::SingleQuotedString(_)) {
        return None;
    }
    let length = 1 + data_type(tokens.get(1..)?)?;
    let ends = follow(tokens.get(length..)?, &[&["preceding", "following"]]);
    ends.then(|| Beside::nothing(length))
}

/// `ON CONFLICT (lower(a), b COLLATE "C" text_ops) WHERE c`: what it asks of a row stands beside.
fn conflict(tokens: &[TokenWithSpan]) -> Option<Beside> {
    let open = 2;
    let inner = enclosed(tokens.get(open..)?)?;
    let mut length = open + inner.len() + 2;
    let plain = |token: &TokenWithSpan| matches!(token.token, Token::Word(_) | Token::Comma);
    let behind = tokens.get(length..)?;
    let mut asides = Vec::new();
    for element in parted(inner, &Token::Comma) {
        asides.push(inferred(element)?);
    }
    if behind.first().is_some_and(|token| is_word(token, "where")) {
        let end = behind.iter().position(|token| is_word(token, "do"))?;
        asides.push(behind.get(1..end)?.to_vec());
        length += end;
    } else if inner.iter().all(plain) && inner.len() == 2 * asides.len() - 1 {
        return None;
    }
    Some(Beside {
        length,
        instead: vec![Token::make_keyword("on"), Token::make_keyword("conflict")],
        asides,
        row: None,
    })
}

/// The expression of an element by which a conflict is found, without its collation and operators.
fn inferred(element: &[TokenWithSpan]) -> Option<Vec<TokenWithSpan>> {
    let head = match element.first()?.token {
        Token::LParen => enclosed(element)?.len() + 2,
        _ => {
            let name = named(element)?;
            let arguments = enclosed(element.get(name..)?);
            name + arguments.map_or(0, |arguments| arguments.len() + 2)
        }
    };
    let mut rest = element.get(head..)?;
    if rest.first().is_some_and(|token| is_word(token, "collate")) {
        rest = rest.get(1 + named(rest.get(1..)?)?..)?;
    }
    if !rest.is_empty() {
        rest = rest.get(named(rest)?..)?;
    }
    rest.is_empty()
        .then(|| element.get(..head).unwrap_or_default().to_vec())
}

/// `SEARCH DEPTH FIRST BY a, b SET c` behind a common table expression.
fn search(tokens: &[TokenWithSpan]) -> Option<Beside> {
    let words: [&[&str]; 4] = [&["search"], &["depth", "breadth"], &["first"], &["by"]];
    if !follow(tokens, &words) {
        return None;
    }
    let (names, listed) = names(tokens.get(4..)?)?;
    let set = 4 + listed;
    let label = tokens.get(set + 1)?;
    (is_word(tokens.get(set)?, "set") && matches!(label.token, Token::Word(_))).then(|| Beside {
        asides: names,
        ..Beside::nothing(set + 2)
    })
}

/// `CYCLE a, b SET c TO 'x' DEFAULT 'y' USING d`, the same.
fn cycle(tokens: &[TokenWithSpan]) -> Option<Beside> {
    let (mut asides, listed) = names(tokens.get(1..)?)?;
    let set = 1 + listed;
    if !is_word(tokens.get(set)?, "set") || !matches!(tokens.get(set + 1)?.token, Token::Word(_)) {
        return None;
    }
    let mut at = set + 2;
    for (keyword, until) in [("to", "default"), ("default", "using")] {
        if is_word(tokens.get(at)?, keyword) {
            let value = tokens.get(at + 1..)?;
            let end = value.iter().position(|token| is_word(token, until))?;
            asides.push(value.get(..end)?.to_vec());
            at += 1 + end;
        }
    }
    let label = tokens.get(at + 1)?;
    (is_word(tokens.get(at)?, "using") && matches!(label.token, Token::Word(_))).then(|| Beside {
        asides,
        ..Beside::nothing(at + 2)
    })
}

/// Columns that commas part, each by itself, and how many tokens they are.
fn names(tokens: &[TokenWithSpan]) -> Option<(Vec<Vec<TokenWithSpan>>, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    loop {
        let name = tokens.get(at)?;
        if !matches!(name.token, Token::Word(_)) {
            return None;
        }
        found.push(vec![name.clone()]);
        at += 1;
        if tokens.get(at)?.token != Token::Comma {
            return Some((found, at));
        }
        at += 1;
    }
}

/// `JOIN t USING (a, b) AS j`: the columns that are joined are rows of that name.
fn join_alias(tokens: &[TokenWithSpan], before: &[TokenWithSpan]) -> Option<Beside> {
    let Token::Word(alias) = &tokens.get(1)?.token else {
        return None;
    };
    let list = before.split_last()?.1;
    // names and the commas between them, from the last
    let mut is_name = false;
    let names = list.iter().rev().take_while(|token| {
        is_name = !is_name;
        match token.token {
            Token::Word(_) => is_name,
            Token::Comma => !is_name,
            _ => false,
        }
    });
    let rest = list.get(..list.len().checked_sub(names.count())?)?;
    let [.., using, open] = rest else { return None };
    (open.token == Token::LParen && is_word(using, "using")).then(|| Beside {
        row: Some(alias.value.clone()),
        ..Beside::nothing(2)
    })
}

/// `FROM f(x) AS (a int, b text)`: the function's own name is its alias, as the server has it.
fn columns_of_call(tokens: &[TokenWithSpan], before: &[TokenWithSpan]) -> Option<Beside> {
    let [_, open, first, second, ..] = tokens else {
        return None;
    };
    let defines = open.token == Token::LParen
        && matches!(first.token, Token::Word(_))
        && word(first).is_none_or(|word| !QUERIES.contains(&word))
        && matches!(second.token, Token::Word(_));
    if !defines {
        return None;
    }
    let mut depth = 0_usize;
    let call = before.iter().rposition(|token| {
        match token.token {
            Token::RParen => depth += 1,
            Token::LParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    })?;
    let name = &before.get(call.checked_sub(1)?)?.token;
    matches!(name, Token::Word(_)).then(|| Beside {
        instead: vec![Token::make_keyword("as"), name.clone()],
        ..Beside::nothing(1)
    })
}

/// The parts between separators that are in no parentheses.
pub(super) fn parted<'t>(
    tokens: &'t [TokenWithSpan],
    separator: &Token,
) -> Vec<&'t [TokenWithSpan]> {
    let mut depth = 0_usize;
    tokens
        .split(|token| {
            match token.token {
                Token::LParen | Token::LBracket => depth += 1,
                Token::RParen | Token::RBracket => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && token.token == *separator
        })
        .collect()
}
