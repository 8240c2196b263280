//! Golden bytes, and counts that lie.

use super::Parse;
use crate::WireError;
use crate::postgres::golden::{body, closed, hides};

pub(crate) const GOLDEN: &[u8] = b"P\0\0\0\x1bs1\0SELECT $1\0\0\x02\0\0\0\x17\0\0\0\0";

#[test]
fn golden() {
    let made = Parse::new(b"s1", b"SELECT $1", &[23, 0]).unwrap();
    let message = closed(GOLDEN, made, Parse::decode);
    assert_eq!(message.name(), "s1");
    assert_eq!(message.text(), "SELECT $1");
    assert_eq!(message.parameter_types(), [23, 0]);
    hides(&message, &["SELECT"]);
}

#[test]
fn a_lying_count_is_not_believed() {
    let error = Parse::decode(body(b'P', b"\0\0\xff\xff\0\0\0\x17")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Parse: 65535 parameter types announced at byte 7 do not fit in 4 bytes",
    );
}

#[test]
fn a_count_that_is_too_small_leaves_leftovers() {
    let error = Parse::decode(body(b'P', b"\0\0\0\x01\0\0\0\x17\0\0\0\x17")).unwrap_err();
    assert!(matches!(error, WireError::Leftover { left: 4, .. }));
}

#[test]
fn more_types_than_the_protocol_counts_are_not_sent() {
    let error = Parse::new(b"", b"", &[0; 65_536]).unwrap_err();
    assert!(matches!(
        error,
        WireError::OutOfRange {
            found: 65_536,
            most: 65_535,
            ..
        }
    ));
}
