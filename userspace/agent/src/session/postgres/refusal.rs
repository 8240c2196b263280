//! How refusals and failures read in the agent's own protocol.

use weir_policy::{RaisedSignal, Refusal};
use weir_record::{Seq, SessionId};
use weir_wire::postgres::backend::{
    Diagnostic, DiagnosticBuilder, ErrorResponse, Severity, SqlState,
};

use crate::mask::exposure::Exposure;

/// The rule for a name that no statement of the session has.
pub(super) const UNKNOWN_STATEMENT: &str = "unknown-statement";
/// The rule for a name that means less to the server than it says.
pub(super) const INEXACT_NAME: &str = "inexact-name";
/// The rule for a name that may mean something else than when it was judged.
pub(super) const NAME_CHANGED: &str = "name-changed";
/// The rule for a name that no portal of the session has.
pub(super) const UNKNOWN_PORTAL: &str = "unknown-portal";

/// The error that a refused command gets: the rule, the reason, and where the record has it.
#[must_use]
pub(super) fn of_command(
    refusal: &Refusal,
    signals: &[RaisedSignal],
    session: &SessionId,
    seq: Option<Seq>,
) -> ErrorResponse {
    let code = match refusal.rule.as_str() {
        // Drivers prepare anew on these two.
        UNKNOWN_STATEMENT => SqlState::INVALID_STATEMENT_NAME,
        UNKNOWN_PORTAL => SqlState::INVALID_CURSOR_NAME,
        "approval-cancelled" => SqlState::QUERY_CANCELED,
        _ => SqlState::INSUFFICIENT_PRIVILEGE,
    };
    let place = seq.map_or_else(|| session.to_string(), |seq| format!("{session}#{seq}"));
    let mut detail = format!(
        "rule {}, policy {}, record {place}",
        refusal.rule, refusal.version
    );
    for signal in signals {
        detail.push_str("; signal ");
        detail.push_str(&signal.to_string());
    }
    DiagnosticBuilder::new(Severity::Error, code, &format!("weir: {}", refusal.message))
        .detail(&detail)
        .error()
}

/// The error that ends a session.
#[must_use]
pub(super) fn fatal(code: SqlState, message: &str, session: Option<&SessionId>) -> ErrorResponse {
    let builder = DiagnosticBuilder::new(Severity::Fatal, code, &format!("weir: {message}"));
    match session {
        Some(session) => builder.detail(&format!("record {session}")).error(),
        None => builder.error(),
    }
}

/// The fields of an error or notice that may be shown when its statement has this exposure: `None`
/// when all may.
///
/// A failing cast quotes the value in the message itself; a failing constraint quotes the row in
/// the detail, a trigger's context the statement. What is left says what failed and where in the
/// server's source.
#[must_use]
pub(super) fn redacted<'a>(
    diagnostic: &'a Diagnostic,
    exposure: &Exposure,
) -> Option<Vec<(u8, &'a [u8])>> {
    const WITHHELD: &[u8] =
        b"weir withholds this message, since it may quote a masked value; the code says what failed";
    /// Severity, code and message, positions, names of objects, places in the server's source; not
    /// detail, hint, context and internal query, nor what later servers may add (55.8).
    const TELLS_NO_VALUE: &[u8] = b"SVCMPpstcdnFLR";
    if !exposure.touches && exposure.computes.is_none() {
        return None;
    }
    let fields = diagnostic
        .fields()
        .iter()
        .filter_map(|(code, text)| match code {
            b'M' if exposure.computes.is_some() && !names_nothing(diagnostic) => {
                Some((*code, WITHHELD))
            }
            code if TELLS_NO_VALUE.contains(code) => Some((*code, text.as_ref())),
            _ => None,
        });
    Some(fields.collect())
}

/// Whether a notice tells something of what is computed by coming at all: less than a warning, of which nothing but
/// that would be shown.
#[must_use]
pub(super) fn tells_by_coming(notice: &Diagnostic, exposure: &Exposure) -> bool {
    let less = ["NOTICE", "INFO", "LOG", "DEBUG"];
    let severity = notice.get(b'V').or_else(|| notice.get(b'S'));
    exposure.computes.is_some()
        && severity.is_some_and(|severity| less.iter().any(|known| *severity == *known))
}

/// Whether the server found no relation of a name that the text itself has: then it quotes that and nothing
/// else. What code says that the text calls has a context, and its queries are told beside.
fn names_nothing(diagnostic: &Diagnostic) -> bool {
    let is = |field, text: &str| diagnostic.get(field).is_some_and(|told| *told == text);
    is(b'C', "42P01")
        && is(b'R', "parserOpenTable")
        && diagnostic.get(b'W').is_none()
        && diagnostic.get(b'q').is_none()
}
