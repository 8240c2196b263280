//! Bytes that no honest peer sends, and honest ones cut where no message ends.

use bytes::{BufMut, BytesMut};
use proptest::prelude::*;

use crate::WireError;
use crate::postgres::golden::{body, frame, hides};
use crate::postgres::{Decoded, Frame, Limits, backend, decode_frame, frontend};

fn golden() -> impl Iterator<Item = &'static [u8]> {
    frontend::GOLDEN.iter().chain(backend::GOLDEN).copied()
}

/// Reads a frame as each peer's. What is read must be able to show itself, and to go out as it
/// came.
fn read(frame: &Frame) {
    if let Ok(message) = frontend::decode(frame.clone()) {
        assert!(!format!("{message:?}").is_empty());
        assert_eq!(message.into_frame(), *frame);
    }
    if let Ok(message) = backend::decode(frame.clone()) {
        assert!(!format!("{message:?}").is_empty());
        if let backend::Message::DataRow(row) = &message {
            assert_eq!(row.columns().count(), row.len());
        }
        if let backend::Message::CommandComplete(complete) = &message {
            let digit = complete.tag().last().is_some_and(u8::is_ascii_digit);
            assert!(digit || complete.rows().is_none());
        }
        assert_eq!(message.into_frame(), *frame);
    }
}

#[test]
fn every_golden_message_reads_by_its_type_byte() {
    for bytes in frontend::GOLDEN {
        let message = frontend::decode(frame(bytes)).unwrap();
        assert_eq!(message.frame().raw(), bytes, "{}", message.name());
        let mut out = BytesMut::from(&b"before"[..]);
        message.encode(&mut out);
        assert_eq!(out, [b"before", *bytes].concat()[..]);
    }
    for bytes in backend::GOLDEN {
        let message = backend::decode(frame(bytes)).unwrap();
        assert_eq!(message.frame().raw(), bytes, "{}", message.name());
        assert_eq!(message.into_frame().into_raw(), bytes);
    }
}

#[test]
fn unknown_type_bytes_are_errors() {
    for tag in 0..=u8::MAX {
        let frame = body(tag, b"");
        let unknown = Err(WireError::UnknownTag { tag });
        let known = frontend::TAGS.contains(&tag);
        assert_eq!(frontend::decode(frame.clone()).map(drop) == unknown, !known);
        let known = backend::TAGS.contains(&tag);
        assert_eq!(backend::decode(frame).map(drop) == unknown, !known);
    }
}

#[test]
fn every_body_cut_short_reads_or_errs() {
    for bytes in golden() {
        for cut in 5..bytes.len() {
            read(&body(bytes[0], &bytes[5..cut]));
        }
    }
}

#[test]
fn every_byte_changed_reads_or_errs() {
    for bytes in golden() {
        for place in 5..bytes.len() {
            for value in 0..=u8::MAX {
                let mut changed = bytes.to_vec();
                changed[place] = value;
                read(&frame(&changed));
            }
        }
    }
}

#[test]
fn no_message_shows_what_it_carries() {
    let secret = b"5eCr3t";
    let zero = [&secret[..], b"\0"].concat();
    let sized = [&[0, 1, 0, 0, 0, 6][..], secret].concat();
    for tag in 0..=u8::MAX {
        for bytes in [
            &secret[..],
            &zero,
            &sized,
            &[&b"M"[..], &zero, b"\0"].concat(),
        ] {
            let frame = body(tag, bytes);
            hides(&frame, &["5eCr3t"]);
            if let Ok(message) = frontend::decode(frame.clone()) {
                hides(&message, &["5eCr3t"]);
            }
            match backend::decode(frame) {
                // The server's own words, and shown.
                Ok(backend::Message::CommandComplete(_) | backend::Message::ParameterStatus(_)) => {
                }
                Ok(message) => hides(&message, &["5eCr3t"]),
                Err(error) => hides(&error, &["5eCr3t"]),
            }
        }
    }
}

proptest! {
    #[test]
    fn no_body_panics(tag in any::<u8>(), known in any::<prop::sample::Index>(),
                      pick in any::<bool>(), bytes in any::<Vec<u8>>()) {
        let golden: Vec<_> = golden().collect();
        let tag = if pick { known.get(&golden)[0] } else { tag };
        read(&body(tag, &bytes));
    }

    #[test]
    fn no_stream_panics(bytes in any::<Vec<u8>>(), message in 0..2000_usize) {
        let mut buf = BytesMut::from(&bytes[..]);
        let limits = Limits { message, ..Limits::default() };
        while let Ok(Decoded::Complete(frame)) = decode_frame(&mut buf, &limits) {
            prop_assert!(frame.body().len() <= message);
            read(&frame);
        }
    }

    #[test]
    fn a_stream_reads_the_same_however_it_is_cut(sizes in prop::collection::vec(1..40_usize, 1..200)) {
        let stream = golden().collect::<Vec<_>>().concat();
        let mut rest = &stream[..];
        let mut sizes = sizes.into_iter().cycle();
        let (mut buf, mut frames) = (BytesMut::new(), Vec::new());
        while !rest.is_empty() {
            let (piece, later) = rest.split_at(sizes.next().unwrap().min(rest.len()));
            buf.put_slice(piece);
            rest = later;
            loop {
                match decode_frame(&mut buf, &Limits::default()).unwrap() {
                    Decoded::Complete(frame) => frames.push(frame.into_raw()),
                    Decoded::Incomplete { need } => {
                        // It may say too little, never too much.
                        prop_assert!(need > 0 && need <= rest.len().max(5));
                        break;
                    }
                }
            }
        }
        prop_assert!(buf.is_empty());
        prop_assert_eq!(frames, golden().collect::<Vec<_>>());
    }
}
