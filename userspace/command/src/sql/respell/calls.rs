//! Calls with a grammar of their own: SQL/JSON's functions and XML's.
//!
//! Its job: to write what stands between their arguments as commas, or as nothing, so that what is
//! left is an ordinary call. Only words of those grammars go, each where nothing else can stand, and
//! the names of types, labels and XML's elements, which mean no column.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::beside::Beside;
use super::clauses::{FORMATS, SHAPES};
use super::types::data_type;
use super::{follow, is_word, tables};
use crate::sql::keyword::{Kind, kind};
use crate::sql::tokens::word;

const JSON: [&str; 11] = [
    "json",
    "json_array",
    "json_arrayagg",
    "json_exists",
    "json_object",
    "json_objectagg",
    "json_query",
    "json_scalar",
    "json_serialize",
    JSON_TABLE,
    "json_value",
];

const JSON_TABLE: &str = "json_table";
const XMLTABLE: &str = "xmltable";

const XML: [&str; 10] = [
    "xmlattributes",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlnamespaces",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
    XMLTABLE,
];

/// What stands for some tokens: their number, and the words instead.
type Instead = (&'static [&'static str], usize);

const NOTHING: &[&str] = &[];
const COMMA: &[&str] = &[","];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Json,
    /// The same, which makes rows.
    JsonTable,
    /// `TRIM`.
    Trim,
    /// By its name.
    Xml(&'static str),
}

/// The parentheses that are open, each with the call that it belongs to.
#[derive(Default)]
pub(super) struct Calls(Vec<Option<Call>>);

impl Calls {
    /// Takes the next token that goes on as it is.
    pub(super) fn pass(&mut self, token: &TokenWithSpan, before: &[TokenWithSpan]) {
        match &token.token {
            Token::LParen => self.0.push(called(before)),
            Token::RParen => drop(self.0.pop()),
            _ => {}
        }
    }

    /// The same of one that closes it.
    pub(super) fn close(&mut self) {
        self.0.pop();
    }

    /// Notes a parenthesis that is written and belongs to no call.
    pub(super) fn open(&mut self) {
        self.0.push(None);
    }

    /// What stands in a call and says what columns come of it.
    pub(super) fn columns(&self, tokens: &[TokenWithSpan]) -> Option<Beside> {
        match (*self.0.last()?)? {
            Call::JsonTable => tables::of_json(tokens),
            Call::Xml(XMLTABLE) => tables::of_xml(tokens),
            Call::Json | Call::Trim | Call::Xml(_) => None,
        }
    }

    /// What is written instead of the tokens ahead, where they part arguments.
    pub(super) fn instead(
        &self,
        tokens: &[TokenWithSpan],
        before: Option<&TokenWithSpan>,
    ) -> Option<Instead> {
        let call = (*self.0.last()?)?;
        let first = before.is_some_and(|before| before.token == Token::LParen);
        let value = before.is_some_and(ends_value);
        match call {
            Call::Json | Call::JsonTable => json(tokens, value),
            Call::Trim => trim(tokens, first),
            Call::Xml(name) => xml(name, tokens, first, value),
        }
    }
}

fn called(before: &[TokenWithSpan]) -> Option<Call> {
    let [.., name] = before else { return None };
    if before
        .iter()
        .rev()
        .nth(1)
        .is_some_and(|t| t.token == Token::Period)
    {
        return None;
    }
    let name = word(name)?;
    if name == "trim" {
        Some(Call::Trim)
    } else if name == JSON_TABLE {
        Some(Call::JsonTable)
    } else if JSON.contains(&name) {
        Some(Call::Json)
    } else {
        XML.into_iter().find(|xml| *xml == name).map(Call::Xml)
    }
}

/// Whether a value may end with this token, so that no other can begin behind it.
fn ends_value(token: &TokenWithSpan) -> bool {
    match &token.token {
        Token::Word(word) => {
            word.quote_style.is_some()
                || kind(&word.value) != Some(Kind::Reserved)
                || matches!(word.value.as_str(), "null" | "true" | "false")
        }
        Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::Placeholder(_)
        | Token::RParen
        | Token::RBracket => true,
        _ => false,
    }
}

/// What else has a meaning of its own in SQL/JSON's calls, behind a value or behind another clause.
const CLAUSES: [&[&[&str]]; 4] = [
    &[
        &[
            "error", "null", "empty", "true", "false", "unknown", "absent",
        ],
        &["on"],
        &["empty", "error", "null"],
    ],
    &[&["on"], &["empty", "error", "null"]],
    &[&["with", "without"], &["unique"], &["keys"]],
    &[&["with", "without"], &["unique"]],
];

/// `TRIM(LEADING FROM x)`.
fn trim(tokens: &[TokenWithSpan], first: bool) -> Option<Instead> {
    let words: [&[&str]; 2] = [&["both", "leading", "trailing"], &["from"]];
    (first && follow(tokens, &words)).then_some((NOTHING, 2))
}

fn json(tokens: &[TokenWithSpan], value: bool) -> Option<Instead> {
    let [token, tail @ ..] = tokens else {
        return None;
    };
    if token.token == Token::Colon {
        return Some((COMMA, 1));
    }
    if is_word(token, "returning") {
        let typed = data_type(tail)?;
        let form = tail.get(typed..).unwrap_or_default();
        let form = FORMATS.iter().find(|words| follow(form, words));
        return Some((NOTHING, 1 + typed + form.map_or(0, |words| words.len())));
    }
    if is_word(token, "default") {
        return Some((COMMA, 1));
    }
    if is_word(token, "as") && matches!(tail.first()?.token, Token::Word(_)) {
        return Some((NOTHING, 2));
    }
    if !value {
        return None;
    }
    if is_word(token, "passing") || is_word(token, "value") {
        return Some((COMMA, 1));
    }
    let mut clauses = FORMATS.iter().chain(&SHAPES).chain(&CLAUSES);
    let clause = clauses.find(|clause| follow(tokens, clause))?;
    Some((NOTHING, clause.len()))
}

/// Each word only in the call whose grammar has it: elsewhere it may be a column.
fn xml(call: &str, tokens: &[TokenWithSpan], first: bool, value: bool) -> Option<Instead> {
    let [token, tail @ ..] = tokens else {
        return None;
    };
    let next = |expected: fn(&Token) -> bool| tail.first().is_some_and(|t| expected(&t.token));
    let label = next(|token| matches!(token, Token::Word(_)));
    match (call, word(token)?) {
        ("xmlelement" | "xmlpi", "name") if first && label => Some((&["null"], 2)),
        ("xmlserialize", "document" | "content") if first => Some((NOTHING, 1)),
        ("xmlforest" | "xmlattributes", "as") if label => Some((NOTHING, 2)),
        ("xmlserialize", "as") => Some((NOTHING, 1 + data_type(tail)?)),
        ("xmlserialize", "no") if follow(tail, &[&["indent"]]) => Some((NOTHING, 2)),
        ("xmlserialize", "indent") => Some((NOTHING, 1)),
        ("xmlroot", "version" | "standalone") if !value && follow(tail, &[&["no"], &["value"]]) => {
            Some((&["null"], 3))
        }
        ("xmlroot", "version") if !value => Some((NOTHING, 1)),
        ("xmlroot", "standalone") if !value && follow(tail, &[&["yes", "no"]]) => {
            Some((&["null"], 2))
        }
        ("xmlparse", "preserve" | "strip") if value && follow(tail, &[&["whitespace"]]) => {
            Some((NOTHING, 2))
        }
        ("xmlnamespaces", "as") if label => Some((NOTHING, 2)),
        ("xmlnamespaces", "default") => Some((NOTHING, 1)),
        ("xmlexists" | XMLTABLE, "passing")
            if value && follow(tail, &[&["by"], &["ref", "value"]]) =>
        {
            Some((COMMA, 3))
        }
        ("xmlexists" | XMLTABLE, "passing") if value => Some((COMMA, 1)),
        ("xmlexists" | XMLTABLE, "by") if value && follow(tail, &[&["ref", "value"]]) => {
            Some((NOTHING, 2))
        }
        _ => None,
    }
}
