//! Makes the errors and notices that the proxy itself has to say.

use std::fmt;

use bytes::Bytes;

use super::{Diagnostic, Severity};
use crate::postgres::backend::{ErrorResponse, NoticeResponse, SqlState};

/// The most bytes of one text. Older clients take an error over 30,000 bytes for a broken stream.
const MOST: usize = 8_000;

/// Makes the errors and notices that the proxy itself has to say.
///
/// It never fails, since a refusal must reach the client: a zero byte in a text shows as `�`, and
/// a text over 8,000 bytes is cut there and ends in `…`.
#[derive(Clone)]
pub struct DiagnosticBuilder {
    severity: Severity,
    code: SqlState,
    message: Bytes,
    detail: Option<Bytes>,
    hint: Option<Bytes>,
}

impl DiagnosticBuilder {
    /// Starts with what each one has.
    #[must_use]
    pub fn new(severity: Severity, code: SqlState, message: &str) -> Self {
        Self {
            severity,
            code,
            message: sendable(message),
            detail: None,
            hint: None,
        }
    }

    /// Adds more about what happened.
    #[must_use]
    pub fn detail(mut self, detail: &str) -> Self {
        self.detail = Some(sendable(detail));
        self
    }

    /// Adds what the user can do about it.
    #[must_use]
    pub fn hint(mut self, hint: &str) -> Self {
        self.hint = Some(sendable(hint));
        self
    }

    /// As an error.
    #[must_use]
    pub fn error(self) -> ErrorResponse {
        ErrorResponse::bounded(self.build())
    }

    /// As a notice.
    #[must_use]
    pub fn notice(self) -> NoticeResponse {
        NoticeResponse::bounded(self.build())
    }

    fn build(self) -> Diagnostic {
        let severity = Bytes::from_static(self.severity.as_str().as_bytes());
        let mut fields = vec![
            (b'S', severity.clone()),
            (b'V', severity),
            (b'C', Bytes::copy_from_slice(self.code.as_bytes())),
            (b'M', self.message),
        ];
        fields.extend(self.detail.map(|text| (b'D', text)));
        fields.extend(self.hint.map(|text| (b'H', text)));
        Diagnostic { fields }
    }
}

impl fmt::Debug for DiagnosticBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiagnosticBuilder")
            .field("severity", &self.severity)
            .field("code", &self.code)
            .finish_non_exhaustive()
    }
}

fn sendable(text: &str) -> Bytes {
    let cut = text
        .get(..text.floor_char_boundary(MOST))
        .unwrap_or_default();
    let mut sendable = cut.replace('\0', "\u{fffd}");
    if cut.len() < text.len() {
        sendable.push('…');
    }
    Bytes::from(sendable)
}
