//! Findings in policies and configuration, in colour: `error: …`, the place, the line, the caret.

use std::io;

use super::{
    line::{Line, Tone},
    out::Out,
};

/// Prints rendered findings. What can't be told apart is printed plain.
pub(super) fn print(rendered: &str, out: &mut Out) -> io::Result<()> {
    let mut severity = Tone::Bad;
    for line in rendered.lines() {
        let head = [("error", Tone::Bad), ("warning", Tone::Warn)]
            .into_iter()
            .find_map(|(word, tone)| Some((word, tone, line.strip_prefix(word)?)));
        let line = match head {
            Some((word, tone, rest)) => {
                severity = tone;
                Line::of(tone, word).and(Tone::Strong, rest)
            }
            None => placed(line, severity),
        };
        out.line(&line)?;
    }
    Ok(())
}

fn placed(line: &str, severity: Tone) -> Line {
    let parts = line
        .split_once('|')
        .filter(|(gutter, _)| gutter.chars().all(|c| c.is_ascii_digit() || c == ' '));
    match parts {
        Some((gutter, text)) => {
            let caret = !text.is_empty() && text.chars().all(|c| matches!(c, ' ' | '^' | '\t'));
            let tone = if caret { severity } else { Tone::Plain };
            Line::of(Tone::Dim, format!("{gutter}|")).and(tone, text.replace('\t', " "))
        }
        None if line.trim_start().starts_with("-->") => Line::of(Tone::Dim, line),
        None => Line::plain(line),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::out::capture, *};

    #[test]
    fn what_is_said_is_left_as_it_is() {
        let rendered = "error: unexpected end of input\n  --> a.cedar:1:35\n   |\n \
                        1 | permit(x | y\n   |           ^\n   = help: close it\n\nwarning: odd\n";
        assert_eq!(capture::plain(|out| print(rendered, out)), rendered);
    }
}
