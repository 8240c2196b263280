//! Frames cut off a stream, and lengths that lie.

use bytes::{Bytes, BytesMut};

use super::{Frame, decode_frame, run_of};
use crate::WireError;
use crate::postgres::{Decoded, Limits};

fn decode(bytes: &[u8]) -> Result<Decoded<Frame>, WireError> {
    decode_frame(&mut BytesMut::from(bytes), &Limits::default())
}

#[test]
fn one_frame_leaves_the_rest() {
    let mut buf = BytesMut::from(&b"Q\0\0\0\x06a\0X\0\0\0\x04S\0"[..]);
    let limits = Limits::default();
    let Ok(Decoded::Complete(first)) = decode_frame(&mut buf, &limits) else {
        panic!()
    };
    assert_eq!(
        (first.tag(), first.body(), buf.len()),
        (b'Q', "a\0".into(), 7)
    );
    let Ok(Decoded::Complete(second)) = decode_frame(&mut buf, &limits) else {
        panic!()
    };
    assert_eq!((second.tag(), second.body()), (b'X', Bytes::new()));
    assert_eq!(
        decode_frame(&mut buf, &limits),
        Ok(Decoded::Incomplete { need: 3 })
    );
    assert_eq!(buf, "S\0");
}

#[test]
fn cutting_copies_nothing() {
    let mut buf = BytesMut::from(&b"Q\0\0\0\x06a\0"[..]);
    let memory = buf.as_ptr();
    let Ok(Decoded::Complete(frame)) = decode_frame(&mut buf, &Limits::default()) else {
        panic!()
    };
    assert_eq!(frame.raw().as_ptr(), memory);
    assert_eq!(frame.body().as_ptr(), memory.wrapping_add(5));
    assert_eq!(frame.into_raw().as_ptr(), memory);
}

#[test]
fn need_is_what_is_missing() {
    let whole = b"Q\0\0\0\x06a\0";
    for (have, need) in [(0, 5), (1, 4), (4, 1), (5, 2), (6, 1)] {
        assert_eq!(
            decode(&whole[..have]),
            Ok(Decoded::Incomplete { need }),
            "{have}"
        );
    }
}

#[test]
fn a_length_that_does_not_count_itself_is_an_error() {
    for length in 0..4_u8 {
        let error = decode(&[b'Q', 0, 0, 0, length, 0, 0, 0]).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("message 'Q': length {length} is below the least possible, 4"),
        );
    }
}

#[test]
fn a_length_over_the_limit_is_an_error_before_the_bytes_are_there() {
    let limits = Limits {
        message: 100,
        ..Limits::default()
    };
    let decode = |length: u32| {
        let mut buf = BytesMut::from(&b"Q"[..]);
        buf.extend_from_slice(&length.to_be_bytes());
        let capacity = buf.capacity();
        let decoded = decode_frame(&mut buf, &limits);
        assert_eq!(buf.capacity(), capacity, "it was allocated for");
        decoded
    };
    assert_eq!(decode(104), Ok(Decoded::Incomplete { need: 100 }));
    for length in [105, 0x7fff_ffff, 0x8000_0000, u32::MAX] {
        let error = decode(length).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("message 'Q': length {length} exceeds the limit of 100 bytes"),
        );
    }
}

#[test]
fn a_negative_length_is_an_error_even_without_a_limit() {
    let limits = Limits {
        message: usize::MAX,
        ..Limits::default()
    };
    for length in [0x8000_0000_u32, u32::MAX] {
        let mut buf = BytesMut::from(&b"Q"[..]);
        buf.extend_from_slice(&length.to_be_bytes());
        assert!(matches!(
            decode_frame(&mut buf, &limits),
            Err(WireError::TooLong { .. })
        ));
    }
}

#[test]
fn raw_bytes_must_be_exactly_one_message() {
    let from = |bytes: &'static [u8]| Frame::from_raw(Bytes::from_static(bytes));
    assert_eq!(from(b"X\0\0\0\x05a").unwrap().body(), "a");
    assert!(matches!(
        from(b""),
        Err(WireError::NoFrame { found: 0, .. })
    ));
    assert!(matches!(
        from(b"X\0\0\0"),
        Err(WireError::NoFrame { found: 4, .. })
    ));
    assert!(matches!(
        from(b"X\0\0\0\x05"),
        Err(WireError::NotOneFrame { .. })
    ));
    assert!(matches!(
        from(b"X\0\0\0\x04a"),
        Err(WireError::NotOneFrame { .. })
    ));
    assert!(matches!(
        from(b"X\0\0\0\x03"),
        Err(WireError::TooShort { .. })
    ));
    assert!(matches!(
        from(b"X\xff\xff\xff\xff"),
        Err(WireError::TooLong { .. })
    ));
}

#[test]
fn a_tag_that_is_no_letter_shows_escaped() {
    assert_eq!(
        decode(b"\0\0\0\0\0").unwrap_err().to_string(),
        r"message '\x00': length 0 is below the least possible, 4",
    );
    assert_eq!(
        format!(
            "{:?}",
            Frame::trusted(Bytes::from_static(b"\xff\0\0\0\x04"))
        ),
        r"Frame('\xff', 5 bytes)"
    );
}

#[test]
fn a_run_ends_with_the_first_that_is_not_whole_or_of_another_kind() {
    let whole = b"d\0\0\0\x05ad\0\0\0\x04d\0\0\0\x06bc";
    for (behind, count, end) in [
        (&b""[..], 3, 18),
        (b"c\0\0\0\x04", 3, 18),
        (b"d\0\0\0\x05", 3, 18),
        (b"d\0\0\0\x03", 3, 18),
        (b"d\xff\xff\xff\xff", 3, 18),
        (b"d\0\0\0\x07abc", 3, 18),
        (b"d\0\0\0\x06ab", 4, 25),
    ] {
        let bytes = [&whole[..], behind].concat();
        assert_eq!(run_of(b'd', &bytes, 2), (count, end), "{behind:?}");
        assert_eq!(run_of(b'D', &bytes, 2), (0, 0));
    }
}
