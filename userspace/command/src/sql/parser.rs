//! The parser crate, held at arm's length.
//!
//! Its job: to hand tokens to the parser and its errors back, without the text that they quote.
//! Not its job: to trust the tree; [`walk`](super::walk) does not.

use std::panic::{AssertUnwindSafe, catch_unwind};

use sqlparser::ast::{Expr, Query};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::tokens::offset;
use super::unread::Unread;

/// How deep the parser may recurse. One pair of parentheses takes several of its levels; the
/// bounds on parentheses and chains have been checked before.
const RECURSION: usize = 400;

static DIALECT: PostgreSqlDialect = PostgreSqlDialect {};

/// A parser over the given tokens.
pub(super) fn parser(tokens: Vec<TokenWithSpan>) -> Parser<'static> {
    Parser::new(&DIALECT)
        .with_recursion_limit(RECURSION)
        .with_tokens_with_locations(tokens)
}

/// Runs one of the parser's functions.
pub(super) fn parse<T>(
    parser: &mut Parser<'static>,
    rule: impl FnOnce(&mut Parser<'static>) -> Result<T, ParserError>,
) -> Result<T, Unread> {
    // A panic of the parser's must cost the statement, not the session: nothing of the parser is
    // used after it.
    match catch_unwind(AssertUnwindSafe(|| rule(parser))) {
        Ok(Ok(tree)) => Ok(tree),
        Ok(Err(ParserError::RecursionLimitExceeded)) => Err(Unread::TooLarge("nested too deep")),
        Ok(Err(_)) | Err(_) => Err(Unread::Rejected {
            at: position(parser),
        }),
    }
}

/// Reads a query or a statement that changes rows, to the end of the tokens.
pub(super) fn parse_query(
    tokens: Vec<TokenWithSpan>,
) -> Result<(Box<Query>, Vec<TokenWithSpan>), Unread> {
    parse_all(tokens, Parser::parse_query)
}

/// Reads an expression, to the end of the tokens.
pub(super) fn parse_expression(
    tokens: Vec<TokenWithSpan>,
) -> Result<(Expr, Vec<TokenWithSpan>), Unread> {
    parse_all(tokens, Parser::parse_expr)
}

fn parse_all<T>(
    tokens: Vec<TokenWithSpan>,
    rule: impl FnOnce(&mut Parser<'static>) -> Result<T, ParserError>,
) -> Result<(T, Vec<TokenWithSpan>), Unread> {
    let mut parser = parser(tokens);
    let tree = parse(&mut parser, rule)?;
    if parser.peek_token_ref().token != Token::EOF {
        return Err(Unread::Rejected {
            at: position(&parser),
        });
    }
    Ok((tree, parser.into_tokens()))
}

/// The byte offset of the token that the parser has come to, or of the last.
pub(super) fn position(parser: &Parser<'static>) -> usize {
    let met = (0..=parser.index()).rev().map(|i| parser.token_at(i));
    met.into_iter()
        .find(|t| t.token != Token::EOF)
        .map_or(0, offset)
}
