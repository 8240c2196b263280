//! What the audience sees, on standard output: in colour on a terminal, plain in a pipe.

use std::fmt::Display;
use std::io::Write as _;

use anstyle::{AnsiColor, Style};

const HEADING: Style = AnsiColor::Cyan.on_default().bold();
const PROMPT: Style = AnsiColor::Blue.on_default().bold();
const TYPED: Style = Style::new().bold();
const HELD: Style = AnsiColor::Green.on_default().bold();
const FAILED: Style = AnsiColor::Red.on_default().bold();
const QUIET: Style = Style::new().dimmed();

/// The start of a scene, behind an empty line.
pub(super) fn heading(text: impl Display) {
    write(format_args!("\n{HEADING}{text}{HEADING:#}\n"));
}

/// A plain line.
pub(super) fn line(text: impl Display) {
    write(format_args!("{text}\n"));
}

/// A line of lesser weight.
pub(super) fn aside(text: impl Display) {
    write(format_args!("{QUIET}{text}{QUIET:#}\n"));
}

/// A command as it is typed at a prompt.
pub(super) fn typed(prompt: &str, command: &str) {
    write(format_args!(
        "{PROMPT}{prompt}{PROMPT:#} {TYPED}{command}{TYPED:#}\n"
    ));
}

/// What a program said, as it said it.
pub(super) fn output(text: &str) {
    write(text);
    if !text.is_empty() && !text.ends_with('\n') {
        write("\n");
    }
}

/// `held: …`, or `FAILED: …` with what was seen instead.
pub(super) fn verdict(claim: &str, failure: Option<&str>) {
    match failure {
        None => write(format_args!("{HELD}held:{HELD:#} {claim}\n")),
        Some(why) => write(format_args!("{FAILED}FAILED: {claim}{FAILED:#}: {why}\n")),
    }
}

/// A row of the table at the end.
pub(super) fn row(number: usize, claim: &str, held: bool) {
    let (style, word) = if held {
        (HELD, "held  ")
    } else {
        (FAILED, "FAILED")
    };
    write(format_args!(
        "  {style}{word}{style:#} {QUIET}{number:>2}{QUIET:#}  {claim}\n"
    ));
}

/// The last line.
pub(super) fn sum(text: impl Display, good: bool) {
    let style = if good { HELD } else { FAILED };
    write(format_args!("{style}{text}{style:#}\n"));
}

/// An audience that has left is no reason not to tidy up.
fn write(text: impl Display) {
    let mut out = anstream::stdout();
    write!(out, "{text}").and_then(|()| out.flush()).ok();
}
