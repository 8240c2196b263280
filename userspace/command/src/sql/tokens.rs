//! Questions to tokens.

use std::collections::BTreeSet;

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan, Word};

/// The unquoted word that a token is.
pub(super) fn word(token: &TokenWithSpan) -> Option<&str> {
    match &token.token {
        Token::Word(word) if word.quote_style.is_none() => Some(&word.value),
        _ => None,
    }
}

/// True for the given unquoted word.
pub(super) fn is_word(token: &TokenWithSpan, expected: &str) -> bool {
    word(token) == Some(expected)
}

/// True for a word that the parser may take for syntax.
pub(super) fn is_keyword(word: &Word) -> bool {
    word.keyword != Keyword::NoKeyword
}

/// The symbols of the operators among the tokens.
pub(super) fn operators(tokens: &[TokenWithSpan]) -> BTreeSet<String> {
    let operators = tokens
        .iter()
        .map(|token| &token.token)
        .filter(|t| is_operator(t));
    operators.map(ToString::to_string).collect()
}

/// True for what is neither a name, nor a value, nor punctuation.
pub(super) fn is_operator(token: &Token) -> bool {
    !matches!(
        token,
        Token::Word(_)
            | Token::Number(..)
            | Token::Placeholder(_)
            | Token::LParen
            | Token::RParen
            | Token::LBracket
            | Token::RBracket
            | Token::Comma
            | Token::Period
            | Token::Colon
            | Token::DoubleColon
            | Token::SingleQuotedString(_)
    )
}

/// A token's byte offset in the text.
pub(super) fn offset(token: &TokenWithSpan) -> usize {
    usize::try_from(token.span.start.column)
        .unwrap_or(usize::MAX)
        .saturating_sub(1)
}
