//! The shape of a text: its tokens without the values of its literals.
//!
//! Known limit: a literal's value may matter (`LIMIT 1` and `LIMIT 1000000` have one shape). Whoever
//! takes a shape for a statement takes every value of its literals.

use sqlparser::tokenizer::Token;

use super::{Limits, lex, statements};
use crate::model::{Command, Control, Effect, Statement, Verb};

/// In the place of a string. No operator holds a letter, so nothing else reads like it.
const STRING: &str = "?s";
/// In the place of a number.
const NUMBER: &str = "?n";
/// Longest shape, in bytes.
const LONGEST: usize = 16 * 1024;

pub(super) fn of(text: &[u8], limits: &Limits) -> Option<String> {
    let statements = statements(text, limits);
    if !statements.iter().all(has_shape) {
        return None;
    }
    let keeps = statements.iter().any(calls_functions);
    let text = std::str::from_utf8(text).ok()?;
    let mut shape = String::new();
    for token in lex::lex(text).ok()? {
        if !shape.is_empty() {
            shape.push(' ');
        }
        match token.token {
            Token::Word(word) if word.quote_style.is_none() => shape.push_str(&word.value),
            Token::Word(word) => quoted(&mut shape, '"', &word.value),
            Token::Number(number, _) if keeps => shape.push_str(&number),
            Token::Number(..) => shape.push_str(NUMBER),
            Token::SingleQuotedString(value) if keeps => quoted(&mut shape, '\'', &value),
            Token::SingleQuotedString(_) => shape.push_str(STRING),
            Token::SingleQuotedByteStringLiteral(_)
            | Token::HexStringLiteral(_)
            | Token::NationalStringLiteral(_) => {
                // Rare enough to have no shape where they would have to stay.
                if keeps {
                    return None;
                }
                shape.push_str(STRING);
            }
            other => shape.push_str(&other.to_string()),
        }
        if shape.len() > LONGEST {
            return None;
        }
    }
    let length = shape.trim_end_matches([';', ' ']).len();
    shape.truncate(length);
    Some(shape)
}

fn has_shape(statement: &Statement) -> bool {
    let Statement::Command(command) = statement else {
        return false;
    };
    let data = matches!(
        command.verb,
        Verb::Select | Verb::Insert | Verb::Update | Verb::Delete | Verb::Merge
    );
    data && matches!(command.control, Control::None) && !hides(command)
}

fn hides(command: &Command) -> bool {
    let may_hold_code = [
        Effect::DynamicCode,
        Effect::Program,
        Effect::File,
        Effect::Network,
        Effect::Setting,
        Effect::Session,
        Effect::Privilege,
    ];
    may_hold_code
        .iter()
        .any(|effect| command.effects.contains(effect))
}

fn calls_functions(statement: &Statement) -> bool {
    matches!(statement, Statement::Command(command) if !command.functions.is_empty())
}

fn quoted(shape: &mut String, quote: char, value: &str) {
    shape.push(quote);
    for c in value.chars() {
        if c == quote {
            shape.push(quote);
        }
        shape.push(c);
    }
    shape.push(quote);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> Option<String> {
        of(text.as_bytes(), &Limits::default())
    }

    #[test]
    fn statements_that_differ_in_their_values_have_one_shape() {
        let shaped = shape("DELETE FROM refunds WHERE id = 7 AND why = 'x'").unwrap();
        assert_eq!(shaped, "delete from refunds where id = ?n and why = ?s");
        for same in [
            "delete  FROM Refunds\nWHERE id = 800 AND why = E'it\\'s' ;",
            "DELETE /* now */ FROM refunds WHERE id = 0x1f AND why = $$y$$ -- really",
            "DELETE FROM refunds WHERE id = 1.5e3 AND why = 'a' \n 'b'",
        ] {
            assert_eq!(shape(same).as_deref(), Some(shaped.as_str()), "{same}");
        }
        for other in [
            "DELETE FROM refunds WHERE id = 7 OR why = 'x'",
            "DELETE FROM refunds WHERE 7 = 7 AND why = 'x'",
            "DELETE FROM refunds WHERE id = why AND why = 'x'",
            "DELETE FROM \"Refunds\" WHERE id = 7 AND why = 'x'",
            "DELETE FROM public.refunds WHERE id = 7 AND why = 'x'",
            "DELETE FROM refunds WHERE id = 7 AND why = 'x'; DELETE FROM refunds",
            "DELETE FROM refunds",
        ] {
            assert_ne!(shape(other).as_deref(), Some(shaped.as_str()), "{other}");
        }
    }

    #[test]
    fn a_name_in_quotes_passes_for_nothing_else() {
        let names = [r#""a"" b""#, r#""a" b"#, "\"a ?n\"", "a"];
        let shapes: Vec<_> = names
            .iter()
            .map(|name| shape(&format!("SELECT 1 FROM t AS {name}")))
            .collect();
        for (i, one) in shapes.iter().enumerate() {
            assert!(
                !shapes
                    .iter()
                    .skip(i + 1)
                    .any(|other| other == one && one.is_some())
            );
        }
    }

    #[test]
    fn where_a_literal_may_be_code_it_stays_or_there_is_no_shape() {
        let one = shape("SELECT myfunc('a') FROM t WHERE id = 1").unwrap();
        let other = shape("SELECT myfunc('b') FROM t WHERE id = 1").unwrap();
        assert_ne!(one, other);
        for none in [
            "DO $$ BEGIN END $$",
            "SET search_path = 'x'",
            "COPY t FROM PROGRAM 'id'",
            "SELECT query_to_xml('select 1', true, true, '')",
            "SELECT dblink('a', 'b')",
            "DROP TABLE t",
            "EXECUTE x('1')",
            "SELECT 'unterminated",
            "BEGIN",
        ] {
            assert_eq!(shape(none), None, "{none}");
        }
    }
}
