//! Questions to tokens.

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

/// A token's byte offset in the text.
pub(super) fn offset(token: &TokenWithSpan) -> usize {
    usize::try_from(token.span.start.column)
        .unwrap_or(usize::MAX)
        .saturating_sub(1)
}
