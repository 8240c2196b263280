//! One message of the target's: matched with what it answers, masked, put on record, and shown.
//!
//! What matches nothing that is owed ends the session: then weir no longer knows which statement's
//! rows it is showing.

mod ends;
mod errors;
mod notified;
mod rows;

use std::sync::Arc;

use weir_command::Verb;
use weir_record::Side;
use weir_wire::postgres::{
    Frame,
    backend::{CommandComplete, ParameterStatus, ReadyForQuery, tag},
};

use super::{
    governed::{Governed, SessionError},
    lexing,
    pipeline::{Expected, Owed, Space},
};
use crate::mask::{exposure::Exposure, plan::Unknown};

/// What became of a message.
#[derive(Debug)]
pub(super) enum Told {
    /// It is dealt with.
    Done,
    /// It tells of what is newer than the catalogue, or may be: read that again and hand the message in
    /// again.
    Stale(Frame),
}

impl Governed {
    /// Takes one message of the target's. `unknown` says what to do with a column whose table
    /// isn't in the catalogue.
    pub(super) fn on_answer(
        &mut self,
        frame: Frame,
        unknown: Unknown,
    ) -> Result<Told, SessionError> {
        if self.answers_path(&frame)? {
            return Ok(Told::Done);
        }
        if matches!(
            frame.tag(),
            tag::DATA_ROW | tag::ROW_DESCRIPTION | tag::COMMAND_COMPLETE | tag::COPY_OUT_RESPONSE
        ) {
            self.begins()?;
        }
        match frame.tag() {
            // Perhaps what they show, or quote, is of another shape than was asked of.
            tag::COPY_OUT_RESPONSE | tag::ERROR_RESPONSE
                if unknown == Unknown::Refresh && self.is_in_flux() =>
            {
                return Ok(Told::Stale(frame));
            }
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
            tag::READY_FOR_QUERY => {
                let status = decode(ReadyForQuery::decode(frame.clone()))?.status();
                if unknown == Unknown::Refresh && self.must_look(status) {
                    return Ok(Told::Stale(frame));
                }
                self.ready(&frame, status)?;
            }
            tag::COPY_IN_RESPONSE => self.copy_in(&frame)?,
            tag::COPY_OUT_RESPONSE | tag::COPY_DATA | tag::COPY_DONE => self.copied_out(&frame)?,
            tag::COPY_BOTH_RESPONSE => self.copies_both(&frame)?,
            tag::FUNCTION_CALL_RESPONSE => self.called(frame)?,
            tag::NOTICE_RESPONSE => self.noticed(&frame)?,
            tag::PARAMETER_STATUS => self.reported(&frame)?,
            // Whether anything is hidden that a payload may hold.
            tag::NOTIFICATION_RESPONSE if unknown == Unknown::Refresh && self.is_dated() => {
                return Ok(Told::Stale(frame));
            }
            tag::NOTIFICATION_RESPONSE => self.notified(frame)?,
            other => {
                let what = char::from(other).escape_default();
                return Err(SessionError::server(format!("unexpected message '{what}'")));
            }
        }
        Ok(Told::Done)
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

    fn copy_in(&mut self, frame: &Frame) -> Result<(), SessionError> {
        let Some(owed) = self.pipeline.head() else {
            return Err(unexpected("CopyInResponse"));
        };
        let (seq, permit) = match &owed.expected {
            Expected::Query {
                prepared, permit, ..
            } if prepared.may(Verb::CopyIn) => (owed.seq, Arc::clone(permit)),
            Expected::Execute { portal, .. } if portal.prepared.may(Verb::CopyIn) => {
                (owed.seq, Arc::clone(&portal.permit))
            }
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

    fn reported(&mut self, frame: &Frame) -> Result<(), SessionError> {
        let status = decode(ParameterStatus::decode(frame.clone()))?;
        lexing::check(&status)?;
        self.encoding.hears(&status);
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
            Expected::Parse { .. } | Expected::Anew { .. } => drop_oldest(Space::Statement),
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
        | Expected::Parse { exposure }
        | Expected::Anew { exposure, .. } => Some(exposure),
        Expected::Bind { portal }
        | Expected::Probe { portal, .. }
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
