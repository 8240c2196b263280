//! Single messages that the replay's tests don't reach.

use super::{super::super::out::capture, *};

/// The number of a first command.
fn seq() -> Seq {
    serde_json::from_str("1").unwrap()
}

fn shown(bytes: &[u8]) -> String {
    capture::plain(|out| {
        let mut screen = Screen::default();
        screen.feed(seq(), bytes, out)?;
        screen.finish(out)
    })
}

/// A message of this tag and body.
fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[tag], &length[..], body].concat()
}

#[test]
fn a_copy_is_shown_line_by_line() {
    let mut bytes = message(b'H', &[0, 0, 1, 0, 0]);
    bytes.extend(message(b'd', b"1\tAda\n"));
    bytes.extend(message(b'd', b"PGCOPY\n\xff\r\n\0"));
    bytes.extend(message(b'c', b""));
    bytes.extend(message(b'C', b"COPY 2\0"));
    assert_eq!(
        shown(&bytes),
        "(copy to the agent)\n1\\tAda\n\\x5047434f50590aff0d0a00\nCOPY 2\n"
    );
}

#[test]
fn notices_settings_and_notifications_are_told() {
    let mut bytes = message(b'N', b"SNOTICE\0C00000\0Mhello\nworld\0\0");
    bytes.extend(message(b'S', b"TimeZone\0UTC\0"));
    bytes.extend(message(
        b'A',
        &[&7_u32.to_be_bytes()[..], b"jobs\0now\0"].concat(),
    ));
    assert_eq!(
        shown(&bytes),
        "NOTICE 00000: hello\\nworld\nTimeZone is UTC\nnotification on jobs: now\n"
    );
}

#[test]
fn a_result_without_rows_has_its_columns() {
    let mut field = b"id\0".to_vec();
    field.extend([0; 6]);
    field.extend(23_u32.to_be_bytes());
    field.extend([0, 4, 255, 255, 255, 255, 0, 0]);
    let mut bytes = message(b'T', &[&1_u16.to_be_bytes()[..], &field].concat());
    bytes.extend(message(b'C', b"SELECT 0\0"));
    // A later statement has no result of its own.
    bytes.extend(message(b'C', b"BEGIN\0"));
    assert_eq!(shown(&bytes), " id\n----\n(0 rows)\nSELECT 0\nBEGIN\n");
}

#[test]
fn housekeeping_is_silent() {
    for (tag, body) in [
        (b'1', &b""[..]),
        (b'2', b""),
        (b'3', b""),
        (b'n', b""),
        (b'Z', b"I"),
    ] {
        assert_eq!(shown(&message(tag, body)), "", "{}", char::from(tag));
    }
}

#[test]
fn a_length_that_lies_is_told_and_not_allocated_for() {
    let told = shown(&[b'D', 0xff, 0xff, 0xff, 0xff, 0, 0]);
    assert!(
        told.starts_with("the rest of this answer can't be read"),
        "{told}"
    );
}
