//! What went through a connection that weir does not read, drawn for a person: lines of text as
//! text, anything else as bytes. Each piece is drawn by itself, as it was passed on.

use std::{fmt::Write as _, io, iter::repeat_n};

use weir_record::Side;

use super::super::{
    line::{Line, Tone},
    out::Out,
};

/// Bytes on one line of a dump.
const WIDTH: usize = 16;

/// Draws what `from` sent.
pub(super) fn print(from: Side, bytes: &[u8], out: &mut Out) -> io::Result<()> {
    let (arrow, tone) = match from {
        Side::Client => ("  → ", Tone::Strong),
        Side::Server => ("  ← ", Tone::Plain),
    };
    if let Some(text) = text(bytes) {
        return text.lines().try_for_each(|line| {
            let line = line.trim_end_matches('\r');
            out.line(&Line::of(Tone::Dim, arrow).and(tone, line))
        });
    }
    bytes.chunks(WIDTH).try_for_each(|row| {
        let line = Line::of(Tone::Dim, arrow).and(tone, hexadecimal(row));
        out.line(&line.and(Tone::Dim, readable(row)))
    })
}

/// The bytes as text, where a person would call them that.
fn text(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let speaks = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    text.chars().all(speaks).then_some(text)
}

fn hexadecimal(row: &[u8]) -> String {
    let mut shown = String::new();
    for byte in row {
        // Writing to a string does not fail.
        write!(shown, "{byte:02x} ").ok();
    }
    shown.extend(repeat_n("   ", WIDTH.saturating_sub(row.len())));
    shown
}

fn readable(row: &[u8]) -> String {
    row.iter()
        .map(|byte| match byte {
            b' '..=b'~' => char::from(*byte),
            _ => '.',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{super::super::out::capture, *};

    fn drawn(from: Side, bytes: &[u8]) -> String {
        capture::plain(|out| print(from, bytes, out))
    }

    #[test]
    fn text_is_shown_as_text_and_bytes_as_bytes() {
        assert_eq!(
            drawn(Side::Client, b"PING\r\nGET a\r\n"),
            "  → PING\n  → GET a\n"
        );
        assert_eq!(
            drawn(Side::Server, b"\x00\x01abcdefghijklmn!"),
            "  ← 00 01 61 62 63 64 65 66 67 68 69 6a 6b 6c 6d 6e ..abcdefghijklmn\n  \
             ← 21                                              !\n"
        );
        assert_eq!(drawn(Side::Server, b""), "");
    }

    #[test]
    fn what_would_act_on_a_terminal_is_shown_as_bytes() {
        let drawn = drawn(Side::Server, b"\x1b[2J\nsession 1");
        assert!(
            !drawn.contains('\u{1b}') && drawn.contains("1b 5b 32 4a"),
            "{drawn}"
        );
        let drawn = self::drawn(Side::Server, "a\u{202e}b".as_bytes());
        assert!(!drawn.contains('\u{202e}'), "{drawn}");
    }
}
