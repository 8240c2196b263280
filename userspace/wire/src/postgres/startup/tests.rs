//! The packets before a session, golden and hostile.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::{CancelRequest, Startup, StartupFrame, decode_startup};
use crate::WireError;
use crate::postgres::golden::hides;
use crate::postgres::{Decoded, Limits, ProtocolVersion};

const SSL: &[u8] = b"\0\0\0\x08\x04\xd2\x16\x2f";
const GSSENC: &[u8] = b"\0\0\0\x08\x04\xd2\x16\x30";
const CANCEL: &[u8] = b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\x10\x92\xca\xfe\xba\xbe";
const STARTUP: &[u8] = b"\0\0\0\x20\0\x03\0\0user\0ann\0database\0shop\0\0";

fn decode(bytes: &[u8]) -> Result<StartupFrame, WireError> {
    let mut buf = BytesMut::from(bytes);
    match decode_startup(&mut buf, &Limits::default())? {
        Decoded::Complete(frame) => {
            assert!(buf.is_empty());
            Ok(frame)
        }
        Decoded::Incomplete { need } => panic!("{need} bytes are missing"),
    }
}

/// A packet with this code and rest, its length right.
fn packet(code: u32, rest: &[u8]) -> Vec<u8> {
    let length = u32::try_from(rest.len() + 8).unwrap();
    [&length.to_be_bytes()[..], &code.to_be_bytes(), rest].concat()
}

fn version(rest: &[u8]) -> Result<StartupFrame, WireError> {
    decode(&packet(0x0003_0000, rest))
}

fn golden() -> Vec<(&'static [u8], StartupFrame)> {
    let cancel = CancelRequest {
        pid: 4242,
        key: Bytes::from_static(b"\xca\xfe\xba\xbe"),
    };
    let startup = Startup {
        version: ProtocolVersion::V3_0,
        parameters: vec![
            ("user".to_owned(), "ann".to_owned()),
            ("database".to_owned(), "shop".to_owned()),
        ],
    };
    vec![
        (SSL, StartupFrame::SslRequest),
        (GSSENC, StartupFrame::GssEncRequest),
        (CANCEL, StartupFrame::Cancel(cancel)),
        (STARTUP, StartupFrame::Startup(startup)),
    ]
}

#[test]
fn golden_both_ways() {
    for (bytes, frame) in golden() {
        assert_eq!(decode(bytes).unwrap(), frame);
        let mut out = BytesMut::new();
        frame.encode(&mut out).unwrap();
        assert_eq!(out, bytes);
    }
}

#[test]
fn every_truncation_is_incomplete() {
    for (bytes, frame) in golden() {
        for cut in 0..bytes.len() {
            let mut buf = BytesMut::from(&bytes[..cut]);
            let decoded = decode_startup(&mut buf, &Limits::default()).unwrap();
            let need = if cut < 4 { 8 - cut } else { bytes.len() - cut };
            assert_eq!(
                decoded,
                Decoded::Incomplete { need },
                "{frame:?} cut to {cut}"
            );
            assert_eq!(buf, bytes[..cut]);
        }
    }
}

#[test]
fn every_truncation_with_a_length_to_match_is_an_error() {
    for (bytes, frame) in golden() {
        for cut in 4..bytes.len() {
            let mut buf = BytesMut::from(&bytes[..cut]);
            buf[3] = u8::try_from(cut).unwrap();
            assert!(
                decode_startup(&mut buf, &Limits::default()).is_err(),
                "{frame:?} cut to {cut}"
            );
        }
    }
}

#[test]
fn leftovers_are_errors() {
    for bytes in [SSL, GSSENC, STARTUP] {
        let mut longer = [bytes, &[0]].concat();
        longer[3] += 1;
        assert!(matches!(
            decode(&longer),
            Err(WireError::Leftover { left: 1, .. })
        ));
    }
}

#[test]
fn what_follows_a_packet_stays_in_the_buffer() {
    let mut buf = BytesMut::from(&[SSL, b"\x16\x03\x01"].concat()[..]);
    let decoded = decode_startup(&mut buf, &Limits::default());
    assert_eq!(decoded, Ok(Decoded::Complete(StartupFrame::SslRequest)));
    assert_eq!(buf, &b"\x16\x03\x01"[..]);
}

#[test]
fn lying_lengths_are_errors_before_the_bytes_are_there() {
    for length in [0_u32, 3, 4, 7] {
        let error = decode_startup(
            &mut BytesMut::from(&length.to_be_bytes()[..]),
            &Limits::default(),
        );
        assert!(
            matches!(error, Err(WireError::TooShort { least: 8, .. })),
            "{length}"
        );
    }
    for length in [10_005_u32, 0x7fff_ffff, 0x8000_0000, u32::MAX, 0x1603_0102] {
        let error = decode_startup(
            &mut BytesMut::from(&length.to_be_bytes()[..]),
            &Limits::default(),
        );
        assert_eq!(
            error.unwrap_err().to_string(),
            format!("startup packet: length {length} exceeds the limit of 10000 bytes"),
        );
    }
    let longest = decode_startup(
        &mut BytesMut::from(&10_004_u32.to_be_bytes()[..]),
        &Limits::default(),
    );
    assert_eq!(longest, Ok(Decoded::Incomplete { need: 10_000 }));
}

#[test]
fn an_http_request_is_an_error() {
    let mut buf = BytesMut::from(&b"GET / HTTP/1.1\r\n\r\n"[..]);
    assert!(matches!(
        decode_startup(&mut buf, &Limits::default()),
        Err(WireError::TooLong { .. })
    ));
}

#[test]
fn only_major_version_3_is_read() {
    for (code, version) in [
        (0x0002_0000, "2.0"),
        (0x0004_0000, "4.0"),
        (0, "0.0"),
        (80_877_101, "1234.5677"),
    ] {
        let error = decode(&packet(code, b"\0")).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("unsupported protocol version {version}")
        );
    }
    for minor in [0_u16, 2, 9999] {
        let frame = decode(&packet(0x0003_0000 | u32::from(minor), b"\0")).unwrap();
        let version = ProtocolVersion { major: 3, minor };
        assert_eq!(
            frame,
            StartupFrame::Startup(Startup {
                version,
                parameters: vec![]
            })
        );
    }
}

#[test]
fn parameters_that_two_readers_could_read_apart_are_errors() {
    let error = version(b"user\0ann\0user\0root\0\0").unwrap_err();
    assert_eq!(
        error.to_string(),
        "startup packet: parameter name at byte 17 is given twice"
    );
    assert!(matches!(
        version(b"user\0ann\0"),
        Err(WireError::Unterminated { .. })
    ));
    assert!(matches!(
        version(b"user\0ann"),
        Err(WireError::Unterminated { .. })
    ));
    assert!(matches!(
        version(b"user\0\0"),
        Err(WireError::Unterminated { .. })
    ));
    assert!(matches!(
        version(b"user\0ann\0\0options\0-c x=y\0\0"),
        Err(WireError::Leftover { .. })
    ));
    assert!(matches!(version(b""), Err(WireError::Unterminated { .. })));
}

#[test]
fn parameters_are_utf8() {
    let error = version(b"user\0\xff\0\0").unwrap_err();
    assert_eq!(
        error.to_string(),
        "startup packet: parameter value at byte 13 is not utf-8"
    );
    assert!(matches!(
        version(b"\xff\0ann\0\0"),
        Err(WireError::NotUtf8 { .. })
    ));
}

#[test]
fn parameters_are_found_by_name() {
    let StartupFrame::Startup(startup) = decode(STARTUP).unwrap() else {
        panic!()
    };
    assert_eq!(
        (startup.get("user"), startup.get("options")),
        (Some("ann"), None)
    );
}

#[test]
fn cancel_keys_have_4_to_256_bytes_and_are_not_shown() {
    for length in [0, 3, 4, 32, 256, 257] {
        let decoded = decode(&packet(
            super::CANCEL,
            &[&[0; 4][..], &vec![0xab; length]].concat(),
        ));
        let cancel = CancelRequest {
            pid: 0,
            key: vec![0xab; length].into(),
        };
        let encoded = cancel.encode(&mut BytesMut::new());
        hides(&cancel, &["xab", "171"]);
        if (4..=256).contains(&length) {
            assert_eq!(decoded, Ok(StartupFrame::Cancel(cancel)));
            assert_eq!(encoded, Ok(()));
        } else {
            assert!(
                matches!(decoded, Err(WireError::OutOfRange { .. })),
                "{length}"
            );
            assert!(
                matches!(encoded, Err(WireError::OutOfRange { .. })),
                "{length}"
            );
        }
    }
}

#[test]
fn what_would_read_as_something_else_is_not_sent() {
    let encode = |name: &str, value: &str| {
        let parameters = vec![(name.to_owned(), value.to_owned())];
        let mut out = BytesMut::new();
        let encoded = Startup {
            version: ProtocolVersion::V3_0,
            parameters,
        }
        .encode(&mut out);
        assert!(out.is_empty(), "half a packet was written");
        encoded
    };
    assert!(matches!(encode("", "x"), Err(WireError::Empty { .. })));
    assert!(matches!(
        encode("user", "ann\0x"),
        Err(WireError::EmbeddedZero { .. })
    ));
    assert!(matches!(
        encode("us\0er", "ann"),
        Err(WireError::EmbeddedZero { .. })
    ));
}

proptest! {
    #[test]
    fn no_bytes_panic(code in any::<u32>(), known in any::<bool>(), rest in any::<Vec<u8>>()) {
        let code = if known { 0x0003_0000 } else { code };
        let mut buf = BytesMut::from(&packet(code, &rest)[..]);
        if let Ok(decoded) = decode_startup(&mut buf, &Limits::default()) {
            let Decoded::Complete(frame) = decoded else { panic!("incomplete") };
            let mut out = BytesMut::new();
            frame.encode(&mut out).unwrap();
            prop_assert_eq!(out, packet(code, &rest));
        }
    }

    #[test]
    fn parameters_round_trip(
        parameters in prop::collection::btree_map("[^\0]{1,20}", "[^\0]{0,20}", 0..10),
    ) {
        let parameters: Vec<_> = parameters.into_iter().collect();
        let startup = StartupFrame::Startup(Startup { version: ProtocolVersion::V3_2, parameters });
        let mut out = BytesMut::new();
        startup.encode(&mut out).unwrap();
        prop_assert_eq!(decode(&out).unwrap(), startup);
    }
}
