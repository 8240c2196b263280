//! One line of styled text: the only thing that the command line prints.
//!
//! Job: keep what is said apart from how it looks, and let no character through that would act on
//! the terminal; whatever enters a [`Line`] is neutralised there, so no caller can forget it.
//! Not its job: deciding whether there is colour at all (the stream does, see [`super::out`]).

use std::fmt::{self, Display};

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr as _;

use super::escape::Shown;

/// What a piece of text is, from which its looks follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Ordinary text.
    #[default]
    Plain,
    /// Of lesser weight: labels, rules, units.
    Dim,
    /// Headings and names.
    Strong,
    /// Allowed, in order.
    Good,
    /// Refused, broken.
    Bad,
    /// Masked, held, doubtful.
    Warn,
    /// What a person could type or look up: ids, paths, commands.
    Key,
}

/// Pieces of text, each in its tone, on one line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line(Vec<(Tone, String)>);

impl Tone {
    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Dim => Style::new().dimmed(),
            Self::Strong => Style::new().bold(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
            Self::Warn => AnsiColor::Yellow.on_default(),
            Self::Key => AnsiColor::Cyan.on_default(),
        }
    }
}

impl Line {
    /// An empty line.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// One plain piece.
    pub(crate) fn plain(text: impl Display) -> Self {
        Self::new().and(Tone::Plain, text)
    }

    /// One piece in its tone.
    pub(crate) fn of(tone: Tone, text: impl Display) -> Self {
        Self::new().and(tone, text)
    }

    /// With one more piece; a line break or control character in it is spelt out.
    #[must_use]
    pub(crate) fn and(mut self, tone: Tone, text: impl Display) -> Self {
        self.0.push((tone, Shown(&text.to_string()).to_string()));
        self
    }

    /// With more plain text.
    #[must_use]
    pub(crate) fn text(self, text: impl Display) -> Self {
        self.and(Tone::Plain, text)
    }

    /// With the pieces of another line behind these.
    #[must_use]
    pub(crate) fn join(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// How many columns of a terminal it takes.
    pub(crate) fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| text.width()).sum()
    }
}

impl Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (tone, text) in &self.0 {
            let style = tone.style();
            write!(f, "{style}{text}{style:#}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_cannot_leave_its_line_or_its_style() {
        let line = Line::of(Tone::Bad, "a\u{1b}[0m\nb").text("c");
        assert_eq!(
            line.to_string(),
            "\u{1b}[1m\u{1b}[31ma\\x1b[0m\\nb\u{1b}[0mc"
        );
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(Line::plain("漢字").text("ab").width(), 6);
    }
}
