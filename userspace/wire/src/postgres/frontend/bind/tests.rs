//! Golden bytes, counts and lengths that lie.

use super::Bind;
use crate::WireError;
use crate::postgres::golden::{body, closed, hides};
use crate::postgres::{Format, Formats};

pub(crate) const GOLDEN: &[u8] =
    b"B\0\0\0!p1\0s1\0\0\x02\0\0\0\x01\0\x02\0\0\0\x03Ann\xff\xff\xff\xff\0\x01\0\x01";

#[test]
fn golden() {
    let formats = Formats::Each(vec![Format::Text, Format::Binary]);
    let result = Formats::All(Format::Binary);
    let made = Bind::new(b"p1", b"s1", &formats, &[Some(b"Ann"), None], &result).unwrap();
    let message = closed(GOLDEN, made, Bind::decode);
    assert_eq!(message.portal(), "p1");
    assert_eq!(message.statement(), "s1");
    assert_eq!(message.parameter_formats(), &formats);
    assert_eq!(message.parameters(), [Some("Ann".into()), None]);
    assert_eq!(message.result_formats(), &result);
    hides(&message, &["Ann", "3 bytes"]);
}

#[test]
fn a_parameter_shares_the_frame_s_memory() {
    let message = Bind::decode(crate::postgres::golden::frame(GOLDEN)).unwrap();
    let frame = message.frame().raw().as_ptr_range();
    let parameter = message.parameters()[0].clone().unwrap();
    assert!(frame.contains(&parameter.as_ptr()));
}

#[test]
fn a_lying_count_of_parameters_is_not_believed() {
    let error = Bind::decode(body(b'B', b"\0\0\0\0\xff\xff\0\0")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Bind: 65535 parameters announced at byte 9 do not fit in 2 bytes",
    );
}

#[test]
fn a_lying_count_of_formats_is_not_believed() {
    for bytes in [&b"\0\0\xff\xff\0\0\0\0"[..], b"\0\0\0\0\0\0\xff\xff"] {
        let error = Bind::decode(body(b'B', bytes)).unwrap_err();
        assert!(
            matches!(error, WireError::CountTooLarge { count: 65_535, .. }),
            "{error}"
        );
    }
}

#[test]
fn a_parameter_s_length_is_checked() {
    for length in [-2, i32::MIN, 4, i32::MAX] {
        let mut bytes = b"\0\0\0\0\0\x01".to_vec();
        bytes.extend(length.to_be_bytes());
        bytes.extend(b"a\0\0");
        assert!(Bind::decode(body(b'B', &bytes)).is_err(), "{length}");
    }
}

#[test]
fn an_undefined_format_is_an_error() {
    for format in [2_u16, 0xffff] {
        let bytes = [&b"\0\0\0\x01"[..], &format.to_be_bytes(), b"\0\0\0\0"].concat();
        let error = Bind::decode(body(b'B', &bytes)).unwrap_err();
        assert!(matches!(error, WireError::Undefined { .. }), "{error}");
    }
}

#[test]
fn formats_must_be_as_many_as_parameters() {
    let formats = Formats::Each(vec![Format::Text, Format::Binary]);
    for parameters in [&[None][..], &[None, None, None]] {
        let error = Bind::new(b"", b"", &formats, parameters, &Formats::None).unwrap_err();
        assert!(
            matches!(
                error,
                WireError::OutOfRange {
                    what: "formats",
                    ..
                }
            ),
            "{error}"
        );
    }
    let all = Formats::All(Format::Binary);
    assert!(Bind::new(b"", b"", &all, &[None, None, None], &Formats::None).is_ok());
}
