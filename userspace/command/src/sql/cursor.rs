//! A cursor for statements that are read by hand.
//!
//! Its job: the small steps of a recursive-descent reader of the server's grammar (words, names,
//! lists), with the parser crate behind it for expressions and types. A reader that takes the
//! statement to its end has taken every token.

use sqlparser::ast::Expr;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::facts::Facts;
use super::keyword;
use super::parser::{parse, parser, position};
use super::tokens::word;
use super::unread::Unread;
use super::walk::{self, object_of};
use crate::model::{Access, Object};

/// Where a reader stands in a statement.
pub(super) struct Cursor {
    parser: Parser<'static>,
}

impl Cursor {
    pub(super) fn new(tokens: Vec<TokenWithSpan>) -> Self {
        Self {
            parser: parser(tokens),
        }
    }

    /// The error that the grammar has no such thing here.
    pub(super) fn fail<T>(&self, what: &'static str) -> Result<T, Unread> {
        Err(Unread::Syntax {
            what,
            at: position(&self.parser),
        })
    }

    /// The unquoted word ahead.
    pub(super) fn peek(&self) -> Option<&str> {
        self.peek_nth(0)
    }

    /// The unquoted word so many tokens ahead.
    pub(super) fn peek_nth(&self, n: usize) -> Option<&str> {
        word(self.parser.peek_nth_token_ref(n))
    }

    /// The token ahead.
    pub(super) fn token(&self) -> &Token {
        &self.parser.peek_token_ref().token
    }

    /// The token so many ahead.
    pub(super) fn nth(&self, n: usize) -> &Token {
        &self.parser.peek_nth_token_ref(n).token
    }

    /// True where the token so many ahead is the given one.
    pub(super) fn is_nth(&self, n: usize, expected: &Token) -> bool {
        self.parser.peek_nth_token_ref(n).token == *expected
    }

    /// Steps over a token.
    pub(super) fn advance(&mut self) {
        self.parser.advance_token();
    }

    /// Steps over a word, where it is the one ahead.
    pub(super) fn word(&mut self, expected: &str) -> bool {
        let met = self.peek() == Some(expected);
        if met {
            self.advance();
        }
        met
    }

    /// Steps over a sequence of words, where all of it is ahead.
    pub(super) fn words(&mut self, expected: &[&str]) -> bool {
        let met = expected
            .iter()
            .enumerate()
            .all(|(n, word)| self.peek_nth(n) == Some(word));
        if met {
            expected.iter().for_each(|_| self.advance());
        }
        met
    }

    /// Steps over one of several words.
    pub(super) fn one_of(&mut self, expected: &[&'static str]) -> Option<&'static str> {
        let met = *expected.iter().find(|word| self.peek() == Some(word))?;
        self.advance();
        Some(met)
    }

    /// Steps over a word that must be ahead.
    pub(super) fn expect(&mut self, expected: &[&str]) -> Result<(), Unread> {
        if self.words(expected) {
            Ok(())
        } else {
            self.fail("an unexpected word")
        }
    }

    /// Steps over a token, where it is the one ahead.
    pub(super) fn symbol(&mut self, expected: &Token) -> bool {
        let met = self.token() == expected;
        if met {
            self.advance();
        }
        met
    }

    /// Steps over a token that must be ahead.
    pub(super) fn expect_symbol(&mut self, expected: &Token) -> Result<(), Unread> {
        if self.symbol(expected) {
            Ok(())
        } else {
            self.fail("an unexpected token")
        }
    }

    /// True behind the last token.
    pub(super) fn at_end(&self) -> bool {
        *self.token() == Token::EOF
    }

    /// Checks that nothing is left.
    pub(super) fn end(&self) -> Result<(), Unread> {
        if self.at_end() {
            Ok(())
        } else {
            self.fail("more than the statement takes")
        }
    }

    /// Steps over any word, reserved or not.
    pub(super) fn any_word(&mut self) -> Result<String, Unread> {
        let Token::Word(word) = self.token() else {
            return self.fail("no name where one is due");
        };
        let value = word.value.clone();
        self.advance();
        Ok(value)
    }

    /// Steps over a name (the grammar's `ColId`).
    pub(super) fn name(&mut self) -> Result<String, Unread> {
        if self.peek().is_some_and(|word| !keyword::may_name(word)) {
            return self.fail("a reserved word in the place of a name");
        }
        self.any_word()
    }

    /// Steps over a qualified name.
    pub(super) fn parts(&mut self) -> Result<Vec<String>, Unread> {
        let mut parts = vec![self.name()?];
        while self.symbol(&Token::Period) {
            parts.push(self.any_word()?);
        }
        Ok(parts)
    }

    /// Steps over an object's name.
    pub(super) fn object(&mut self, access: Access) -> Result<Object, Unread> {
        object_of(self.parts()?, access)
    }

    /// Steps over the name of something that has no schema.
    pub(super) fn plain_object(&mut self, access: Access) -> Result<Object, Unread> {
        object_of(vec![self.name()?], access)
    }

    /// Steps over a relation: its name, perhaps between `ONLY` and `*`, perhaps in parentheses.
    pub(super) fn relation(&mut self, access: Access) -> Result<Object, Unread> {
        let enclosed = self.word("only") && self.symbol(&Token::LParen);
        let object = self.object(access)?;
        if enclosed {
            self.expect_symbol(&Token::RParen)?;
        }
        self.symbol(&Token::Mul);
        Ok(object)
    }

    /// Reads one or more things that commas part.
    pub(super) fn list(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<(), Unread>,
    ) -> Result<(), Unread> {
        loop {
            item(self)?;
            if !self.symbol(&Token::Comma) {
                return Ok(());
            }
        }
    }

    /// Reads a list in parentheses, where one is ahead.
    pub(super) fn enclosed_list(
        &mut self,
        item: impl FnMut(&mut Self) -> Result<(), Unread>,
    ) -> Result<bool, Unread> {
        if !self.symbol(&Token::LParen) {
            return Ok(false);
        }
        self.list(item)?;
        self.expect_symbol(&Token::RParen)?;
        Ok(true)
    }

    /// Steps over a string constant.
    pub(super) fn string(&mut self) -> Option<String> {
        let Token::SingleQuotedString(value) = self.token() else {
            return None;
        };
        let value = value.clone();
        self.advance();
        Some(value)
    }

    /// Steps over a number with its sign.
    pub(super) fn number(&mut self) -> Option<String> {
        let sign = match self.token() {
            Token::Minus => "-",
            Token::Plus => "+",
            _ => "",
        };
        let ahead = usize::from(!sign.is_empty());
        let Token::Number(digits, _) = &self.parser.peek_nth_token_ref(ahead).token else {
            return None;
        };
        let value = format!("{}{digits}", sign.trim_start_matches('+'));
        (0..=ahead).for_each(|_| self.advance());
        Some(value)
    }

    /// Reads an expression.
    pub(super) fn expression(&mut self, facts: &mut Facts) -> Result<Expr, Unread> {
        let (expr, read) = walk::expression(&mut self.parser)?;
        facts.absorb(read);
        Ok(expr)
    }

    /// Reads an expression in parentheses.
    pub(super) fn enclosed_expression(&mut self, facts: &mut Facts) -> Result<(), Unread> {
        self.expect_symbol(&Token::LParen)?;
        self.expression(facts)?;
        self.expect_symbol(&Token::RParen)
    }

    /// Reads a type.
    pub(super) fn data_type(&mut self) -> Result<(), Unread> {
        self.word("setof");
        parse(&mut self.parser, Parser::parse_data_type)?;
        Ok(())
    }

    /// Takes all that is left.
    pub(super) fn rest(&mut self) -> Vec<TokenWithSpan> {
        let mut tokens = Vec::new();
        while !self.at_end() {
            tokens.push(self.parser.next_token());
        }
        tokens
    }

    /// Takes what is within the parentheses ahead, and them.
    pub(super) fn enclosed(&mut self) -> Result<Vec<TokenWithSpan>, Unread> {
        self.expect_symbol(&Token::LParen)?;
        let mut tokens = Vec::new();
        let mut depth = 1_usize;
        loop {
            let token = self.parser.next_token();
            match token.token {
                Token::LParen => depth += 1,
                Token::RParen => depth -= 1,
                Token::EOF => return self.fail("a parenthesis that is not closed"),
                _ => {}
            }
            if depth == 0 {
                return Ok(tokens);
            }
            tokens.push(token);
        }
    }
}
