//! A client's first packet: whatever is read must go out as it came.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use weir_wire::postgres::{Decoded, Limits, decode_startup};

fuzz_target!(|data: &[u8]| {
    let mut buf = BytesMut::from(data);
    if let Ok(Decoded::Complete(frame)) = decode_startup(&mut buf, &Limits::default()) {
        let mut out = BytesMut::new();
        frame.encode(&mut out).unwrap();
        out.extend_from_slice(&buf);
        assert_eq!(out, data);
    }
});
