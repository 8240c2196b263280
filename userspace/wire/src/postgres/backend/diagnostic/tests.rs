//! Fields as servers send them, fields that lie, and the proxy's own errors.

use super::{DiagnosticBuilder, Severity};
use crate::WireError;
use crate::postgres::backend::{ErrorResponse, NoticeResponse, SqlState};
use crate::postgres::golden::{body, frame, hides};

fn read(bytes: &[u8]) -> Result<ErrorResponse, WireError> {
    ErrorResponse::decode(body(b'E', bytes))
}

#[test]
fn fields_are_found_by_their_codes() {
    let error = read(b"SFEHLER\0VFATAL\0C28P01\0Mno\0D\0\0").unwrap();
    let diagnostic = error.diagnostic();
    assert_eq!(diagnostic.severity(), Some(Severity::Fatal));
    assert_eq!(diagnostic.sql_state(), Some(SqlState::INVALID_PASSWORD));
    assert_eq!(diagnostic.message().unwrap(), "no");
    assert_eq!(diagnostic.get(b'D').unwrap(), "");
    assert_eq!(diagnostic.get(b'H'), None);
}

#[test]
fn an_old_server_s_severity_is_the_translated_one() {
    assert_eq!(
        read(b"SERROR\0\0").unwrap().diagnostic().severity(),
        Some(Severity::Error)
    );
    assert_eq!(read(b"SFEHLER\0\0").unwrap().diagnostic().severity(), None);
    assert_eq!(read(b"\0").unwrap().diagnostic().severity(), None);
}

#[test]
fn fields_of_unknown_codes_are_kept() {
    let error = read(b"\xffnew\0zsome\0\0").unwrap();
    assert_eq!(error.get(0xff).unwrap(), "new");
    assert_eq!(error.get(b'z').unwrap(), "some");
}

#[test]
fn a_code_that_stands_twice_is_an_error() {
    let error = read(b"Ma\0Mb\0\0").unwrap_err();
    assert_eq!(
        error.to_string(),
        "ErrorResponse: field code at byte 8 is given twice"
    );
}

#[test]
fn a_flood_of_fields_is_an_error_at_once() {
    assert!(matches!(
        read(&b"M\0".repeat(1_000_000)),
        Err(WireError::Repeated { .. })
    ));
}

#[test]
fn fields_without_an_end_are_an_error() {
    assert!(matches!(read(b"Ma\0"), Err(WireError::Truncated { .. })));
    assert!(matches!(read(b"Ma"), Err(WireError::Unterminated { .. })));
    assert!(matches!(read(b"Ma\0\0\0"), Err(WireError::Leftover { .. })));
}

#[test]
fn fields_that_would_end_early_are_not_sent() {
    assert!(matches!(
        ErrorResponse::new(&[(0, b"a")]),
        Err(WireError::Undefined { .. })
    ));
    assert!(matches!(
        ErrorResponse::new(&[(b'M', b"a\0")]),
        Err(WireError::EmbeddedZero { .. })
    ));
}

#[test]
fn a_refusal_is_golden() {
    let refusal = DiagnosticBuilder::new(
        Severity::Error,
        SqlState::INSUFFICIENT_PRIVILEGE,
        "refused by no-drop",
    )
    .detail("dropping a database")
    .hint("ask");
    hides(&refusal, &["no-drop", "dropping"]);
    let error = refusal.clone().error();
    assert_eq!(
        error.frame().raw().as_ref(),
        b"E\0\0\0\x48SERROR\0VERROR\0C42501\0Mrefused by no-drop\0Ddropping a database\0Hask\0\0",
    );
    assert_eq!(ErrorResponse::decode(error.frame().clone()).unwrap(), error);
    let notice = refusal.notice();
    assert_eq!(notice.frame().tag(), b'N');
    assert_eq!(notice.frame().body(), error.frame().body());
    assert_eq!(
        NoticeResponse::decode(notice.frame().clone()).unwrap(),
        notice
    );
}

#[test]
fn a_refusal_goes_out_whatever_its_texts_hold() {
    let long = "é".repeat(1_000_000);
    let error = DiagnosticBuilder::new(Severity::Fatal, SqlState::INTERNAL_ERROR, "a\0b")
        .detail(&long)
        .hint(&"\0".repeat(1_000_000))
        .error();
    assert_eq!(
        ErrorResponse::decode(frame(error.frame().raw())).unwrap(),
        error
    );
    assert_eq!(error.get(b'M').unwrap(), "a\u{fffd}b");
    let detail = std::str::from_utf8(error.get(b'D').unwrap()).unwrap();
    assert!(
        detail.ends_with("é…") && detail.len() < 8_100,
        "{}",
        detail.len()
    );
    assert!(error.frame().raw().len() < 40_000);
}

#[test]
fn severities_read_as_they_are_written() {
    for severity in Severity::ALL {
        let error = DiagnosticBuilder::new(severity, SqlState::WARNING, "").error();
        assert_eq!(error.diagnostic().severity(), Some(severity));
    }
}
