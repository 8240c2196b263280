//! Collects what is wrong, each at its place, so that one reading tells all of it.

use std::{
    cell::{Cell, RefCell},
    ops::Range,
};

use weir_policy::{Diagnostic, Diagnostics, Severity};

use super::invalid::InvalidValue;

/// More than this nobody reads; how many there are beyond is said.
const SHOWN: usize = 50;

/// The findings in one file.
#[derive(Debug)]
pub(super) struct Report<'a> {
    file: &'a str,
    text: &'a str,
    found: RefCell<Vec<Diagnostic>>,
    unshown: Cell<usize>,
}

/// A place in a file.
struct Place<'a> {
    line: usize,
    column: usize,
    width: usize,
    snippet: &'a str,
}

impl<'a> Report<'a> {
    pub(super) fn new(file: &'a str, text: &'a str) -> Self {
        Self {
            file,
            text,
            found: RefCell::default(),
            unshown: Cell::new(0),
        }
    }

    /// Notes an error at these bytes of the file.
    pub(super) fn error(&self, span: &Range<usize>, wrong: InvalidValue) {
        let mut found = self.found.borrow_mut();
        if found.len() == SHOWN {
            self.unshown.set(self.unshown.get() + 1);
            return;
        }
        let Place {
            line,
            column,
            width,
            snippet,
        } = place(self.text, span);
        let (message, help) = wrong.into_parts();
        found.push(Diagnostic {
            severity: Severity::Error,
            file: self.file.to_owned(),
            line,
            column,
            width,
            snippet: without_secret(snippet),
            message,
            help,
        });
    }

    /// The line, from 1, of this byte.
    pub(super) fn line(&self, at: usize) -> usize {
        place(self.text, &(at..at)).line
    }

    /// The value, if nothing at all was found wrong.
    pub(super) fn conclude<T>(self, value: Option<T>) -> Result<T, Diagnostics> {
        if let (Some(value), true) = (value, self.found.borrow().is_empty()) {
            return Ok(value);
        }
        if self.found.borrow().is_empty() {
            self.error(
                &(0..0),
                InvalidValue::new("weir could not read all of this file, and can't say where"),
            );
        }
        let mut found = self.found.into_inner();
        found.sort_by_key(|d| (d.line, d.column));
        if let (Some(last), more @ 1..) = (found.last_mut(), self.unshown.get()) {
            last.message
                .push_str(&format!(" (and {more} more errors in this file)"));
        }
        Err(Diagnostics(found))
    }
}

fn place<'a>(text: &'a str, span: &Range<usize>) -> Place<'a> {
    let start = text.floor_char_boundary(span.start);
    let end = text.floor_char_boundary(span.end.max(start));
    let before = text.get(..start).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let snippet = text
        .get(line_start..)
        .unwrap_or_default()
        .lines()
        .next()
        .unwrap_or_default();
    let marked = text
        .get(start..end)
        .unwrap_or_default()
        .lines()
        .next()
        .unwrap_or_default();
    Place {
        line: before.bytes().filter(|b| *b == b'\n').count() + 1,
        column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
        width: marked.chars().count().max(1),
        snippet,
    }
}

/// A password that was written into the file by mistake must not go on into a log.
fn without_secret(line: &str) -> String {
    let key = "password";
    let shown = line.match_indices(key).find_map(|(at, _)| {
        let rest = line.get(at + key.len()..)?;
        let value = rest
            .trim_start_matches([' ', '\t', '"', '\''])
            .strip_prefix('=')?;
        line.strip_suffix(value)
    });
    shown.map_or_else(|| line.to_owned(), |shown| format!("{shown} …"))
}

#[cfg(test)]
mod tests {
    use super::{InvalidValue, Report, SHOWN, place, without_secret};

    #[test]
    fn a_secret_in_the_file_is_not_shown() {
        for (line, shown) in [
            ("password = \"hunter2\"", "password = …"),
            (
                "c = { user = 'a', password='hunter2' }",
                "c = { user = 'a', password= …",
            ),
            ("\"password\"\t= hunter2", "\"password\"\t= …"),
            ("password_file = \"/etc/x\"", "password_file = \"/etc/x\""),
            ("# the password", "# the password"),
            ("", ""),
        ] {
            assert_eq!(without_secret(line), shown);
        }
    }

    #[test]
    fn places_count_characters_and_stay_in_the_line() {
        for (text, span, line, column, width, snippet) in [
            ("", 0..0, 1, 1, 1, ""),
            ("ab\ncd", 3..5, 2, 1, 2, "cd"),
            ("ab\r\ncd\r\n", 4..6, 2, 1, 2, "cd"),
            ("ä = ö\n", 5..7, 1, 5, 1, "ä = ö"),
            ("ä", 1..1, 1, 1, 1, "ä"),
            ("ab\n", 3..3, 2, 1, 1, ""),
            ("ab\ncd", 1..5, 1, 2, 1, "ab"),
            ("ab", 7..99, 1, 3, 1, "ab"),
        ] {
            let found = place(text, &span);
            assert_eq!(
                (found.line, found.column, found.width, found.snippet),
                (line, column, width, snippet),
                "{text:?} {span:?}"
            );
        }
    }

    #[test]
    fn no_value_is_an_error_also_where_none_was_found() {
        let errors = Report::new("f", "x").conclude(None::<()>).unwrap_err();
        assert_eq!(errors.0.len(), 1);
        assert_eq!(Report::new("f", "x").conclude(Some(7)), Ok(7));
    }

    #[test]
    fn a_flood_of_errors_is_cut_and_says_so() {
        let report = Report::new("f", "x");
        for _ in 0..60 {
            report.error(&(0..1), InvalidValue::new("bad"));
        }
        let errors = report.conclude(Some(())).unwrap_err().0;
        assert_eq!(errors.len(), SHOWN);
        assert_eq!(
            errors.last().unwrap().message,
            "bad (and 10 more errors in this file)"
        );
    }
}
