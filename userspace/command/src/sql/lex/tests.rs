//! The lexer by itself, against what `scan.l` says.

use sqlparser::tokenizer::Token;

use super::lex;
use crate::sql::unread::Unread;

fn tokens(text: &str) -> Result<Vec<Token>, Unread> {
    lex(text).map(|tokens| tokens.into_iter().map(|token| token.token).collect())
}

fn shown(text: &str) -> String {
    match tokens(text) {
        Ok(tokens) => tokens
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" "),
        Err(unread) => format!("{unread}"),
    }
}

fn string(value: &str) -> Result<Vec<Token>, Unread> {
    Ok(vec![Token::SingleQuotedString(value.to_owned())])
}

#[test]
fn strings() {
    assert_eq!(tokens("'it''s'"), string("it's"));
    assert_eq!(tokens(r"'a\'"), string(r"a\"));
    assert_eq!(tokens("'a'\n  'b' \r 'c'"), string("abc"));
    assert_eq!(tokens("'a' -- x\n 'b'"), string("ab"));
    assert_eq!(tokens("'a'\n-- x\n'b'"), string("ab"));
    assert_eq!(tokens("'a' 'b'").map(|t| t.len()), Ok(2));
    assert_eq!(tokens("'a' /* \n */ 'b'").map(|t| t.len()), Ok(2));
    assert_eq!(
        tokens(r"E'\'\\\n\x41\101\u0042\U00000043\q'"),
        string("'\\\nAABCq")
    );
    assert_eq!(tokens("e'a'\n'\\n'"), string("a\n"));
    assert_eq!(tokens("E'\\xc3\\xa9'"), string("é"));
    assert_eq!(tokens("$$a'b$$"), string("a'b"));
    assert_eq!(tokens("$tag$a$$b$ta$tag$"), string("a$$b$ta"));
    assert_eq!(tokens("$é1$x$é1$"), string("x"));
    assert_eq!(tokens("U&'\\0041\\+000042\\\\'"), string("AB\\"));
    assert!(tokens("$1a$ $1a$").is_err());
    assert!(tokens("$a-b$ $a-b$").is_err());
    assert!(tokens(r"E'\u12'").is_err());
}

#[test]
fn comments() {
    assert_eq!(shown("a--b\nc"), "a c");
    assert_eq!(shown("a--b\rc"), "a c");
    assert_eq!(shown("a/*b*/c"), "a c");
    assert_eq!(shown("a/*/**/*/c"), "a c");
    assert_eq!(shown("a/***/c"), "a c");
    assert_eq!(shown("a/*/c"), "an unterminated comment at byte 1");
}

#[test]
fn operators() {
    assert_eq!(shown("a<-1"), "a < - 1");
    assert_eq!(shown("a@-1"), "a @- 1");
    assert_eq!(shown("a<=-1"), "a <= - 1");
    assert_eq!(shown("a+-1"), "a + - 1");
    assert_eq!(shown("a*--b\n1"), "a * 1");
    assert_eq!(shown("a*/*b*/1"), "a * 1");
    assert_eq!(shown("a@--b\n1"), "a @ 1");
    assert_eq!(shown("a->>'b'"), "a ->> 'b'");
    assert_eq!(shown("a!=b<>c"), "a <> b <> c");
    assert_eq!(shown("a<=>b"), "a <=> b");
    assert_eq!(shown("a=>b:=c::d"), "a => b := c :: d");
    assert_eq!(shown("a`b"), "a ` b");
    assert_eq!(shown("a||/b"), "a ||/ b");
}

#[test]
fn words_and_numbers() {
    assert_eq!(shown("SELECT Foo _x a$1 É"), "select foo _x a$1 É");
    assert_eq!(shown("\"Foo\"\"x\""), "\"Foo\"x\"");
    assert_eq!(
        shown("1 1.5 .5 1. 1e5 1.5E-3 0xFf 0b1 0o7 1_000"),
        "1 1.5 .5 1. 1e5 1.5E-3 0xFf 0b1 0o7 1_000"
    );
    assert_eq!(shown("$1 $23"), "$1 $23");
    for text in [
        "1a", "1é", "0xg", "0x", "1__0", "1_", "1e", "1..2", "$1a", "1.2.3",
    ] {
        assert!(tokens(text).is_err(), "{text}");
    }
}

#[test]
fn places_are_kept() {
    let places: Vec<(u64, u64)> = lex("a  é 'b'")
        .unwrap()
        .iter()
        .map(|t| (t.span.start.line, t.span.start.column))
        .collect();
    assert_eq!(places, [(1, 1), (2, 4), (3, 7)]);
}
