//! What a person sees: one line for each thing that is done. In colour on a terminal only.

use std::fmt::Display;
use std::io::{self, Write as _};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

const HEADING: Style = AnsiColor::Cyan.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const QUIET: Style = Style::new().dimmed();

/// A plain line.
pub(crate) fn line(text: impl Display) {
    write(Style::new(), text);
}

/// The start of something that takes a while.
pub(crate) fn heading(text: impl Display) {
    write(HEADING, text);
}

/// Something that went well.
pub(crate) fn good(text: impl Display) {
    write(GOOD, text);
}

/// Something that was not done, or that a person should know.
pub(crate) fn warning(text: impl Display) {
    write(WARNING, text);
}

/// Why it stopped.
pub(crate) fn bad(text: impl Display) {
    write(BAD, text);
}

/// Whether what goes to standard output may be in colour.
pub(crate) fn is_coloured() -> bool {
    AutoStream::choice(&io::stdout()) != ColorChoice::Never
}

/// A command about to be run.
pub(crate) fn command(text: impl Display) {
    write(QUIET, format_args!("$ {text}"));
}

/// To standard error, in one stream with the messages of cargo and of the tests' runner. A closed
/// stream is no reason to stop.
fn write(style: Style, text: impl Display) {
    writeln!(anstream::stderr(), "{style}{text}{style:#}").ok();
}
