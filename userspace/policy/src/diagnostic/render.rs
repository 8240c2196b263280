//! A finding as a person reads it:
//!
//! ```text
//! error: no class is called `emial`
//!   --> masking.toml:7:9
//!    |
//!  7 | class = "emial"
//!    |         ^^^^^^^
//!    = help: declared are: email, pan
//! ```

use std::fmt::{self, Write};

use crate::{Diagnostic, Severity};

/// Most characters of a line that are shown; a longer one is cut around what is meant.
const MAX_SHOWN: usize = 160;

/// How many characters before what is meant stay in view when a line is cut.
const LEAD: usize = 60;

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}: {}", Visible(&self.message))?;
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len() + 2);
        if !self.file.is_empty() {
            let (file, line, column) = (Visible(&self.file), self.line, self.column);
            write!(
                f,
                "\n{}--> {file}:{line}:{column}",
                " ".repeat(number.len() + 1)
            )?;
            let window = Window::of(self);
            write!(f, "\n{gutter}|\n {number} | {}", Visible(&window.text))?;
            write!(
                f,
                "\n{gutter}| {}{}",
                " ".repeat(window.before),
                "^".repeat(window.width)
            )?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n{gutter}= help: {}", Visible(help))?;
        }
        Ok(())
    }
}

/// The part of the line that is shown, and what is meant in it, in characters.
struct Window {
    text: String,
    before: usize,
    width: usize,
}

impl Window {
    fn of(d: &Diagnostic) -> Self {
        let before = d.column.saturating_sub(1);
        let length = d.snippet.chars().count();
        let skip = if length > MAX_SHOWN {
            before.saturating_sub(LEAD)
        } else {
            0
        };
        let text: String = d.snippet.chars().skip(skip).take(MAX_SHOWN).collect();
        let shown = text.chars().count();
        let before = before - skip;
        // At the end of the line the caret stands after the text.
        let width = d.width.clamp(1, shown.saturating_sub(before).max(1));
        Self {
            text,
            before,
            width,
        }
    }
}

/// Text with every control character as one visible character, so that carets stay in their
/// column and a source can't write to the terminal.
struct Visible<'a>(&'a str);

impl fmt::Display for Visible<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            f.write_char(match c {
                '\t' => ' ',
                // Controls, and what turns the direction of writing.
                c if c.is_control()
                    || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') =>
                {
                    '\u{fffd}'
                }
                c => c,
            })?;
        }
        Ok(())
    }
}
