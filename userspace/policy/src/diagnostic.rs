//! Errors of policy sources, with their place.

use std::{fmt, ops::Range};

use crate::Source;

mod render;

#[cfg(test)]
mod tests;

/// How bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The bundle is refused.
    Error,
    /// It loads.
    Warning,
}

/// One finding in one source. Its `Display` shows the place with a caret, without a newline at
/// the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad.
    pub severity: Severity,
    /// The source's name, as given in [`Source`]; empty where the bundle as a whole is meant.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// How many characters are meant, at least 1.
    pub width: usize,
    /// The text of that line.
    pub snippet: String,
    /// What is wrong.
    pub message: String,
    /// The way out, where there is one to say.
    pub help: Option<String>,
}

/// All errors of a load, never none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, d) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n\n")?;
            }
            write!(f, "{d}")?;
        }
        Ok(())
    }
}

impl Diagnostic {
    /// A finding at a range of bytes of a source.
    ///
    /// A range that is past the end or inside a character is moved to where it makes sense; one
    /// that goes over several lines is cut at the end of its first.
    pub(crate) fn at(
        severity: Severity,
        source: &Source,
        span: Range<usize>,
        message: impl Into<String>,
        help: Option<String>,
    ) -> Self {
        let text = source.text.as_str();
        // An "unexpected end" is best shown after the last thing that is written.
        let start = text.floor_char_boundary(span.start.min(text.trim_end().len()));
        let before = text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let from_line = text.get(line_start..).unwrap_or_default();
        let snippet = from_line.lines().next().unwrap_or_default();
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        let end = text.ceil_char_boundary(span.end.min(line_start + snippet.len()));
        let width = text
            .get(start..end)
            .unwrap_or_default()
            .chars()
            .count()
            .max(1);
        Self {
            severity,
            file: source.name.clone(),
            line: before.matches('\n').count() + 1,
            column,
            width,
            snippet: snippet.to_owned(),
            message: message.into(),
            help,
        }
    }

    /// An error of the bundle as a whole.
    pub(crate) fn of_bundle(message: impl Into<String>, help: Option<String>) -> Self {
        Self {
            severity: Severity::Error,
            file: String::new(),
            line: 1,
            column: 1,
            width: 1,
            snippet: String::new(),
            message: message.into(),
            help,
        }
    }
}
