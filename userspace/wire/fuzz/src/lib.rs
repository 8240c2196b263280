//! What must hold for any bytes. Fuzzers look for bytes for which it doesn't, and what they have
//! found is kept in `kept`, by target: a test of the crate goes through it with these same
//! functions.

use bytes::BytesMut;
use weir_wire::postgres::{
    Decoded, Frame, Limits, StartupFrame, backend, decode_frame, decode_startup, frontend,
};

/// Small enough that a fuzzer meets it.
const LIMITS: Limits = Limits {
    startup: 1000,
    message: 4096,
};

/// A client's stream: whatever is read shows itself and goes out as it came.
pub fn frontend(data: &[u8]) {
    for frame in frames(data) {
        if let Ok(message) = frontend::decode(frame.clone()) {
            assert!(!format!("{message:?}").is_empty());
            assert_eq!(message.into_frame(), frame);
        }
    }
}

/// A server's stream: the same, and each value of a row is within the row.
pub fn backend(data: &[u8]) {
    for frame in frames(data) {
        let Ok(message) = backend::decode(frame.clone()) else {
            continue;
        };
        assert!(!format!("{message:?}").is_empty());
        if let backend::Message::DataRow(row) = &message {
            let all: usize = row.columns().flatten().map(<[u8]>::len).sum();
            assert!(all <= frame.body().len());
            assert_eq!(row.columns().count(), row.len());
        }
        assert_eq!(message.into_frame(), frame);
    }
}

/// A client's first packets: whatever is read goes out as it came.
pub fn startup(data: &[u8]) {
    let mut buf = BytesMut::from(data);
    let mut out = BytesMut::new();
    while let Ok(Decoded::Complete(frame)) = decode_startup(&mut buf, &LIMITS) {
        assert!(!format!("{frame:?}").is_empty());
        if let StartupFrame::Startup(startup) = &frame {
            for (name, _) in &startup.parameters {
                assert!(startup.get(name).is_some());
            }
        }
        frame.encode(&mut out).expect("what was read can be sent");
        let whole = [&out[..], &buf[..]].concat();
        assert_eq!(whole, data);
    }
}

/// A stream reads the same in pieces as in one: the same frames, and the same end. The first byte
/// says how long the pieces are.
pub fn pieces(data: &[u8]) {
    let Some((first, stream)) = data.split_first() else {
        return;
    };
    let whole = read(stream, stream.len().max(1));
    assert_eq!(read(stream, usize::from(*first).max(1)), whole);
    assert_eq!(read(stream, 1), whole);
}

/// The frames of a stream that comes in pieces of `size` bytes, and how many bytes are left, or why
/// it can't go on.
fn read(stream: &[u8], size: usize) -> (Vec<Frame>, Result<usize, String>) {
    let mut buf = BytesMut::new();
    let mut frames = Vec::new();
    for piece in stream.chunks(size) {
        buf.extend_from_slice(piece);
        loop {
            match decode_frame(&mut buf, &LIMITS) {
                Ok(Decoded::Complete(frame)) => frames.push(frame),
                Ok(Decoded::Incomplete { need }) => {
                    assert!(need > 0 && need <= LIMITS.message + 5);
                    break;
                }
                Err(error) => return (frames, Err(error.to_string())),
            }
        }
    }
    (frames, Ok(buf.len()))
}

fn frames(data: &[u8]) -> impl Iterator<Item = Frame> {
    let mut buf = BytesMut::from(data);
    std::iter::from_fn(move || match decode_frame(&mut buf, &LIMITS) {
        Ok(Decoded::Complete(frame)) => {
            assert!(frame.body().len() <= LIMITS.message);
            Some(frame)
        }
        _ => None,
    })
}
