//! Errors and notices: weir's own in the place of a rejected stand-in, and nothing that quotes a
//! masked value.

use weir_record::Status;
use weir_wire::postgres::{
    Frame,
    backend::{Diagnostic, ErrorResponse, NoticeResponse, Severity},
};

use super::{decode, exposure_of, unexpected};
use crate::{
    mask::exposure::Exposure,
    session::postgres::{
        governed::{Governed, SessionError},
        pipeline::Expected,
        refusal,
    },
};

impl Governed {
    pub(super) fn failed(&mut self, frame: &Frame) -> Result<(), SessionError> {
        let error = decode(ErrorResponse::decode(frame.clone()))?;
        self.copy_in = None;
        self.copies_out = false;
        self.statement_rows = 0;
        let Some(owed) = self.pipeline.head() else {
            // Nothing can fail but the session as a whole.
            if !ends_the_session(&error) {
                return Err(unexpected("ErrorResponse"));
            }
            let seq = self.pipeline.current_seq();
            let shown = self.without_quotes(&error)?;
            return self.show(seq, shown.raw());
        };
        let seq = owed.seq;
        let simple = match &owed.expected {
            Expected::Query { .. } | Expected::Call { .. } => true,
            Expected::Refused { simple, .. } => *simple,
            _ => false,
        };
        let (shown, status) = self.as_shown(&error)?;
        self.show(seq, shown.raw())?;
        if simple {
            // ReadyForQuery ends it.
            let Some(owed) = self.pipeline.head() else {
                return Ok(());
            };
            let account = owed.account.clone();
            owed.account.settled = true;
            return self.settle_account(seq, &account, status);
        }
        let passed_over = self.pipeline.fail();
        passed_over.iter().for_each(|owed| self.forget(owed));
        self.settle_unanswered(&passed_over, &status, &Status::Skipped)
    }

    /// An error as the agent may see it: weir's own for a refused statement, and without quoted
    /// values for one that touches masked columns.
    fn as_shown(&mut self, error: &ErrorResponse) -> Result<(Frame, Status), SessionError> {
        let session = *self.record.id();
        if let Some(owed) = self.pipeline.head()
            && let Expected::Refused {
                refusal, signals, ..
            } = &owed.expected
        {
            let shown = refusal::of_command(refusal, signals, &session, owed.seq);
            return Ok((shown.into_frame(), Status::Refused));
        }
        let frame = self.without_quotes(error)?;
        let shown = decode(ErrorResponse::decode(frame.clone()))?;
        let status = Status::Failed {
            code: field(shown.diagnostic(), b'C'),
            message: field(shown.diagnostic(), b'M'),
        };
        Ok((frame, status))
    }

    fn without_quotes(&mut self, error: &ErrorResponse) -> Result<Frame, SessionError> {
        self.told_why |= ends_the_session(error);
        let exposure = self.quotable();
        let shown = match refusal::redacted(error.diagnostic(), &exposure) {
            Some(fields) => decode(ErrorResponse::new(&fields))?,
            None => error.clone(),
        };
        Ok(match self.sifted_fields(shown.diagnostic()) {
            Some(fields) => decode(ErrorResponse::new(&borrowed(&fields)))?.into_frame(),
            None => shown.into_frame(),
        })
    }

    pub(super) fn noticed(&mut self, frame: &Frame) -> Result<(), SessionError> {
        let notice = decode(NoticeResponse::decode(frame.clone()))?;
        let seq = self.pipeline.current_seq();
        let exposure = self.quotable();
        if refusal::tells_by_coming(notice.diagnostic(), &exposure) {
            return Ok(());
        }
        let shown = match refusal::redacted(notice.diagnostic(), &exposure) {
            Some(fields) => decode(NoticeResponse::new(&fields))?,
            None => notice,
        };
        let shown = match self.sifted_fields(shown.diagnostic()) {
            Some(fields) => decode(NoticeResponse::new(&borrowed(&fields)))?,
            None => shown,
        };
        self.show(seq, shown.frame().raw())
    }

    /// What an error or a notice that comes now may quote.
    ///
    /// A statement's own concern what it names. But deferred constraints are checked and the rows
    /// of a cursor WITH HOLD are computed when the transaction ends, by a COMMIT or a Sync that
    /// names nothing: those may quote whatever the transaction has touched.
    fn quotable(&mut self) -> Exposure {
        let meanwhile = self.meanwhile_of_next();
        let Some(owed) = self.pipeline.head() else {
            return self.uncommitted.clone();
        };
        let mut exposure = exposure_of(&owed.expected).cloned().unwrap_or_default();
        exposure.join(meanwhile);
        let settles = match &owed.expected {
            Expected::Query { prepared, .. } => prepared.settles_transaction(),
            Expected::Execute { portal, .. } => portal.prepared.settles_transaction(),
            Expected::Parse { .. }
            | Expected::Anew { .. }
            | Expected::Bind { .. }
            | Expected::Probe { .. } => false,
            _ => true,
        };
        if settles {
            exposure.join(self.uncommitted.clone());
        }
        exposure
    }
}

fn ends_the_session(error: &ErrorResponse) -> bool {
    let severity = error.diagnostic().severity();
    matches!(severity, Some(Severity::Fatal | Severity::Panic))
}

fn borrowed(fields: &[(u8, Vec<u8>)]) -> Vec<(u8, &[u8])> {
    let fields = fields.iter();
    fields
        .map(|(code, text)| (*code, text.as_slice()))
        .collect()
}

fn field(diagnostic: &Diagnostic, code: u8) -> String {
    String::from_utf8_lossy(diagnostic.get(code).map_or(&[], AsRef::as_ref)).into_owned()
}
