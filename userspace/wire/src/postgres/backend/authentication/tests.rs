//! Golden requests, lists that lie, and what is not shown.

use super::{Authentication, AuthenticationRequest as Request};
use crate::WireError;
use crate::postgres::golden::{body, closed, hides, open};

pub(crate) const GOLDEN: &[u8] = b"R\0\0\0*\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0";

fn made(request: &Request) -> Authentication {
    let made = Authentication::new(request).unwrap();
    assert_eq!(made.request(), request);
    made
}

#[test]
fn golden() {
    let mechanisms = vec!["SCRAM-SHA-256-PLUS".into(), "SCRAM-SHA-256".into()];
    closed(
        GOLDEN,
        made(&Request::Sasl { mechanisms }),
        Authentication::decode,
    );
    let golden = b"R\0\0\0\x08\0\0\0\0";
    closed(golden, Authentication::ok(), Authentication::decode);
    closed(golden, made(&Request::Ok), Authentication::decode);
    let golden = b"R\0\0\0\x08\0\0\0\x03";
    closed(
        golden,
        made(&Request::CleartextPassword),
        Authentication::decode,
    );
    let golden = b"R\0\0\0\x0c\0\0\0\x05salt";
    closed(
        golden,
        made(&Request::Md5Password { salt: *b"salt" }),
        Authentication::decode,
    );
    let golden = b"R\0\0\0\x0b\0\0\0\x0br=x";
    open(
        golden,
        made(&Request::SaslContinue("r=x".into())),
        Authentication::decode,
    );
    let golden = b"R\0\0\0\x0b\0\0\0\x0cv=x";
    open(
        golden,
        made(&Request::SaslFinal("v=x".into())),
        Authentication::decode,
    );
}

#[test]
fn what_is_not_supported_is_known_as_such_and_not_made() {
    for code in [1, 2, 4, 6, 7, 8, 9, 13, u32::MAX] {
        let frame = body(b'R', &[&code.to_be_bytes()[..], b"data"].concat());
        let request = Authentication::decode(frame).unwrap().request().clone();
        assert_eq!(request, Request::Unsupported(code));
        assert!(Authentication::new(&request).is_err());
    }
}

#[test]
fn secrets_of_the_exchange_are_not_shown() {
    hides(&made(&Request::SaslContinue("r=nonce".into())), &["nonce"]);
    hides(&made(&Request::SaslFinal("v=proof".into())), &["proof"]);
    hides(
        &made(&Request::Md5Password { salt: *b"salt" }),
        &["salt", "115"],
    );
}

#[test]
fn the_list_of_mechanisms_is_neither_empty_nor_endless() {
    for count in [0, 33, 10_000] {
        let list = [&b"\0\0\0\x0a"[..], &b"m\0".repeat(count), b"\0"].concat();
        let error = Authentication::decode(body(b'R', &list)).unwrap_err();
        assert!(
            matches!(
                error,
                WireError::OutOfRange {
                    least: 1,
                    most: 32,
                    ..
                }
            ),
            "{error}"
        );
    }
    let list = [&b"\0\0\0\x0a"[..], &b"m\0".repeat(32), b"\0"].concat();
    assert!(Authentication::decode(body(b'R', &list)).is_ok());
}

#[test]
fn an_empty_mechanism_that_would_end_the_list_is_not_sent() {
    let mechanisms = vec!["".into(), "SCRAM-SHA-256".into()];
    let error = Authentication::new(&Request::Sasl { mechanisms }).unwrap_err();
    assert!(matches!(error, WireError::Empty { .. }), "{error}");
}
