//! What every message's test does with its golden bytes.
//!
//! Golden bytes are written by hand from 55.7 "Message Formats", not by this crate.

use std::fmt::Debug;

use bytes::{Bytes, BytesMut};

use super::frame::HEADER;
use super::{Decoded, Frame, Limits, decode_frame};
use crate::WireError;

pub(crate) type Decode<M> = fn(Frame) -> Result<M, WireError>;

/// A frame of bytes that are exactly one message.
pub(crate) fn frame(bytes: &[u8]) -> Frame {
    Frame::from_raw(Bytes::copy_from_slice(bytes)).unwrap()
}

/// A frame of this type and body, its length right: for bodies that lie.
pub(crate) fn body(tag: u8, body: &[u8]) -> Frame {
    let mut raw = vec![tag];
    raw.extend(u32::try_from(body.len() + 4).unwrap().to_be_bytes());
    raw.extend(body);
    frame(&raw)
}

/// Checks a message that ends where its fields end; gives back what was read.
#[track_caller]
pub(crate) fn closed<M>(golden: &[u8], made: M, decode: Decode<M>) -> M
where
    M: Debug + PartialEq + Into<Frame>,
{
    let message = open(golden, made, decode);
    for cut in HEADER..golden.len() {
        let shorter = body(golden[0], &golden[HEADER..cut]);
        assert!(decode(shorter).is_err(), "cut to {cut} bytes");
    }
    let longer = body(golden[0], &[&golden[HEADER..], &[0]].concat());
    assert!(matches!(
        decode(longer),
        Err(WireError::Leftover { left: 1, .. })
    ));
    message
}

/// Checks a message whose last field takes all that is left; gives back what was read.
#[track_caller]
pub(crate) fn open<M>(golden: &[u8], made: M, decode: Decode<M>) -> M
where
    M: Debug + PartialEq + Into<Frame>,
{
    let message = decode(frame(golden)).unwrap();
    assert_eq!(made, message);
    let made: Frame = made.into();
    assert_eq!(
        made.raw().escape_ascii().to_string(),
        golden.escape_ascii().to_string()
    );
    for cut in 0..golden.len() {
        let mut stream = BytesMut::from(&golden[..cut]);
        let decoded = decode_frame(&mut stream, &Limits::default()).unwrap();
        assert!(
            matches!(decoded, Decoded::Incomplete { need: 1.. }),
            "cut to {cut} bytes"
        );
        assert_eq!(stream, golden[..cut], "an incomplete message was touched");
    }
    let other = body(b'\0', &golden[HEADER..]);
    assert!(matches!(
        decode(other),
        Err(WireError::WrongTag { tag: 0, .. })
    ));
    message
}

/// Checks that what a message shows of itself holds none of these.
#[track_caller]
pub(crate) fn hides(message: &impl Debug, secrets: &[&str]) {
    for shown in [format!("{message:?}"), format!("{message:#?}")] {
        for secret in secrets {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
