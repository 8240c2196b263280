//! A client's stream: whatever is read must show itself and go out as it came.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use weir_wire::postgres::{Decoded, Limits, decode_frame, frontend};

fuzz_target!(|data: &[u8]| {
    let mut buf = BytesMut::from(data);
    while let Ok(Decoded::Complete(frame)) = decode_frame(&mut buf, &Limits::default()) {
        if let Ok(message) = frontend::decode(frame.clone()) {
            assert!(!format!("{message:?}").is_empty());
            assert_eq!(message.into_frame(), frame);
        }
    }
});
