//! How many tokens a name, a type or what is in parentheses takes.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::follow;

/// Types of several words.
const LONG: [&[&[&str]]; 8] = [
    &[&["double"], &["precision"]],
    &[&["character", "char"], &["varying"]],
    &[&["national"], &["character", "char"], &["varying"]],
    &[&["national"], &["character", "char"]],
    &[&["bit"], &["varying"]],
    &[
        &["timestamp", "time"],
        &["with", "without"],
        &["time"],
        &["zone"],
    ],
    &[&["setof"]],
    &[
        &["interval"],
        &["year", "month", "day", "hour", "minute", "second"],
    ],
];

/// The length of a name that dots may part.
pub(super) fn named(tokens: &[TokenWithSpan]) -> Option<usize> {
    let at = |n: usize| tokens.get(n).map(|token| &token.token);
    let mut length = 0;
    loop {
        if !matches!(at(length)?, Token::Word(_)) {
            return None;
        }
        length += 1;
        if at(length) != Some(&Token::Period) {
            return Some(length);
        }
        length += 1;
    }
}

/// What is within the parentheses that open here.
pub(super) fn enclosed(tokens: &[TokenWithSpan]) -> Option<&[TokenWithSpan]> {
    let (open, within) = tokens.split_first()?;
    if open.token != Token::LParen {
        return None;
    }
    within.get(..closing(within)?)
}

/// Where the parentheses end that are open before these tokens.
pub(super) fn closing(tokens: &[TokenWithSpan]) -> Option<usize> {
    let mut depth = 1_usize;
    tokens.iter().position(|token| {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    })
}

/// The length of a type's name, or of a label.
pub(super) fn data_type(tokens: &[TokenWithSpan]) -> Option<usize> {
    let long = LONG.iter().find(|words| follow(tokens, words));
    let mut length = match long {
        Some(words) => words.len(),
        None => named(tokens)?,
    };
    let at = |n: usize| tokens.get(n).map(|token| &token.token);
    for (open, close) in [
        (Token::LParen, Token::RParen),
        (Token::LBracket, Token::RBracket),
    ] {
        while at(length) == Some(&open) {
            let inner = tokens.get(length + 1..)?;
            let end = inner
                .iter()
                .position(|t| !matches!(t.token, Token::Number(..) | Token::Comma))?;
            if inner.get(end)?.token != close {
                return None;
            }
            length += end + 2;
        }
    }
    // `timestamp(3) with time zone`
    let zone: [&[&str]; 3] = [&["with", "without"], &["time"], &["zone"]];
    let behind = tokens.get(length..).unwrap_or_default();
    Some(length + if follow(behind, &zone) { zone.len() } else { 0 })
}
