//! `COPY`, of a table or of a query, to and from the client, a file or a program.

use sqlparser::tokenizer::Token;

use super::super::cursor::Cursor;
use super::super::facts::Facts;
use super::super::unread::Unread;
use super::super::walk;
use super::begins_query;
use crate::model::{Access, Control, CopyForm, Effect, Object, Predicate, Statement, Verb};

/// Reads what follows `COPY`.
pub(super) fn copy(cursor: &mut Cursor) -> Result<Statement, Unread> {
    if *cursor.token() == Token::LParen {
        return query(cursor);
    }
    let binary = cursor.word("binary");
    let table = cursor.object(Access::Read)?;
    let mut facts = Facts::default();
    let listed = cursor.enclosed_list(|cursor| {
        let column = cursor.name()?;
        facts.columns.named.insert(column);
        Ok(())
    })?;
    facts.columns.all = !listed;
    facts.columns.all_written = !listed;
    let (verb, access) = match cursor.one_of(&["from", "to"]) {
        Some("from") => (Verb::CopyIn, Access::Write),
        Some(_) => (Verb::CopyOut, Access::Read),
        None => return cursor.fail("an unexpected word"),
    };
    if access == Access::Write {
        facts.columns.written = std::mem::take(&mut facts.columns.named);
    } else {
        facts.columns.all_written = false;
    }
    facts.object(Object { access, ..table });
    end(cursor, &mut facts)?;
    let form = options(cursor, binary)?;
    if verb == Verb::CopyIn && cursor.word("where") {
        cursor.expression(&mut facts)?;
    }
    cursor.end()?;
    let control = match form {
        Some(form) if verb == Verb::CopyOut => Control::Copy(form),
        _ => Control::None,
    };
    facts.command(verb, Predicate::NotApplicable, control)
}

fn query(cursor: &mut Cursor) -> Result<Statement, Unread> {
    let tokens = cursor.enclosed()?;
    if !begins_query(&tokens) {
        return cursor.fail("no query where one is due");
    }
    let mut facts = walk::query(&tokens)?;
    let (verb, predicate) = match facts.asked() {
        (Verb::Select, predicate) => (Verb::CopyOut, predicate),
        (Verb::Create, _) => return Err(Unread::Unsupported("a COPY of SELECT INTO")),
        write => write,
    };
    cursor.expect(&["to"])?;
    end(cursor, &mut facts)?;
    let form = options(cursor, false)?;
    cursor.end()?;
    // Whether a write's rows leave so is told by their form alone.
    if form.is_none() && verb != Verb::CopyOut {
        return Err(Unread::Unsupported(
            "a COPY of a write in a form that weir can't tell",
        ));
    }
    let control = form.map_or(Control::None, Control::Copy);
    facts.command(verb, predicate, control)
}

/// The other end: the client, a file, or a program.
fn end(cursor: &mut Cursor, facts: &mut Facts) -> Result<(), Unread> {
    // the server takes either word either way
    if cursor.one_of(&["stdin", "stdout"]).is_some() {
        return Ok(());
    }
    facts.has([if cursor.word("program") {
        Effect::Program
    } else {
        Effect::File
    }]);
    match cursor.string() {
        Some(_) => Ok(()),
        None => cursor.fail("no string where one is due"),
    }
}

/// Options in either of their forms. None of them reads or writes anything but the format, which is
/// told where it can be read.
fn options(cursor: &mut Cursor, binary: bool) -> Result<Option<CopyForm>, Unread> {
    let mut said = Said::default();
    if binary {
        said.format = Some("binary".to_owned());
    }
    if cursor.word("using") {
        cursor.expect(&["delimiters"])?;
        said.delimiter = cursor.string();
    }
    cursor.word("with");
    if cursor.is_nth(0, &Token::LParen) {
        let tokens = cursor.enclosed()?;
        said.read(tokens.iter().map(|token| &token.token), true);
        return Ok(said.form());
    }
    let mut tokens = Vec::new();
    while !cursor.at_end() && cursor.peek() != Some("where") {
        let token = cursor.token().clone();
        let known = cursor.string().is_some()
            || cursor.symbol(&Token::Mul)
            || cursor.symbol(&Token::Comma)
            || cursor.any_word().is_ok();
        if !known {
            return cursor.fail("an option that COPY has not");
        }
        tokens.push(token);
    }
    said.read(tokens.iter(), false);
    Ok(said.form())
}

/// What options say of how rows are written.
#[derive(Default)]
struct Said {
    format: Option<String>,
    delimiter: Option<String>,
    quote: Option<String>,
    escape: Option<String>,
}

impl Said {
    /// Takes a list of options: in parentheses a name and its value, and before those were, words and
    /// strings, with `AS` between them or without.
    fn read<'t>(&mut self, tokens: impl Iterator<Item = &'t Token>, parenthesised: bool) {
        let mut tokens = tokens.peekable();
        while let Some(token) = tokens.next() {
            let Token::Word(word) = token else { continue };
            let option = match word.value.to_ascii_lowercase().as_str() {
                "format" if parenthesised => &mut self.format,
                name @ ("csv" | "binary") if !parenthesised => {
                    self.format = Some(name.to_owned());
                    continue;
                }
                "delimiter" | "delimiters" => &mut self.delimiter,
                "quote" => &mut self.quote,
                "escape" => &mut self.escape,
                _ => continue,
            };
            tokens.next_if(
                |token| matches!(token, Token::Word(word) if word.value.eq_ignore_ascii_case("as")),
            );
            let value = tokens.next_if(|token| match token {
                Token::Word(_) => parenthesised,
                Token::SingleQuotedString(_) | Token::EscapedStringLiteral(_) => true,
                _ => false,
            });
            *option = match value {
                Some(Token::Word(word)) => Some(word.value.clone()),
                Some(Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text)) => {
                    Some(text.clone())
                }
                // `FORCE QUOTE a`: a word of another option.
                _ => option.take(),
            };
        }
    }

    /// The form, unless it is one that weir can't tell.
    fn form(&self) -> Option<CopyForm> {
        let one = |option: &Option<String>, usual: u8| match option.as_ref().map(|o| o.as_bytes()) {
            None => Some(usual),
            Some([one]) => Some(*one),
            Some(_) => None,
        };
        Some(match self.format.as_deref().unwrap_or("text") {
            "text" => CopyForm::Text {
                delimiter: one(&self.delimiter, b'\t')?,
            },
            "csv" => {
                let quote = one(&self.quote, b'"')?;
                CopyForm::Csv {
                    delimiter: one(&self.delimiter, b',')?,
                    quote,
                    escape: one(&self.escape, quote)?,
                }
            }
            "binary" => CopyForm::Binary,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests;
