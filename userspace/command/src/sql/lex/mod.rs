//! The server's lexer: text to tokens, by the rules of PostgreSQL's `scan.l`.
//!
//! Its job: bounds. Where a string, a comment or an identifier ends is where an attacker would
//! like weir and the server to disagree, so the rules here are the server's own and not those of
//! the parser crate, whose tokenizer serves many dialects at once. Tokens come out in the parser
//! crate's type, already folded as the server folds them, so that its tokenizer is never used.
//!
//! Not its job: grammar.
//!
//! Known limits: the settings that change lexing are assumed to be at their defaults
//! (`standard_conforming_strings = on`, `client_encoding = UTF8`), which holds because the
//! statements that change them are never read as commands. Where servers of different versions
//! read a text differently (`123abc`, a vertical tab) it is refused.

mod number;
mod operator;
mod string;
mod word;

#[cfg(test)]
mod tests;

use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan};

use super::unread::Unread;

pub(super) use word::fold;

/// Most tokens in one text. A token costs about a hundred bytes here, against one in the text.
const TOKENS: usize = 1 << 18;

/// Where the scanner stands in a text.
struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

/// Reads all tokens of a text.
///
/// A token's span holds its place: `line` is its number and `column` its byte offset, both from 1.
pub(super) fn lex(text: &str) -> Result<Vec<TokenWithSpan>, Unread> {
    let mut scanner = Scanner { text, at: 0 };
    let mut tokens = Vec::new();
    loop {
        scanner.skip_blanks()?;
        let start = scanner.at;
        let Some(token) = scanner.token()? else { break };
        if tokens.len() >= TOKENS {
            return Err(Unread::TooLarge("too many tokens"));
        }
        if word::is_uescape(&token)
            && tokens
                .last()
                .is_some_and(|t: &TokenWithSpan| scanner.is_unicode(t))
        {
            return Err(Unread::Unsupported("a second UESCAPE"));
        }
        tokens.push(TokenWithSpan {
            token,
            span: place(tokens.len(), start),
        });
    }
    Ok(tokens)
}

/// The span of token number `index` at byte `offset`.
pub(super) fn place(index: usize, offset: usize) -> Span {
    // usize is never wider than u64 where weir runs
    let start = Location {
        line: index as u64 + 1,
        column: offset as u64 + 1,
    };
    Span { start, end: start }
}

impl<'t> Scanner<'t> {
    /// The byte `ahead` of the scanner.
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    /// The text not read yet.
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or("")
    }

    /// The text between two offsets; empty where they are no bounds of characters.
    fn slice(&self, from: usize, to: usize) -> &'t str {
        self.text.get(from..to).unwrap_or("")
    }

    /// An error at the given offset.
    fn error<T>(&self, what: &'static str, at: usize) -> Result<T, Unread> {
        Err(Unread::Syntax { what, at })
    }

    /// Steps over bytes while they are of a kind.
    fn skip_while(&mut self, kind: impl Fn(u8) -> bool) {
        while self.peek(0).is_some_and(&kind) {
            self.at += 1;
        }
    }

    /// Steps over white space and comments.
    fn skip_blanks(&mut self) -> Result<(), Unread> {
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(b), _) if is_space(b) => self.at += 1,
                (Some(b'-'), Some(b'-')) => self.skip_while(|b| !is_newline(b)),
                (Some(b'/'), Some(b'*')) => self.block_comment()?,
                _ => return Ok(()),
            }
        }
    }

    /// Steps over a block comment, which nests.
    fn block_comment(&mut self) -> Result<(), Unread> {
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(b'/'), Some(b'*')) => {
                    depth += 1;
                    self.at += 2;
                }
                (Some(b'*'), Some(b'/')) => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                (Some(_), _) => self.at += 1,
                (None, _) => return self.error("an unterminated comment", start),
            }
        }
    }

    /// The next token, or `None` at the end.
    fn token(&mut self) -> Result<Option<Token>, Unread> {
        let Some(byte) = self.peek(0) else {
            return Ok(None);
        };
        let next = self.peek(1);
        let token = match byte {
            b'\'' => Token::SingleQuotedString(self.plain_string()?),
            b'"' => self.quoted_word()?,
            b'$' => self.dollar()?,
            b'0'..=b'9' => self.number()?,
            b'.' if next.is_some_and(|b| b.is_ascii_digit()) => self.number()?,
            b'b' | b'B' | b'x' | b'X' | b'e' | b'E' | b'n' | b'N' if next == Some(b'\'') => {
                self.prefixed_string(byte)?
            }
            b'u' | b'U' if next == Some(b'&') && matches!(self.peek(2), Some(b'\'' | b'"')) => {
                self.unicode()?
            }
            b if is_word_start(b) => self.word(),
            b if operator::is_operator_byte(b) => self.operator()?,
            b => self.punctuation(b)?,
        };
        Ok(Some(token))
    }

    /// True for a token written as `U&'…'` or `U&"…"`.
    fn is_unicode(&self, token: &TokenWithSpan) -> bool {
        let at = usize::try_from(token.span.start.column)
            .unwrap_or(1)
            .saturating_sub(1);
        let written = self.text.as_bytes().get(at..at + 3);
        matches!(written, Some([b'u' | b'U', b'&', b'\'' | b'"']))
    }
}

/// What the server calls a space. The vertical tab, a space since version 16 only, is none.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0c)
}

/// What ends a `--` comment.
fn is_newline(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// What an identifier may begin with: any byte of a character beyond ASCII counts as a letter,
/// white space of Unicode included.
fn is_word_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || !byte.is_ascii()
}

/// What an identifier may go on with.
fn is_word_part(byte: u8) -> bool {
    is_word_start(byte) || byte.is_ascii_digit() || byte == b'$'
}
