//! Identifiers and keywords.
//!
//! Unquoted words come out as the server compares them: ASCII letters in lower case, cut to 63
//! bytes. Only the server's own keywords are keywords to the parser, and only in ASCII, so that
//! the syntax of other databases which the parser knows (`TOP`, `SEMI JOIN`, `QUALIFY`) is read as
//! the plain identifiers that they are here.

use sqlparser::keywords::{ALL_KEYWORDS, ALL_KEYWORDS_INDEX, Keyword};
use sqlparser::tokenizer::{Token, Word};

use super::super::keyword;
use super::super::unread::Unread;
use super::{Scanner, is_word_part};

/// The longest name that the server keeps, in bytes (`NAMEDATALEN - 1`).
const NAME_BYTES: usize = 63;

/// Words that are no keywords of the server, but which the parser must take for keywords in order
/// to read `DATE '…'` and `TABLESAMPLE BERNOULLI`. They do no harm elsewhere.
const ALSO_KEYWORDS: [&str; 6] = ["bernoulli", "bytea", "date", "json", "jsonb", "uuid"];

impl Scanner<'_> {
    /// An unquoted word; the scanner stands at its first byte.
    pub(super) fn word(&mut self) -> Token {
        let start = self.at;
        self.skip_while(is_word_part);
        let value = fold(self.slice(start, self.at));
        let keyword = keyword_of(&value);
        Token::Word(Word {
            value,
            quote_style: None,
            keyword,
        })
    }

    /// `"…"`; the scanner stands at the opening quote.
    pub(super) fn quoted_word(&mut self) -> Result<Token, Unread> {
        let start = self.at;
        let mut name = String::new();
        self.until_quote(b'"', &mut name)?;
        quoted(&name).ok_or(Unread::Syntax {
            what: "an empty identifier",
            at: start,
        })
    }
}

/// The token of a quoted identifier, or `None` where it is empty.
pub(super) fn quoted(name: &str) -> Option<Token> {
    (!name.is_empty()).then(|| {
        Token::Word(Word {
            value: truncate(name),
            quote_style: Some('"'),
            keyword: Keyword::NoKeyword,
        })
    })
}

/// True for the unquoted word `uescape`.
pub(super) fn is_uescape(token: &Token) -> bool {
    matches!(token, Token::Word(word) if word.quote_style.is_none() && word.value == "uescape")
}

/// An unquoted name as the server stores it.
pub(in crate::sql) fn fold(name: &str) -> String {
    truncate(&name.to_ascii_lowercase())
}

/// A name cut to the length that the server keeps, at a character's bound.
fn truncate(name: &str) -> String {
    let mut end = name.len().min(NAME_BYTES);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.get(..end).unwrap_or(name).to_owned()
}

fn keyword_of(word: &str) -> Keyword {
    if keyword::kind(word).is_none() && !ALSO_KEYWORDS.contains(&word) {
        return Keyword::NoKeyword;
    }
    let upper = word.to_ascii_uppercase();
    ALL_KEYWORDS
        .binary_search(&upper.as_str())
        .ok()
        .and_then(|index| ALL_KEYWORDS_INDEX.get(index).copied())
        .unwrap_or(Keyword::NoKeyword)
}
