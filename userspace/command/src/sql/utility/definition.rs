//! What definitions share: the kinds of object and how each is named, and clauses that several
//! statements have.

use sqlparser::tokenizer::Token;

use super::super::cursor::Cursor;
use super::super::facts::Facts;
use super::super::unread::Unread;
use super::super::walk::object_of;
use crate::model::{Access, Effect, Object, Statement, Verb};

/// How a kind of object is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A table, view, index or sequence: `schema.name`, a list in `DROP`.
    Relation,
    /// Anything else that lives in a schema.
    Qualified,
    /// What has no schema.
    Plain,
    /// A role, user or group.
    Role,
    /// A function or procedure, with the types of its arguments.
    Routine,
    /// What belongs to a table: `name ON table`.
    Attached,
    /// As before, and it says which rows a role sees or what happens to them.
    Guard,
    /// An operator class or family: `name USING method`.
    OperatorSet,
    /// `(type AS type)`.
    Cast,
    /// `name (left, right)`.
    Operator,
}

/// The words of each kind; what begins with the words of another comes before it.
const KINDS: [(&[&str], Kind); 42] = [
    (&["materialized", "view"], Kind::Relation),
    (&["foreign", "table"], Kind::Relation),
    (&["foreign", "data", "wrapper"], Kind::Plain),
    (&["text", "search", "configuration"], Kind::Qualified),
    (&["text", "search", "dictionary"], Kind::Qualified),
    (&["text", "search", "parser"], Kind::Qualified),
    (&["text", "search", "template"], Kind::Qualified),
    (&["access", "method"], Kind::Plain),
    (&["event", "trigger"], Kind::Plain),
    (&["procedural", "language"], Kind::Plain),
    (&["operator", "class"], Kind::OperatorSet),
    (&["operator", "family"], Kind::OperatorSet),
    (&["table"], Kind::Relation),
    (&["view"], Kind::Relation),
    (&["index"], Kind::Relation),
    (&["sequence"], Kind::Relation),
    (&["type"], Kind::Qualified),
    (&["domain"], Kind::Qualified),
    (&["collation"], Kind::Qualified),
    (&["conversion"], Kind::Qualified),
    (&["statistics"], Kind::Qualified),
    (&["schema"], Kind::Plain),
    (&["database"], Kind::Plain),
    (&["tablespace"], Kind::Plain),
    (&["extension"], Kind::Plain),
    (&["language"], Kind::Plain),
    (&["server"], Kind::Plain),
    (&["publication"], Kind::Plain),
    (&["subscription"], Kind::Plain),
    (&["role"], Kind::Role),
    (&["user"], Kind::Role),
    (&["group"], Kind::Role),
    (&["function"], Kind::Routine),
    (&["procedure"], Kind::Routine),
    (&["routine"], Kind::Routine),
    (&["aggregate"], Kind::Routine),
    (&["trigger"], Kind::Guard),
    (&["rule"], Kind::Guard),
    (&["policy"], Kind::Guard),
    (&["constraint"], Kind::Attached),
    (&["cast"], Kind::Cast),
    (&["operator"], Kind::Operator),
];

/// Steps over a kind's words.
pub(super) fn kind(cursor: &mut Cursor) -> Option<Kind> {
    // FOREIGN TABLE and the like come first, so that no prefix of theirs is met before
    KINDS
        .iter()
        .find(|(words, _)| cursor.words(words))
        .map(|(_, kind)| *kind)
}

/// Steps over the name of an object of a kind and returns the object whose definition it is part
/// of, if there is one.
pub(super) fn named(cursor: &mut Cursor, kind: Kind) -> Result<Option<Object>, Unread> {
    let object = match kind {
        Kind::Relation | Kind::Qualified => cursor.object(Access::Define)?,
        Kind::Plain | Kind::Role => cursor.plain_object(Access::Define)?,
        Kind::Routine => {
            let object = cursor.object(Access::Define)?;
            if *cursor.token() == Token::LParen {
                cursor.enclosed()?;
            }
            object
        }
        Kind::Attached | Kind::Guard => {
            cursor.name()?;
            cursor.expect(&["on"])?;
            cursor.word("domain");
            cursor.object(Access::Define)?
        }
        Kind::OperatorSet => {
            let object = cursor.object(Access::Define)?;
            cursor.expect(&["using"])?;
            cursor.name()?;
            object
        }
        Kind::Cast => {
            cursor.enclosed()?;
            return Ok(None);
        }
        Kind::Operator => {
            operator(cursor)?;
            cursor.enclosed()?;
            return Ok(None);
        }
    };
    Ok(Some(object))
}

/// Steps over an operator, which may be qualified.
pub(super) fn operator(cursor: &mut Cursor) -> Result<(), Unread> {
    while matches!(cursor.token(), Token::Word(_)) {
        cursor.name()?;
        cursor.expect_symbol(&Token::Period)?;
    }
    let punctuation = matches!(
        cursor.token(),
        Token::EOF
            | Token::LParen
            | Token::RParen
            | Token::Comma
            | Token::Period
            | Token::SingleQuotedString(_)
            | Token::Number(..)
    );
    if punctuation {
        return cursor.fail("no operator where one is due");
    }
    cursor.advance();
    Ok(())
}

/// What `COMMENT ON` and `SECURITY LABEL ON` take.
pub(super) fn commented(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    if cursor.word("column") {
        let mut parts = cursor.parts()?;
        let Some(column) = parts.pop().filter(|_| !parts.is_empty()) else {
            return cursor.fail("a column without its table");
        };
        facts.columns.named.insert(column);
        facts.object(object_of(parts, Access::Define)?);
        return Ok(());
    }
    let Some(kind) = kind(cursor) else {
        return Err(Unread::Unsupported(
            "a comment on an object of an unknown kind",
        ));
    };
    if let Some(object) = named(cursor, kind)? {
        facts.object(object);
    }
    Ok(())
}

/// `IF EXISTS`.
pub(super) fn if_exists(cursor: &mut Cursor) {
    cursor.words(&["if", "exists"]);
}

/// `IF NOT EXISTS`.
pub(super) fn if_not_exists(cursor: &mut Cursor) {
    cursor.words(&["if", "not", "exists"]);
}

/// `WITH DATA` and `WITH NO DATA`.
pub(super) fn with_data(cursor: &mut Cursor) -> Result<(), Unread> {
    if cursor.word("with") {
        cursor.word("no");
        cursor.expect(&["data"])?;
    }
    Ok(())
}

/// Storage parameters in parentheses: `fillfactor = 70`.
pub(super) fn parameters(cursor: &mut Cursor) -> Result<bool, Unread> {
    cursor.enclosed_list(|cursor| {
        cursor.any_word()?;
        if cursor.symbol(&Token::Period) {
            cursor.any_word()?;
        }
        if cursor.symbol(&Token::Eq) && cursor.number().is_none() && cursor.string().is_none() {
            cursor.any_word()?;
        }
        Ok(())
    })
}

/// `OPTIONS (name 'value', …)` of foreign data.
pub(super) fn foreign_options(cursor: &mut Cursor) -> Result<(), Unread> {
    if !cursor.word("options") {
        return Ok(());
    }
    let enclosed = cursor.enclosed_list(|cursor| {
        // `ADD`, `SET` and `DROP` stand before a name in ALTER, or are one
        cursor.any_word()?;
        while matches!(cursor.token(), Token::Word(_)) {
            cursor.any_word()?;
        }
        cursor.string();
        Ok(())
    })?;
    if enclosed {
        Ok(())
    } else {
        cursor.fail("no options where they are due")
    }
}

/// Reads what follows `IMPORT`: tables of a foreign server.
pub(super) fn import(cursor: &mut Cursor) -> Result<Statement, Unread> {
    cursor.expect(&["foreign", "schema"])?;
    cursor.name()?;
    let mut tables = Vec::new();
    if cursor.words(&["limit", "to"]) {
        cursor.enclosed_list(|cursor| {
            tables.push(cursor.name()?);
            Ok(())
        })?;
    } else if cursor.word("except") {
        cursor.enclosed()?;
    }
    let mut facts = Facts::default();
    cursor.expect(&["from", "server"])?;
    facts.object(cursor.plain_object(Access::Read)?);
    cursor.expect(&["into"])?;
    let schema = cursor.plain_object(Access::Define)?;
    for name in tables {
        facts.object(Object {
            name,
            schema: Some(schema.name.clone()),
            ..schema.clone()
        });
    }
    facts.object(schema);
    foreign_options(cursor)?;
    cursor.end()?;
    facts.has([Effect::Ddl, Effect::Network]);
    facts.done(Verb::Create)
}
