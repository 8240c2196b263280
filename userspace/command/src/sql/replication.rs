//! The commands of streaming replication, which a server reads by a grammar of their own.
//!
//! Its job: to tell such a command from SQL by its first word, as the server does, and to say what
//! it does. A text holds one of them and nothing behind it. Words are spelt in capitals: any other
//! spelling is SQL to the server, too.
//!
//! Not its job: `SHOW`, which reads the same in both grammars, and to check what the server checks
//! anyway.
//!
//! Source: PostgreSQL's documentation, 55.4 "Streaming Replication Protocol" (54.4 in release 18).

use super::{facts::Facts, unread::Unread};
use crate::model::{Effect, Statement, Verb};

/// The first words, and those commands' names for policy.
const COMMANDS: [(&str, &str); 9] = [
    ("ALTER_REPLICATION_SLOT", "alter_replication_slot"),
    ("BASE_BACKUP", "base_backup"),
    ("CREATE_REPLICATION_SLOT", "create_replication_slot"),
    ("DROP_REPLICATION_SLOT", "drop_replication_slot"),
    ("IDENTIFY_SYSTEM", "identify_system"),
    ("READ_REPLICATION_SLOT", "read_replication_slot"),
    ("START_REPLICATION", "start_replication"),
    ("TIMELINE_HISTORY", "timeline_history"),
    ("UPLOAD_MANIFEST", "upload_manifest"),
];

pub(super) fn command(text: &[u8]) -> Option<Statement> {
    let start = text.iter().position(|byte| !is_space(*byte))?;
    let text = text.get(start..).unwrap_or_default();
    let end = text.iter().position(|byte| !is_word(*byte));
    let first = text.get(..end.unwrap_or(text.len())).unwrap_or_default();
    let (_, name) = COMMANDS.iter().find(|(word, _)| word.as_bytes() == first)?;
    Some(read(name, text).unwrap_or_else(Statement::from))
}

fn read(name: &str, text: &[u8]) -> Result<Statement, Unread> {
    let text = std::str::from_utf8(text).map_err(|_| Unread::Encoding("is not valid UTF-8"))?;
    let tokens = tokens(text)?;
    let mut facts = Facts::default();
    facts.functions.insert(name.to_owned());
    match name {
        "base_backup" => {
            facts.columns.all = true;
            facts.effects.extend(target(&tokens));
        }
        "start_replication" => facts.columns.all = true,
        "drop_replication_slot" => facts.has([Effect::Destroy]),
        _ => {}
    }
    facts.done(Verb::Replicate)
}

/// Where a base backup goes when not to the client: what the server does with it then is up to its
/// extensions, one of which runs a program.
fn target(tokens: &[Token]) -> Vec<Effect> {
    let mut effects = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if !matches!(token, Token::Word(word) if word == "target") {
            continue;
        }
        match tokens.get(at + 1) {
            Some(Token::Literal(place) | Token::Word(place)) if place == "client" => {}
            Some(Token::Literal(place) | Token::Word(place)) if place == "server" => {
                effects.push(Effect::File);
            }
            _ => effects.extend([Effect::File, Effect::Program]),
        }
    }
    effects
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    /// A word or a quoted name, folded.
    Word(String),
    /// A string.
    Literal(String),
    /// Any other character.
    Other,
}

fn tokens(text: &str) -> Result<Vec<Token>, Unread> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let at = text.len() - rest.len();
        rest = match first {
            '\'' | '"' => {
                let (inner, behind) = quoted(rest, first).ok_or(Unread::Syntax {
                    what: "a quote that never ends",
                    at,
                })?;
                tokens.push(if first == '"' {
                    Token::Word(inner)
                } else {
                    Token::Literal(inner)
                });
                behind
            }
            ';' if !rest.bytes().skip(1).all(is_space) => {
                let what = "a second command";
                return Err(Unread::Syntax { what, at });
            }
            _ => {
                let length = rest.bytes().take_while(|byte| is_word(*byte)).count();
                let (word, behind) = rest.split_at(length.max(first.len_utf8()));
                if length > 0 {
                    tokens.push(Token::Word(word.to_ascii_lowercase()));
                } else if !first.is_ascii_whitespace() {
                    tokens.push(Token::Other);
                }
                behind
            }
        };
    }
    Ok(tokens)
}

/// What is between quotes, in which a doubled one stands for itself, and what is behind them.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut inner = String::new();
    let mut rest = text.strip_prefix(quote)?;
    loop {
        let (piece, behind) = rest.split_once(quote)?;
        inner.push_str(piece);
        match behind.strip_prefix(quote) {
            Some(behind) => {
                inner.push(quote);
                rest = behind;
            }
            None => return Some((inner, behind)),
        }
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || !byte.is_ascii()
}
