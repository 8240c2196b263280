use super::{Diagnostic, Severity};
use crate::Source;

fn source(text: &str) -> Source {
    Source {
        name: "a.cedar".into(),
        text: text.into(),
    }
}

fn at(text: &str, start: usize, end: usize) -> Diagnostic {
    Diagnostic::at(Severity::Error, &source(text), start..end, "bad", None)
}

#[test]
fn the_caret_stands_under_what_is_meant() {
    let d = Diagnostic::at(
        Severity::Warning,
        &source("one\ntwo three\nfour"),
        8..13,
        "three is odd",
        Some("use two".into()),
    );
    let expected = "\
warning: three is odd
  --> a.cedar:2:5
   |
 2 | two three
   |     ^^^^^
   = help: use two";
    assert_eq!(d.to_string(), expected);
}

#[test]
fn the_gutter_grows_with_the_line_number() {
    let d = at(&format!("{}x", "\n".repeat(9)), 9, 10);
    assert_eq!(
        d.to_string(),
        "error: bad\n   --> a.cedar:10:1\n    |\n 10 | x\n    | ^"
    );
}

#[test]
fn characters_are_counted_not_bytes_and_tabs_are_one() {
    let d = at("\té == x", 4, 6);
    assert_eq!((d.column, d.width), (4, 2));
    assert_eq!(
        d.to_string(),
        "error: bad\n  --> a.cedar:1:4\n   |\n 1 |  é == x\n   |    ^^"
    );
}

#[test]
fn a_span_over_several_lines_ends_with_its_first() {
    let d = at("permit (\n  principal\n);", 0, 22);
    assert_eq!((d.line, d.column, d.width), (1, 1, 8));
}

#[test]
fn an_end_of_input_is_shown_after_the_last_thing_written() {
    let d = at("permit (\n\n\n", 11, 11);
    assert_eq!((d.line, d.column, d.width), (1, 9, 1));
    assert_eq!(d.snippet, "permit (");
}

#[test]
fn spans_that_lie_do_not_panic() {
    for (start, end) in [(1, 2), (0, 99), (99, 3), (3, 1), (usize::MAX, usize::MAX)] {
        let d = at("é\r\nü", start, end);
        assert!(
            d.width >= 1 && d.to_string().contains('^'),
            "{start}..{end}"
        );
    }
    assert!(at("", 0, 0).to_string().contains('^'));
}

#[test]
fn a_source_cannot_write_to_the_terminal() {
    let d = Diagnostic::at(
        Severity::Error,
        &Source {
            name: "a\u{1b}[2J.cedar".into(),
            text: "x\u{1b}[31m \u{9b}y".into(),
        },
        0..1,
        "m\u{7}",
        Some("h\r".into()),
    );
    let text = d.to_string();
    assert!(
        text.chars().all(|c| c == '\n' || !c.is_control()),
        "{text:?}"
    );
}

#[test]
fn a_long_line_is_cut_around_what_is_meant() {
    let text = format!("{}bad{}", "a".repeat(500), "z".repeat(500));
    let shown = at(&text, 500, 503).to_string();
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines.iter().all(|line| line.chars().count() < 180));
    let caret = lines[4].find('^').unwrap();
    assert_eq!(lines[3].get(caret..caret + 3), Some("bad"));
    assert!(lines[4].ends_with("^^^"));
}
