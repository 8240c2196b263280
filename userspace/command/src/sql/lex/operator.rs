//! Operators and punctuation, by the server's rule of the longest operator.
//!
//! A run of operator characters is cut before a comment and loses trailing `+` and `-`, unless it
//! holds a character that no standard operator has. So `a<-1` compares with minus one while
//! `a@-1` applies the operator `@-`.

use sqlparser::tokenizer::Token;

use super::super::unread::Unread;
use super::Scanner;

/// What operators are made of.
pub(super) fn is_operator_byte(byte: u8) -> bool {
    matches!(
        byte,
        b'~' | b'!'
            | b'@'
            | b'#'
            | b'^'
            | b'&'
            | b'|'
            | b'`'
            | b'?'
            | b'+'
            | b'-'
            | b'*'
            | b'/'
            | b'%'
            | b'<'
            | b'>'
            | b'='
    )
}

/// Longest run of operator characters. The server knows no operator of more than 63.
const RUN: usize = 128;

/// What lets an operator end in `+` or `-`.
fn is_unusual(byte: u8) -> bool {
    matches!(
        byte,
        b'~' | b'!' | b'@' | b'#' | b'^' | b'&' | b'|' | b'`' | b'?' | b'%'
    )
}

impl Scanner<'_> {
    /// An operator; the scanner stands at its first character.
    pub(super) fn operator(&mut self) -> Result<Token, Unread> {
        let start = self.at;
        // a comment at the very start has been skipped before
        while self.peek(0).is_some_and(is_operator_byte) && !self.is_at_comment() {
            self.at += 1;
            // what is cut off a run is looked at again: the run must not be long
            if self.at - start > RUN {
                return self.error("an operator of too great length", start);
            }
        }
        let mut text = self.slice(start, self.at);
        if !text.bytes().any(is_unusual) {
            let trimmed = text.trim_end_matches(['+', '-']);
            text = if trimmed.is_empty() {
                text.get(..1).unwrap_or(text)
            } else {
                trimmed
            };
        }
        if text.is_empty() || text.len() > 63 {
            return self.error("an operator of no or too great length", start);
        }
        self.at = start + text.len();
        Ok(token_of(text))
    }

    fn is_at_comment(&self) -> bool {
        matches!(
            (self.peek(0), self.peek(1)),
            (Some(b'-'), Some(b'-')) | (Some(b'/'), Some(b'*'))
        )
    }

    /// A character that stands for itself.
    pub(super) fn punctuation(&mut self, byte: u8) -> Result<Token, Unread> {
        let at = self.at;
        let (token, length) = match (byte, self.peek(1)) {
            (b':', Some(b':')) => (Token::DoubleColon, 2),
            (b':', Some(b'=')) => (Token::Assignment, 2),
            (b':', _) => (Token::Colon, 1),
            (b'.', Some(b'.')) => return self.error("two dots", at),
            (b'.', _) => (Token::Period, 1),
            (b',', _) => (Token::Comma, 1),
            (b'(', _) => (Token::LParen, 1),
            (b')', _) => (Token::RParen, 1),
            (b'[', _) => (Token::LBracket, 1),
            (b']', _) => (Token::RBracket, 1),
            (b';', _) => (Token::SemiColon, 1),
            _ => return self.error("a character that has no meaning here", at),
        };
        self.at += length;
        Ok(token)
    }
}

/// The parser's token for an operator. What has no token of its own is a custom operator.
fn token_of(text: &str) -> Token {
    match text {
        "=" => Token::Eq,
        "<>" | "!=" => Token::Neq,
        "<" => Token::Lt,
        ">" => Token::Gt,
        "<=" => Token::LtEq,
        ">=" => Token::GtEq,
        "=>" => Token::RArrow,
        "+" => Token::Plus,
        "-" => Token::Minus,
        "*" => Token::Mul,
        "/" => Token::Div,
        "%" => Token::Mod,
        "^" => Token::Caret,
        "||" => Token::StringConcat,
        "&&" => Token::Overlap,
        "&" => Token::Ampersand,
        "|" => Token::Pipe,
        "#" => Token::Sharp,
        "<<" => Token::ShiftLeft,
        ">>" => Token::ShiftRight,
        "~" => Token::Tilde,
        "~*" => Token::TildeAsterisk,
        "!~" => Token::ExclamationMarkTilde,
        "!~*" => Token::ExclamationMarkTildeAsterisk,
        "~~" => Token::DoubleTilde,
        "~~*" => Token::DoubleTildeAsterisk,
        "!~~" => Token::ExclamationMarkDoubleTilde,
        "!~~*" => Token::ExclamationMarkDoubleTildeAsterisk,
        "@" => Token::AtSign,
        "^@" => Token::CaretAt,
        "|/" => Token::PGSquareRoot,
        "||/" => Token::PGCubeRoot,
        "->" => Token::Arrow,
        "->>" => Token::LongArrow,
        "#>" => Token::HashArrow,
        "#>>" => Token::HashLongArrow,
        "#-" => Token::HashMinus,
        "@>" => Token::AtArrow,
        "<@" => Token::ArrowAt,
        "@?" => Token::AtQuestion,
        "@@" => Token::AtAt,
        "?" => Token::Question,
        "?&" => Token::QuestionAnd,
        "?|" => Token::QuestionPipe,
        "<->" => Token::TwoWayArrow,
        other => Token::CustomBinaryOperator(other.to_owned()),
    }
}
