//! String constants: `'…'`, `E'…'`, `B'…'`, `X'…'`, `N'…'`, `U&'…'` and `$tag$…$tag$`.
//!
//! A backslash means something in `E'…'` only. A constant goes on behind white space that holds a
//! line break (`--` comments may stand in it, block comments may not), as the standard has it.

use sqlparser::tokenizer::Token;

use super::super::unread::Unread;
use super::{Scanner, is_newline, is_space, is_word_part};

impl<'t> Scanner<'t> {
    /// `'…'`, of which the value is returned; the scanner stands at the opening quote.
    pub(super) fn plain_string(&mut self) -> Result<String, Unread> {
        let mut value = String::new();
        loop {
            self.until_quote(b'\'', &mut value)?;
            if !self.goes_on() {
                return Ok(value);
            }
        }
    }

    /// A constant with a letter before the quote, at which the scanner stands.
    pub(super) fn prefixed_string(&mut self, prefix: u8) -> Result<Token, Unread> {
        self.at += 1;
        Ok(match prefix.to_ascii_lowercase() {
            b'b' => Token::SingleQuotedByteStringLiteral(self.plain_string()?),
            b'x' => Token::HexStringLiteral(self.plain_string()?),
            b'n' => Token::NationalStringLiteral(self.plain_string()?),
            _ => Token::SingleQuotedString(self.escape_string()?),
        })
    }

    /// Appends what is between quotes, where a doubled quote is one of the value.
    pub(super) fn until_quote(&mut self, quote: u8, value: &mut String) -> Result<(), Unread> {
        let opening = self.at;
        self.at += 1;
        loop {
            let from = self.at;
            self.skip_while(|b| b != quote);
            value.push_str(self.slice(from, self.at));
            if self.peek(0).is_none() {
                return self.error("an unterminated quotation", opening);
            }
            self.at += 1;
            if self.peek(0) != Some(quote) {
                return Ok(());
            }
            value.push(char::from(quote));
            self.at += 1;
        }
    }

    /// `E'…'`; the scanner stands at the quote.
    fn escape_string(&mut self) -> Result<String, Unread> {
        let opening = self.at;
        let mut value = Vec::new();
        loop {
            self.at += 1;
            loop {
                match (self.peek(0), self.peek(1)) {
                    (None, _) | (Some(b'\\'), None) => {
                        return self.error("an unterminated quotation", opening);
                    }
                    (Some(b'\''), Some(b'\'')) => {
                        value.push(b'\'');
                        self.at += 2;
                    }
                    (Some(b'\''), _) => {
                        self.at += 1;
                        break;
                    }
                    (Some(b'\\'), Some(escaped)) => {
                        self.at += 2;
                        self.escape(escaped, &mut value)?;
                    }
                    (Some(byte), _) => {
                        value.push(byte);
                        self.at += 1;
                    }
                }
            }
            if !self.goes_on() {
                break;
            }
        }
        let value = String::from_utf8(value)
            .map_err(|_| Unread::Encoding("holds escapes that are not UTF-8"))?;
        if value.contains('\0') {
            return Err(Unread::Encoding("holds an escaped NUL"));
        }
        Ok(value)
    }

    /// One escape, whose letter has been read.
    fn escape(&mut self, letter: u8, value: &mut Vec<u8>) -> Result<(), Unread> {
        match letter {
            b'b' => value.push(0x08),
            b'f' => value.push(0x0c),
            b'n' => value.push(b'\n'),
            b'r' => value.push(b'\r'),
            b't' => value.push(b'\t'),
            b'0'..=b'7' => {
                self.at -= 1;
                // the server, too, drops what is over a byte
                let [low, ..] = self.digits(8, 3).to_le_bytes();
                value.push(low);
            }
            b'x' if self.peek(0).is_some_and(|b| b.is_ascii_hexdigit()) => {
                let [low, ..] = self.digits(16, 2).to_le_bytes();
                value.push(low);
            }
            b'u' => self.code_point(4, value)?,
            b'U' => self.code_point(8, value)?,
            other => value.push(other),
        }
        Ok(())
    }

    /// Up to `most` digits of a radix, as a number.
    fn digits(&mut self, radix: u32, most: usize) -> u32 {
        let mut number = 0_u32;
        for _ in 0..most {
            let Some(digit) = self.peek(0).and_then(|b| char::from(b).to_digit(radix)) else {
                break;
            };
            number = number.wrapping_mul(radix).wrapping_add(digit);
            self.at += 1;
        }
        number
    }

    /// Exactly `length` hexadecimal digits as a character. Surrogates are refused.
    pub(super) fn code_point(&mut self, length: usize, value: &mut Vec<u8>) -> Result<(), Unread> {
        let start = self.at;
        let number = self.digits(16, length);
        match char::from_u32(number) {
            Some(c) if self.at == start + length && c != '\0' => {
                value.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                Ok(())
            }
            _ => self.error("a unicode escape that weir does not read", start),
        }
    }

    /// True where the constant just closed goes on; the scanner then stands at the next quote.
    fn goes_on(&mut self) -> bool {
        let mut at = self.at;
        let mut broken = false;
        let bytes = self.text.as_bytes();
        loop {
            match (bytes.get(at), bytes.get(at + 1)) {
                (Some(b'\''), _) if broken => {
                    self.at = at;
                    return true;
                }
                (Some(&b), _) if is_space(b) => {
                    broken |= is_newline(b);
                    at += 1;
                }
                (Some(b'-'), Some(b'-')) => {
                    while bytes.get(at).is_some_and(|&b| !is_newline(b)) {
                        at += 1;
                    }
                }
                _ => return false,
            }
        }
    }

    /// `$tag$…$tag$`; the scanner stands at the first dollar.
    pub(super) fn dollar_string(&mut self) -> Result<Token, Unread> {
        let start = self.at;
        self.at += 1;
        if self.peek(0).is_some_and(|b| !b.is_ascii_digit()) {
            self.skip_while(|b| b != b'$' && is_word_part(b));
        }
        if self.peek(0) != Some(b'$') {
            return self.error("a dollar sign that begins nothing", start);
        }
        self.at += 1;
        let tag = self.slice(start, self.at);
        let Some(length) = self.rest().find(tag) else {
            return self.error("an unterminated quotation", start);
        };
        let value = self.slice(self.at, self.at + length).to_owned();
        self.at += length + tag.len();
        Ok(Token::SingleQuotedString(value))
    }

    /// `U&'…'` or `U&"…"`; the scanner stands at the U.
    pub(super) fn unicode(&mut self) -> Result<Token, Unread> {
        let start = self.at;
        self.at += 2;
        if self.peek(0) == Some(b'"') {
            let mut name = String::new();
            self.until_quote(b'"', &mut name)?;
            let escape = self.uescape(start)?;
            let name = unescaped(&name, escape, start)?;
            return super::word::quoted(&name).ok_or(Unread::Syntax {
                what: "an empty identifier",
                at: start,
            });
        }
        let value = self.plain_string()?;
        let escape = self.uescape(start)?;
        Ok(Token::SingleQuotedString(unescaped(&value, escape, start)?))
    }

    /// What escapes in the constant just read: what `UESCAPE` behind it says, or the backslash.
    fn uescape(&mut self, start: usize) -> Result<u8, Unread> {
        const UESCAPE: &str = "uescape";
        let end = self.at;
        self.skip_blanks()?;
        let word = self.rest().get(..UESCAPE.len());
        let goes_on = self.peek(UESCAPE.len()).is_some_and(is_word_part);
        if goes_on || !word.is_some_and(|word| word.eq_ignore_ascii_case(UESCAPE)) {
            self.at = end;
            return Ok(b'\\');
        }
        self.at += UESCAPE.len();
        self.skip_blanks()?;
        if self.peek(0) != Some(b'\'') {
            return Err(invalid(start));
        }
        match self.plain_string()?.as_bytes() {
            [escape]
                if escape.is_ascii()
                    && !escape.is_ascii_hexdigit()
                    && !escape.is_ascii_whitespace()
                    && !escape.is_ascii_control()
                    && !matches!(escape, b'+' | b'\'' | b'"') =>
            {
                Ok(*escape)
            }
            _ => Err(invalid(start)),
        }
    }
}

/// The text that `\XXXX` and `\+XXXXXX` in a `U&` constant stand for, or the same behind another
/// escape.
fn unescaped(text: &str, escape: u8, at: usize) -> Result<String, Unread> {
    let mut value = Vec::with_capacity(text.len());
    let mut scanner = Scanner { text, at: 0 };
    while let Some(byte) = scanner.peek(0) {
        scanner.at += 1;
        match (byte, scanner.peek(0)) {
            (byte, Some(next)) if byte == escape && next == escape => {
                scanner.at += 1;
                value.push(escape);
            }
            (byte, Some(b'+')) if byte == escape => {
                scanner.at += 1;
                scanner.code_point(6, &mut value).map_err(|_| invalid(at))?;
            }
            (byte, _) if byte == escape => {
                scanner.code_point(4, &mut value).map_err(|_| invalid(at))?;
            }
            _ => value.push(byte),
        }
    }
    String::from_utf8(value).map_err(|_| invalid(at))
}

fn invalid(at: usize) -> Unread {
    Unread::Syntax {
        what: "a unicode escape that weir does not read",
        at,
    }
}
