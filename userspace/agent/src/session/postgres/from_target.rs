//! One message of the target's: matched with what it answers, masked, put on record, and shown.
//!
//! What matches nothing that is owed ends the session: then weir no longer knows which statement's
//! rows it is showing.

use std::sync::Arc;

use weir_record::{Side, Status};
use weir_wire::postgres::{
    Frame,
    backend::{
        self, CommandComplete, DataRow, Diagnostic, ErrorResponse, FunctionCallResponse,
        NoticeResponse, ParameterStatus, ReadyForQuery, RowDescription, tag,
    },
};

use super::{
    governed::{Governed, SessionError},
    lexing,
    pipeline::{Expected, Owed, Space},
    refusal,
};
use crate::mask::{
    exposure::Exposure,
    plan::{Plan, StaleCatalogue, Unknown},
};

/// What became of a message.
#[derive(Debug)]
pub(super) enum Told {
    /// It is dealt with.
    Done,
    /// It tells of a table that is newer than the catalogue: read that again and hand the message
    /// in again.
    Stale(Frame),
}

impl Governed {
    /// Takes one message of the target's. `unknown` says what to do with a column whose table
    /// isn't in the catalogue.
    pub(super) fn from_target(
        &mut self,
        frame: Frame,
        unknown: Unknown,
    ) -> Result<Told, SessionError> {
        match frame.tag() {
            tag::DATA_ROW => self.row(frame)?,
            tag::ROW_DESCRIPTION => return self.described(frame, unknown),
            tag::NO_DATA => self.no_data(&frame)?,
            tag::PARSE_COMPLETE | tag::BIND_COMPLETE | tag::CLOSE_COMPLETE => self.did(&frame)?,
            tag::PARAMETER_DESCRIPTION => self.passed(&frame, |expected| {
                matches!(expected, Expected::DescribeStatement)
            })?,
            tag::COMMAND_COMPLETE => {
                let complete = decode(CommandComplete::decode(frame.clone()))?;
                let words = String::from_utf8_lossy(complete.tag()).into_owned();
                self.completed(&frame, words, complete.rows())?;
            }
            tag::EMPTY_QUERY_RESPONSE => self.completed(&frame, String::new(), None)?,
            tag::PORTAL_SUSPENDED => self.suspended(&frame)?,
            tag::ERROR_RESPONSE => self.failed(&frame)?,
            tag::READY_FOR_QUERY => self.ready(&frame)?,
            tag::COPY_IN_RESPONSE => self.copy_in(&frame)?,
            tag::COPY_OUT_RESPONSE | tag::COPY_DATA | tag::COPY_DONE => self.copied_out(&frame)?,
            tag::FUNCTION_CALL_RESPONSE => self.called(frame)?,
            tag::NOTICE_RESPONSE => self.noticed(&frame)?,
            tag::PARAMETER_STATUS => self.reported(&frame)?,
            tag::NOTIFICATION_RESPONSE => {
                let seq = self.pipeline.current_seq();
                self.show(seq, frame.raw())?;
            }
            other => {
                let what = char::from(other).escape_default();
                return Err(SessionError::server(format!("unexpected message '{what}'")));
            }
        }
        Ok(Told::Done)
    }

    fn row(&mut self, frame: Frame) -> Result<(), SessionError> {
        let Some(Owed {
            expected,
            seq,
            account,
        }) = self.pipeline.head()
        else {
            return Err(unexpected("DataRow"));
        };
        let plan = match expected {
            Expected::Query { plan, .. } => plan.as_ref(),
            Expected::Execute { portal, .. } => portal.plan.get(),
            _ => None,
        };
        let Some(plan) = plan else {
            return Err(unexpected("DataRow"));
        };
        let out = self.shown.answering(*seq, &mut self.record)?;
        let before = out.len();
        if plan.masks() {
            let row = decode(DataRow::decode(frame))?;
            account.masked += plan.apply(&row, &self.key, &mut self.scratch, out)?;
        } else {
            out.extend_from_slice(frame.raw());
        }
        account.rows += 1;
        account.bytes += u64::try_from(out.len() - before).unwrap_or(u64::MAX);
        Ok(())
    }

    fn described(&mut self, frame: Frame, unknown: Unknown) -> Result<Told, SessionError> {
        let description = decode(RowDescription::decode(frame.clone()))?;
        let Some(owed) = self.pipeline.head() else {
            return Err(unexpected("RowDescription"));
        };
        let seq = owed.seq;
        match &mut owed.expected {
            Expected::Query {
                plan,
                exposure,
                permit,
                ..
            } => {
                let clear = permit.permit().clear();
                match Plan::new(&description, None, &self.lineage, exposure, clear, unknown) {
                    Ok(fresh) => *plan = Some(fresh),
                    Err(StaleCatalogue) => return Ok(Told::Stale(frame)),
                }
            }
            Expected::Probe { portal } => {
                let clear = portal.permit.permit().clear();
                let (formats, exposure) = (portal.formats.as_ref(), &portal.exposure);
                match Plan::new(
                    &description,
                    formats,
                    &self.lineage,
                    exposure,
                    clear,
                    unknown,
                ) {
                    // A portal's description never changes; the first stands.
                    Ok(plan) => drop(portal.plan.set(plan)),
                    Err(StaleCatalogue) => return Ok(Told::Stale(frame)),
                }
                self.pipeline.pop();
                return Ok(Told::Done);
            }
            Expected::DescribeStatement | Expected::DescribePortal => {
                self.pipeline.pop();
            }
            _ => return Err(unexpected("RowDescription")),
        }
        self.show(seq, frame.raw())?;
        Ok(Told::Done)
    }

    fn no_data(&mut self, frame: &Frame) -> Result<(), SessionError> {
        let Some(Owed { expected, seq, .. }) = self.pipeline.pop() else {
            return Err(unexpected("NoData"));
        };
        match expected {
            // No column may follow: a row would not fit the plan.
            Expected::Probe { portal } => {
                drop(portal.plan.set(Plan::default()));
                Ok(())
            }
            Expected::DescribeStatement | Expected::DescribePortal => self.show(seq, frame.raw()),
            _ => Err(unexpected("NoData")),
        }
    }

    fn did(&mut self, frame: &Frame) -> Result<(), SessionError> {
        let Some(owed) = self.pipeline.pop() else {
            return Err(unexpected("a completion"));
        };
        match (frame.tag(), &owed.expected) {
            (tag::PARSE_COMPLETE, Expected::Parse { .. }) => {
                self.statements.confirm();
                let status = Status::Completed {
                    tag: "PARSE".to_owned(),
                };
                self.settle_account(owed.seq, &owed.account, status)?;
            }
            (tag::BIND_COMPLETE, Expected::Bind { .. }) => self.portals.confirm(),
            (tag::CLOSE_COMPLETE, Expected::Close(space)) => self.confirm(*space),
            _ => return Err(unexpected("a completion")),
        }
        self.show(owed.seq, frame.raw())
    }

    fn passed(
        &mut self,
        frame: &Frame,
        fits: impl Fn(&Expected) -> bool,
    ) -> Result<(), SessionError> {
        match self.pipeline.head() {
            Some(owed) if fits(&owed.expected) => {
                let seq = owed.seq;
                self.show(seq, frame.raw())
            }
            _ => Err(unexpected("a message")),
        }
    }

    fn completed(
        &mut self,
        frame: &Frame,
        words: String,
        rows: Option<u64>,
    ) -> Result<(), SessionError> {
        let Some(owed) = self.pipeline.head() else {
            return Err(unexpected("CommandComplete"));
        };
        let seq = owed.seq;
        // What was only changed is counted by the target, what was shown was counted by us.
        let changed = if owed.account.rows == 0 {
            rows.unwrap_or(0)
        } else {
            0
        };
        owed.account.rows += changed;
        let changes = match &mut owed.expected {
            Expected::Query { changes, plan, .. } => {
                *plan = None;
                owed.account.last_tag = Some(words);
                changes.pop_front().unwrap_or_default()
            }
            Expected::Execute { changes, .. } => {
                let changes = std::mem::take(changes);
                self.show(seq, frame.raw())?;
                if let Some(owed) = self.pipeline.pop() {
                    let status = Status::Completed { tag: words };
                    self.settle_account(seq, &owed.account, status)?;
                }
                changes.into_iter().for_each(|space| self.confirm(space));
                return Ok(());
            }
            _ => return Err(unexpected("CommandComplete")),
        };
        changes.into_iter().for_each(|space| self.confirm(space));
        self.show(seq, frame.raw())
    }

    fn suspended(&mut self, frame: &Frame) -> Result<(), SessionError> {
        match self.pipeline.head() {
            Some(Owed {
                expected: Expected::Execute { .. },
                seq,
                ..
            }) => {
                let seq = *seq;
                self.show(seq, frame.raw())?;
            }
            _ => return Err(unexpected("PortalSuspended")),
        }
        if let Some(owed) = self.pipeline.pop() {
            let status = Status::Completed {
                tag: "SUSPENDED".to_owned(),
            };
            self.settle_account(owed.seq, &owed.account, status)?;
            self.forget(&owed);
        }
        Ok(())
    }

    fn failed(&mut self, frame: &Frame) -> Result<(), SessionError> {
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

    fn ready(&mut self, frame: &Frame) -> Result<(), SessionError> {
        let status = decode(ReadyForQuery::decode(frame.clone()))?.status();
        let mut ended = self.pipeline.ready();
        let Some(last) = ended.pop() else {
            return Err(unexpected("ReadyForQuery"));
        };
        for owed in &ended {
            self.settle_unanswered(owed, &Status::Skipped)?;
            self.forget(owed);
        }
        self.forget(&last);
        self.copy_in = None;
        self.transaction = status;
        if status == backend::TransactionStatus::Idle {
            // Only a cursor WITH HOLD outlives its transaction.
            self.portals.retain(|portal| portal.formats.is_none());
        }
        self.show(last.seq, frame.raw())?;
        if matches!(
            last.expected,
            Expected::Query { .. } | Expected::Call { .. }
        ) {
            let tag = last.account.last_tag.clone().unwrap_or_default();
            self.settle_account(last.seq, &last.account, Status::Completed { tag })?;
        }
        Ok(())
    }

    fn copy_in(&mut self, frame: &Frame) -> Result<(), SessionError> {
        let Some(owed) = self.pipeline.head() else {
            return Err(unexpected("CopyInResponse"));
        };
        let (seq, permit) = match &owed.expected {
            Expected::Query { permit, .. } => (owed.seq, Arc::clone(permit)),
            Expected::Execute { portal, .. } => (owed.seq, Arc::clone(&portal.permit)),
            _ => return Err(unexpected("CopyInResponse")),
        };
        if !self.pipeline.copy_in_begins() {
            return Err(SessionError::client(
                "messages were sent into the middle of a copy",
            ));
        }
        self.copy_in = Some(permit);
        self.show(seq, frame.raw())
    }

    /// Rows of a copy have no description, so a statement that could show a masked value this way
    /// was refused before it was sent.
    fn copied_out(&mut self, frame: &Frame) -> Result<(), SessionError> {
        let Some(owed) = self.pipeline.head() else {
            return Err(unexpected("copied rows"));
        };
        let seq = owed.seq;
        match &owed.expected {
            Expected::Query { exposure, .. } if exposure.computes.is_none() => {}
            Expected::Execute { portal, .. } if portal.exposure.computes.is_none() => {}
            _ => return Err(unexpected("copied rows")),
        }
        if frame.tag() == tag::COPY_DATA {
            owed.account.rows += 1;
        }
        self.show(seq, frame.raw())
    }

    fn called(&mut self, frame: Frame) -> Result<(), SessionError> {
        let response = decode(FunctionCallResponse::decode(frame))?;
        let Some(Owed {
            expected: Expected::Call { exposure },
            seq,
            account,
        }) = self.pipeline.head()
        else {
            return Err(unexpected("FunctionCallResponse"));
        };
        let seq = *seq;
        let shown = if exposure.computes.is_some() && response.value().is_some() {
            account.masked += 1;
            decode(FunctionCallResponse::new(None))?
        } else {
            response
        };
        self.show(seq, shown.frame().raw())
    }

    fn noticed(&mut self, frame: &Frame) -> Result<(), SessionError> {
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

    fn reported(&mut self, frame: &Frame) -> Result<(), SessionError> {
        let status = decode(ParameterStatus::decode(frame.clone()))?;
        lexing::check(&status)?;
        let seq = self.pipeline.current_seq();
        self.show(seq, frame.raw())
    }

    fn confirm(&mut self, space: Space) {
        match space {
            Space::Statement => self.statements.confirm(),
            Space::Portal => self.portals.confirm(),
        }
    }

    /// Drops the changes of names that an answer would have confirmed, had it come.
    fn forget(&mut self, owed: &Owed) {
        let mut drop_oldest = |space: Space| match space {
            Space::Statement => self.statements.drop_oldest(),
            Space::Portal => self.portals.drop_oldest(),
        };
        match &owed.expected {
            Expected::Parse { .. } => drop_oldest(Space::Statement),
            Expected::Bind { .. } => drop_oldest(Space::Portal),
            Expected::Close(space) => drop_oldest(*space),
            Expected::Execute { changes, .. } => changes.iter().copied().for_each(drop_oldest),
            Expected::Query { changes, .. } => {
                changes.iter().flatten().copied().for_each(drop_oldest);
            }
            _ => {}
        }
    }
}

fn exposure_of(expected: &Expected) -> Option<&Exposure> {
    match expected {
        Expected::Query { exposure, .. }
        | Expected::Call { exposure }
        | Expected::Parse { exposure } => Some(exposure),
        Expected::Bind { portal }
        | Expected::Probe { portal }
        | Expected::Execute { portal, .. } => Some(&portal.exposure),
        _ => None,
    }
}

fn decode<T>(message: Result<T, weir_wire::WireError>) -> Result<T, SessionError> {
    message.map_err(|error| SessionError::server(error.to_string()))
}

fn unexpected(what: &str) -> SessionError {
    SessionError::Protocol {
        side: Side::Server,
        message: format!("the target sent {what} that nobody asked for"),
    }
}

fn field(diagnostic: &Diagnostic, code: u8) -> String {
    String::from_utf8_lossy(diagnostic.get(code).map_or(&[], AsRef::as_ref)).into_owned()
}
