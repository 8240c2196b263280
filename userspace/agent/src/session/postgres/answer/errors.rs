//! Errors and notices: weir's own in the place of a rejected stand-in, and nothing that quotes a
//! masked value.

use weir_record::Status;
use weir_wire::postgres::{
    Frame,
    backend::{Diagnostic, ErrorResponse, NoticeResponse},
};

use super::{decode, exposure_of};
use crate::session::postgres::{
    governed::{Governed, SessionError},
    pipeline::Expected,
    refusal,
};

impl Governed {
    pub(super) fn failed(&mut self, frame: &Frame) -> Result<(), SessionError> {
        let error = decode(ErrorResponse::decode(frame.clone()))?;
        self.copy_in = None;
        let Some(owed) = self.pipeline.head() else {
            // The target ends the session, or complains of what came after an earlier error.
            let seq = self.pipeline.current_seq();
            return self.show(seq, frame.raw());
        };
        let seq = owed.seq;
        let simple = match &owed.expected {
            Expected::Query { .. } | Expected::Call { .. } => true,
            Expected::Refused { simple, .. } => *simple,
            _ => false,
        };
        let (frame, status) = self.as_shown(&error, frame)?;
        self.show(seq, frame.raw())?;
        if simple {
            // ReadyForQuery ends it.
            let Some(owed) = self.pipeline.head() else {
                return Ok(());
            };
            let account = owed.account.clone();
            owed.account.settled = true;
            return self.settle_account(seq, &account, status);
        }
        for (i, owed) in self.pipeline.fail().into_iter().enumerate() {
            let status = if i == 0 {
                status.clone()
            } else {
                Status::Skipped
            };
            self.settle_unanswered(&owed, &status)?;
            self.forget(&owed);
        }
        Ok(())
    }

    /// An error as the agent may see it: weir's own for a refused statement, and without quoted
    /// values for one that touches masked columns.
    fn as_shown(
        &mut self,
        error: &ErrorResponse,
        frame: &Frame,
    ) -> Result<(Frame, Status), SessionError> {
        let session = *self.record.id();
        let Some(owed) = self.pipeline.head() else {
            return Ok((frame.clone(), Status::Lost));
        };
        if let Expected::Refused { refusal, .. } = &owed.expected {
            let shown = refusal::of_command(refusal, &session, owed.seq);
            return Ok((shown.into_frame(), Status::Refused));
        }
        let exposure = exposure_of(&owed.expected);
        let frame = match exposure.and_then(|e| refusal::redacted(error.diagnostic(), e)) {
            Some(fields) => decode(ErrorResponse::new(&fields))?.into_frame(),
            None => frame.clone(),
        };
        let shown = decode(ErrorResponse::decode(frame.clone()))?;
        let status = Status::Failed {
            code: field(shown.diagnostic(), b'C'),
            message: field(shown.diagnostic(), b'M'),
        };
        Ok((frame, status))
    }

    pub(super) fn noticed(&mut self, frame: &Frame) -> Result<(), SessionError> {
        let notice = decode(NoticeResponse::decode(frame.clone()))?;
        let seq = self.pipeline.current_seq();
        let exposure = self
            .pipeline
            .head()
            .and_then(|owed| exposure_of(&owed.expected));
        let fields = exposure.and_then(|e| refusal::redacted(notice.diagnostic(), e));
        match fields {
            Some(fields) => {
                let redacted = decode(NoticeResponse::new(&fields))?;
                self.show(seq, redacted.frame().raw())
            }
            None => self.show(seq, frame.raw()),
        }
    }
}

fn field(diagnostic: &Diagnostic, code: u8) -> String {
    String::from_utf8_lossy(diagnostic.get(code).map_or(&[], AsRef::as_ref)).into_owned()
}
