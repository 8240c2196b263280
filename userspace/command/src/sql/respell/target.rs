//! What is assigned to, where it is an element of an array: `SET a[1] = …`, `INSERT INTO t (a[1])`.
//!
//! Its job: to find the subscripts there that are literals, which the parser doesn't know in such
//! places. Without them the array itself is what is written. A subscript that names something stays,
//! and the statement is rejected: nothing that is read goes unseen.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::sql::tokens::word;

/// Where among the assignments of a statement its tokens have come to.
#[derive(Default)]
pub(super) struct Target {
    depth: usize,
    /// How deep the commas are that part what is assigned.
    list: Option<usize>,
    /// A name that is assigned may begin here.
    begins: bool,
    /// Behind such a name.
    named: bool,
    /// Behind `INTO`, before the list of columns.
    into: bool,
}

impl Target {
    /// How many of the tokens ahead are a literal subscript of what is assigned.
    pub(super) fn subscript(&self, tokens: &[TokenWithSpan]) -> usize {
        let [open, rest @ ..] = tokens else { return 0 };
        if !self.named || open.token != Token::LBracket {
            return 0;
        }
        for (i, token) in rest.iter().enumerate() {
            match &token.token {
                Token::RBracket => return i + 2,
                Token::Number(..)
                | Token::Minus
                | Token::Plus
                | Token::Colon
                | Token::SingleQuotedString(_) => {}
                Token::Word(_) if word(token) == Some("null") => {}
                _ => return 0,
            }
        }
        0
    }

    /// Notes a parenthesis that is written.
    pub(super) fn open(&mut self) {
        self.depth += 1;
    }

    /// The same of one that closes it.
    pub(super) fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// Takes the next token that isn't part of a subscript.
    pub(super) fn pass(&mut self, token: &TokenWithSpan) {
        let begins = std::mem::take(&mut self.begins);
        let named = std::mem::take(&mut self.named);
        match &token.token {
            Token::LParen | Token::LBracket => {
                self.depth += 1;
                if std::mem::take(&mut self.into) {
                    self.list = Some(self.depth);
                    self.begins = true;
                }
            }
            Token::RParen | Token::RBracket => {
                if self.list == Some(self.depth) {
                    self.list = None;
                }
                self.depth = self.depth.saturating_sub(1);
            }
            Token::Comma => self.begins = self.list == Some(self.depth),
            Token::Period => self.begins = named,
            Token::Word(_) => match word(token) {
                Some("set") => {
                    self.list = Some(self.depth);
                    self.begins = true;
                }
                Some("into") => self.into = true,
                Some("select" | "values" | "default" | "with" | "where" | "from" | "returning") => {
                    self.into = false;
                    if self.list == Some(self.depth) {
                        self.list = None;
                    }
                }
                _ => self.named = begins,
            },
            _ => {}
        }
    }
}
