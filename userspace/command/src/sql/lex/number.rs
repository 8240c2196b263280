//! Numbers, and the parameters `$1`.
//!
//! Digits, fractions, exponents, `0x`/`0o`/`0b` and underscores between digits. A number that a
//! letter follows directly is refused: an error since version 15, a number and an alias before.

use sqlparser::tokenizer::Token;

use super::super::unread::Unread;
use super::{Scanner, is_word_start};

impl Scanner<'_> {
    /// A number; the scanner stands at its first digit or at the dot before it.
    pub(super) fn number(&mut self) -> Result<Token, Unread> {
        let start = self.at;
        let radix: Option<fn(u8) -> bool> = match (self.peek(0), self.peek(1)) {
            (Some(b'0'), Some(b'x' | b'X')) => Some(|b| b.is_ascii_hexdigit()),
            (Some(b'0'), Some(b'o' | b'O')) => Some(|b| matches!(b, b'0'..=b'7')),
            (Some(b'0'), Some(b'b' | b'B')) => Some(|b| matches!(b, b'0' | b'1')),
            _ => None,
        };
        if let Some(is_digit) = radix {
            self.at += 2;
            self.skip_while(|b| is_digit(b) || b == b'_');
        } else {
            self.decimal();
        }
        let text = self.slice(start, self.at);
        if text.contains("__")
            || text.ends_with('_')
            || self.is_followed_by_junk()
            || text.len() == 2 && radix.is_some()
        {
            return self.error(
                "a number that is not followed by a space or an operator",
                start,
            );
        }
        Ok(Token::Number(text.to_owned(), false))
    }

    fn decimal(&mut self) {
        let is_digit = |b: u8| b.is_ascii_digit() || b == b'_';
        self.skip_while(is_digit);
        if self.peek(0) == Some(b'.') {
            self.at += 1;
            self.skip_while(is_digit);
        }
        if matches!(self.peek(0), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.peek(1), Some(b'+' | b'-')));
            if self.peek(1 + sign).is_some_and(|b| b.is_ascii_digit()) {
                self.at += 1 + sign;
                self.skip_while(is_digit);
            }
        }
    }

    /// A parameter (`$1`) or a dollar-quoted string.
    pub(super) fn dollar(&mut self) -> Result<Token, Unread> {
        let start = self.at;
        if !self.peek(1).is_some_and(|b| b.is_ascii_digit()) {
            return self.dollar_string();
        }
        self.at += 1;
        self.skip_while(|b| b.is_ascii_digit());
        if self.is_followed_by_junk() {
            return self.error(
                "a parameter that is not followed by a space or an operator",
                start,
            );
        }
        Ok(Token::Placeholder(self.slice(start, self.at).to_owned()))
    }

    /// True where the number just read runs into a letter or another number.
    fn is_followed_by_junk(&self) -> bool {
        match self.peek(0) {
            Some(b'.') => true,
            Some(b) => is_word_start(b) || b.is_ascii_digit(),
            None => false,
        }
    }
}
