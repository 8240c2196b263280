//! One message of the agent's: judged, put on record, and forwarded or refused.
//!
//! A refused message isn't just dropped. In its place goes a statement that the target rejects, so
//! that the target itself aborts the transaction and passes over the rest of the pipeline, and
//! both sides agree on where they are; its error is then rewritten into weir's.

mod asking;
mod extended;
mod meaning;
mod refuse;
mod rows;

use std::{borrow::Cow, collections::VecDeque, sync::Arc, time::Instant};

use bytes::Bytes;
use weir_command::{Control as Effect, Statement, sql};
use weir_policy::{RaisedSignal, RowCounts};
use weir_record::{CommandText, ReadAs, RecordError};
use weir_wire::{
    WireError,
    postgres::frontend::{Close, FunctionCall, Message, ObjectKind, Query},
};

use self::asking::{Beside, Decided};
pub(super) use self::{
    asking::{Ahead, Decision, Wanted},
    rows::{Estimated, Estimating},
};
use super::{
    governed::{Governed, MOST_NAMES, MOST_OWED, SessionError},
    hidden::Runs,
    names::{Change, Unsettled},
    pipeline::{Expected, Space},
    portal::Behind,
    prepared::Prepared,
    reading::Judgement,
};
use crate::upstream::postgres::Control;

/// What became of a message.
#[derive(Debug)]
pub(super) enum Heard {
    /// It is dealt with.
    Done,
    /// What it means hangs on answers that are still to come: hand it in again after them.
    Wait(Message),
    /// It names a relation that the catalogue doesn't have: read that again and hand it in again.
    Stale(Message),
    /// Policies look at how many rows it concerns: have them estimated and hand it in again.
    Estimate(Message, Box<Estimating>),
    /// Whether it is about to be run shows in what comes behind it: hand that in with it.
    Ahead(Message),
    /// People must say yes first: hand it in again with their word.
    Ask(Message, Box<Wanted>),
    /// The agent ends the session.
    Closed,
}

/// Why a message isn't dealt with.
#[derive(Debug)]
pub(super) enum Stop {
    Unsettled,
    Stale,
    Estimate(Box<Estimating>),
    Ahead,
    Ask(Box<Wanted>),
    Fatal(SessionError),
}

impl From<Unsettled> for Stop {
    fn from(_: Unsettled) -> Self {
        Self::Unsettled
    }
}

impl From<SessionError> for Stop {
    fn from(error: SessionError) -> Self {
        Self::Fatal(error)
    }
}

impl From<RecordError> for Stop {
    fn from(error: RecordError) -> Self {
        Self::Fatal(error.into())
    }
}

impl From<WireError> for Stop {
    fn from(error: WireError) -> Self {
        Self::Fatal(error.into())
    }
}

/// Whether policy is asked about a message of this kind.
fn is_judged(message: &Message) -> bool {
    matches!(
        message,
        Message::Query(_) | Message::Parse(_) | Message::Bind(_) | Message::FunctionCall(_)
    )
}

impl Governed {
    /// Takes one message of the agent's.
    pub(super) fn on_request(&mut self, message: Message) -> Result<Heard, SessionError> {
        if self.pipeline.len() >= MOST_OWED {
            return Err(SessionError::TooMany {
                what: "unanswered messages",
                limit: MOST_OWED,
            });
        }
        if self.copy_in.is_some() && matches!(message, Message::Sync(_)) {
            // The target passes over it (55.2.6). It is not sent: if the copy has just failed there, it
            // would be answered, and so would the one behind the rows.
            return Ok(Heard::Done);
        }
        if self.copy_in.is_some() && !goes_with_a_copy(&message) {
            // Servers differ in what they make of it, and weir would wait for an answer to it.
            let message = format!("{} in the middle of a copy", message.name());
            return Err(SessionError::client(message));
        }
        self.describe_before(&message)?;
        if is_judged(&message) {
            self.record.hears(Instant::now());
        }
        let asked = std::mem::take(&mut self.asked);
        let estimated = self.estimated.take();
        let opens = match &message {
            Message::Parse(_)
            | Message::Bind(_)
            | Message::Execute(_)
            | Message::Describe(_)
            | Message::Close(_) => Some(true),
            Message::Query(_) | Message::FunctionCall(_) | Message::Sync(_) => Some(false),
            _ => None,
        };
        let done = match &message {
            Message::Query(query) => self.query(query, asked, estimated),
            Message::Parse(parse) => self.parse(parse, asked),
            Message::Bind(bind) => self.bind(bind, asked, estimated),
            Message::Execute(execute) => self.execute(execute),
            Message::FunctionCall(call) => self.function_call(call, asked),
            Message::CopyData(_) | Message::CopyDone(_) | Message::CopyFail(_) => {
                self.copied(&message).map_err(Stop::from)
            }
            _ => {
                opens.into_iter().for_each(|open| self.path.segment(open));
                return self.control(message);
            }
        };
        match done {
            Ok(()) => {
                opens.into_iter().for_each(|open| self.path.segment(open));
                Ok(Heard::Done)
            }
            Err(Stop::Unsettled) => Ok(Heard::Wait(message)),
            Err(Stop::Stale) => Ok(Heard::Stale(message)),
            Err(Stop::Estimate(wanted)) => {
                // It need not be read again when it comes back.
                self.asked = asked;
                Ok(Heard::Estimate(message, wanted))
            }
            Err(Stop::Ahead) => Ok(Heard::Ahead(message)),
            Err(Stop::Ask(wanted)) => Ok(Heard::Ask(message, wanted)),
            Err(Stop::Fatal(error)) => Err(error),
        }
    }

    fn query(
        &mut self,
        query: &Query,
        asked: bool,
        estimated: Option<Estimated>,
    ) -> Result<(), Stop> {
        let prepared = self.reading(query.text());
        self.up_to_date(&prepared, asked)?;
        self.known(&prepared, asked)?;
        let mut behind = self.behind(&prepared)?;
        self.look_around(&prepared, &behind)?;
        let rows = self.rows_of(&prepared, None, estimated)?;
        match self.decide(&prepared, &mut behind, Beside::Nothing, rows)? {
            Decided::Refused(refusal) => self.refuse(&refusal, &prepared, None, true)?,
            Decided::Allowed(permit, exposure) => {
                self.carried_out(&prepared, &behind);
                self.may_move(&prepared, &behind);
                self.runs_code(&prepared, &behind);
                self.turn += 1;
                let signals = self.judge.figures();
                let text = text(&prepared);
                let meant = prepared.meant();
                let intent = command(&meant, &text, &signals);
                let permit = Arc::new(self.record.intent(permit, intent)?);
                let mut changes = VecDeque::new();
                for statement in prepared.statements() {
                    let effect = match statement {
                        Statement::Command(command) => &command.control,
                        Statement::Opaque(_) => &Effect::None,
                    };
                    let said = (&*prepared, statement);
                    changes.push_back(self.note(effect, said, &permit, &exposure)?);
                }
                self.shape.sends(&prepared);
                self.goes(&prepared);
                self.sink.forward(&permit, query.frame());
                let expected = Expected::Query {
                    changes,
                    plan: None,
                    exposure,
                    prepared,
                    permit: Arc::clone(&permit),
                    judged: self.judge.raised(),
                    rows,
                    lineage: Arc::clone(&self.lineage),
                };
                self.pipeline.push(expected, Some(permit.seq()), self.now);
            }
        }
        self.segment = self.segment.next();
        Ok(())
    }

    fn function_call(&mut self, call: &FunctionCall, asked: bool) -> Result<(), Stop> {
        let text = format!("fast-path call of function {}", call.function());
        let prepared = Arc::new(Prepared::of(Bytes::from(text), vec![sql::function_call()]));
        self.up_to_date(&prepared, asked)?;
        let mut behind = self.behind(&prepared)?;
        let beside = Beside::Call(call);
        match self.decide(&prepared, &mut behind, beside, RowCounts::default())? {
            Decided::Refused(refusal) => self.refuse(&refusal, &prepared, None, true)?,
            Decided::Allowed(permit, exposure) => {
                self.carried_out(&prepared, &behind);
                self.path.forget();
                self.shape.runs_code(true);
                self.goes(&prepared);
                self.turn += 1;
                self.hidden.runs(
                    Runs {
                        any: true,
                        text: true,
                    },
                    self.turn,
                );
                let signals = self.judge.figures();
                let text = self::text(&prepared);
                let permit = self
                    .record
                    .intent(permit, command(prepared.statements(), &text, &signals))?;
                self.sink.forward(&permit, call.frame());
                self.pipeline
                    .push(Expected::Call { exposure }, Some(permit.seq()), self.now);
            }
        }
        self.segment = self.segment.next();
        Ok(())
    }

    /// Rows for a copy that the target has agreed to take, or not yet. Without one the server
    /// itself would drop them.
    fn copied(&mut self, message: &Message) -> Result<(), Unsettled> {
        let Some(permit) = &self.copy_in else {
            // Behind an error the target passes over them, and the Sync that ends this is behind them.
            return if self.pipeline.is_empty() || self.pipeline.passes_over() {
                Ok(())
            } else {
                Err(Unsettled)
            };
        };
        self.sink.forward(permit, message.frame());
        self.pipeline.sends(message.frame().raw().len());
        if !matches!(message, Message::CopyData(_)) {
            self.copy_in = None;
        }
        Ok(())
    }

    fn control(&mut self, message: Message) -> Result<Heard, SessionError> {
        let now = self.now;
        let control = match message {
            Message::Sync(sync) => {
                self.decision = None;
                self.syncs();
                self.pipeline.push(Expected::Sync, None, now);
                self.segment = self.segment.next();
                Control::Sync(sync)
            }
            Message::Flush(flush) => Control::Flush(flush),
            Message::Describe(describe) => {
                let expected = match describe.kind() {
                    ObjectKind::Statement => Expected::DescribeStatement,
                    ObjectKind::Portal => match self.undescribed.take() {
                        Some((_, portal)) => Expected::Probe {
                            portal,
                            shown: true,
                        },
                        None => Expected::DescribePortal,
                    },
                };
                self.pipeline
                    .push(expected, self.pipeline.current_seq(), now);
                Control::Describe(describe)
            }
            Message::Close(close) => self.close(close)?,
            Message::Terminate(terminate) => {
                self.sink.control(&Control::Terminate(terminate));
                return Ok(Heard::Closed);
            }
            other => {
                return Err(SessionError::client(format!(
                    "{} after start-up",
                    other.name()
                )));
            }
        };
        self.sink.control(&control);
        Ok(Heard::Done)
    }

    fn close(&mut self, close: Close) -> Result<Control, SessionError> {
        self.room(self.statements.pending(), "names to close")?;
        self.room(self.portals.pending(), "names to close")?;
        self.turn += 1;
        let name = Bytes::copy_from_slice(close.name());
        let space = match close.kind() {
            ObjectKind::Statement => {
                self.statements.note(self.segment, Change::Remove(name));
                Space::Statement
            }
            ObjectKind::Portal => {
                self.portals.note(self.segment, Change::Remove(name));
                Space::Portal
            }
        };
        self.pipeline.push(Expected::Close(space), None, self.now);
        Ok(Control::Close(close))
    }

    pub(in crate::session::postgres) fn judgement(
        &mut self,
        prepared: &Prepared,
        behind: &Behind,
        rows: RowCounts,
    ) -> Judgement {
        let circumstances = self.judge.circumstances(self.in_transaction(), rows);
        self.record.judged_in(circumstances);
        let sight = self.sight(prepared);
        let by = (&self.judge, &self.lineage, &sight);
        prepared.judge(by, circumstances, behind)
    }

    fn room(&self, held: usize, what: &'static str) -> Result<(), SessionError> {
        if held < MOST_NAMES {
            Ok(())
        } else {
            Err(SessionError::TooMany {
                what,
                limit: MOST_NAMES,
            })
        }
    }
}

fn goes_with_a_copy(message: &Message) -> bool {
    matches!(
        message,
        Message::CopyData(_)
            | Message::CopyDone(_)
            | Message::CopyFail(_)
            | Message::Flush(_)
            | Message::Terminate(_)
    )
}

fn text(prepared: &Prepared) -> Cow<'_, str> {
    // Nearly all are, and what looks for what is not is slower.
    match std::str::from_utf8(prepared.text()) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(prepared.text()),
    }
}

fn command<'a>(
    statements: impl Into<ReadAs<'a>>,
    text: &'a str,
    signals: &'a [RaisedSignal],
) -> CommandText<'a> {
    CommandText {
        text,
        parameters: &[],
        statements: statements.into(),
        signals,
    }
}
