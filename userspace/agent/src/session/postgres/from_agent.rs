//! One message of the agent's: judged, put on record, and forwarded or refused.
//!
//! A refused message isn't just dropped. In its place goes a statement that the target rejects, so
//! that the target itself aborts the transaction and passes over the rest of the pipeline, and
//! both sides agree on where they are; its error is then rewritten into weir's.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use bytes::Bytes;
use weir_command::{Control as Effect, Opaque, OpaqueReason, Statement, sql};
use weir_policy::{Permit, Refusal};
use weir_record::CommandText;
use weir_wire::postgres::frontend::{
    Bind, Close, Execute, FunctionCall, Message, ObjectKind, Parse, Query,
};

use super::{
    governed::{Governed, MOST_NAMES, MOST_OWED, SessionError},
    names::{Change, Unsettled},
    pipeline::{Expected, Space},
    prepared::{Behind, Judgement, Portal, Prepared},
    refusal::{UNKNOWN_PORTAL, UNKNOWN_STATEMENT},
};
use crate::{mask::exposure::Exposure, upstream::postgres::Control};

/// Longest excerpt of a refused text that is recorded, in bytes.
const REFUSED_EXCERPT: usize = 64 * 1024;
/// Most bytes of parameters that are recorded of one command.
const PARAMETERS: usize = 1 << 20;

/// What became of a message.
#[derive(Debug)]
pub(super) enum Heard {
    /// It is dealt with.
    Done,
    /// What it means hangs on answers that are still to come: hand it in again after them.
    Wait(Message),
    /// The agent ends the session.
    Closed,
}

impl Governed {
    /// Takes one message of the agent's.
    pub(super) fn from_agent(&mut self, message: Message) -> Result<Heard, SessionError> {
        if self.pipeline.len() >= MOST_OWED {
            return Err(SessionError::TooMany {
                what: "unanswered messages",
                limit: MOST_OWED,
            });
        }
        let settled = match &message {
            Message::Query(query) => self.query(query)?,
            Message::Parse(parse) => self.parse(parse)?,
            Message::Bind(bind) => self.bind(bind)?,
            Message::Execute(execute) => self.execute(execute)?,
            Message::FunctionCall(call) => self.function_call(call)?,
            Message::CopyData(_) | Message::CopyDone(_) | Message::CopyFail(_) => {
                self.copied(&message)
            }
            _ => return self.control(message),
        };
        match settled {
            Ok(()) => Ok(Heard::Done),
            Err(Unsettled) => Ok(Heard::Wait(message)),
        }
    }

    fn query(&mut self, query: &Query) -> Result<Result<(), Unsettled>, SessionError> {
        let prepared = self.texts.read(query.text());
        let behind = match self.behind(&prepared) {
            Ok(behind) => behind,
            Err(Unsettled) => return Ok(Err(Unsettled)),
        };
        match self.judgement(&prepared, &behind) {
            Judgement::Refused(refusal) => self.refuse(&refusal, &prepared, None, true)?,
            Judgement::Allowed(permit, exposure) => {
                let permit = Arc::new(
                    self.record
                        .intent(permit, command(&prepared, &text(&prepared)))?,
                );
                let mut changes = VecDeque::new();
                for statement in prepared.statements() {
                    let effect = match statement {
                        Statement::Command(command) => &command.control,
                        Statement::Opaque(_) => &Effect::None,
                    };
                    changes.push_back(self.note(effect, statement, &permit, &exposure)?);
                }
                self.shape_changed |= prepared.changes_shape();
                self.sink.forward(&permit, query.frame());
                let expected = Expected::Query {
                    changes,
                    plan: None,
                    exposure,
                    permit: Arc::clone(&permit),
                };
                self.pipeline
                    .push(expected, Some(permit.seq()), Instant::now());
            }
        }
        self.segment = self.segment.next();
        Ok(Ok(()))
    }

    fn parse(&mut self, parse: &Parse) -> Result<Result<(), Unsettled>, SessionError> {
        let prepared = self.texts.read(parse.text());
        let behind = match self.behind(&prepared) {
            Ok(behind) => behind,
            Err(Unsettled) => return Ok(Err(Unsettled)),
        };
        match self.judgement(&prepared, &behind) {
            Judgement::Refused(refusal) => self.refuse(&refusal, &prepared, None, false)?,
            Judgement::Allowed(permit, exposure) => {
                let permit = self
                    .record
                    .intent(permit, command(&prepared, &text(&prepared)))?;
                self.sink.forward(&permit, parse.frame());
                self.room(self.statements.len(), "prepared statements")?;
                let name = Bytes::copy_from_slice(parse.name());
                self.statements
                    .note(self.segment, Change::Define(name, prepared));
                self.pipeline.push(
                    Expected::Parse { exposure },
                    Some(permit.seq()),
                    Instant::now(),
                );
            }
        }
        Ok(Ok(()))
    }

    fn bind(&mut self, bind: &Bind) -> Result<Result<(), Unsettled>, SessionError> {
        let prepared = match self.statements.get(bind.statement(), self.segment) {
            Ok(Some(prepared)) => prepared,
            Ok(None) => {
                let name = String::from_utf8_lossy(bind.statement()).into_owned();
                let message = format!("prepared statement \"{name}\" does not exist");
                self.refuse_unknown(UNKNOWN_STATEMENT, message)?;
                return Ok(Ok(()));
            }
            Err(Unsettled) => return Ok(Err(Unsettled)),
        };
        let behind = match self.behind(&prepared) {
            Ok(behind) => behind,
            Err(Unsettled) => return Ok(Err(Unsettled)),
        };
        let parameters = parameters(bind);
        match self.judgement(&prepared, &behind) {
            Judgement::Refused(refusal) => {
                self.refuse(&refusal, &prepared, Some(&parameters), false)?;
            }
            Judgement::Allowed(permit, exposure) => {
                let portal = self.open_portal(bind, prepared, permit, exposure, &parameters)?;
                self.sink.forward(&portal.permit, bind.frame());
                let seq = Some(portal.permit.seq());
                let now = Instant::now();
                self.pipeline.push(
                    Expected::Bind {
                        portal: Arc::clone(&portal),
                    },
                    seq,
                    now,
                );
                self.probe(bind.portal(), &portal)?;
                let name = Bytes::copy_from_slice(bind.portal());
                self.portals
                    .note(self.segment, Change::Define(name, portal));
            }
        }
        Ok(Ok(()))
    }

    fn open_portal(
        &mut self,
        bind: &Bind,
        prepared: Arc<Prepared>,
        permit: Permit,
        exposure: Arc<Exposure>,
        parameters: &[Option<String>],
    ) -> Result<Arc<Portal>, SessionError> {
        self.room(self.portals.len(), "portals")?;
        let command = CommandText {
            text: &text(&prepared),
            parameters,
            statements: prepared.statements(),
        };
        let permit = Arc::new(self.record.intent(permit, command)?);
        let formats = Some(bind.result_formats().clone());
        Ok(Arc::new(Portal {
            permit,
            exposure,
            formats,
            plan: Default::default(),
            prepared,
        }))
    }

    /// Asks the target what a portal returns, before its rows come. The statement may have been
    /// prepared under another search path, so only the portal's own description is right.
    fn probe(&mut self, name: &[u8], portal: &Arc<Portal>) -> Result<(), SessionError> {
        self.sink.probe(name)?;
        let expected = Expected::Probe {
            portal: Arc::clone(portal),
        };
        self.pipeline.push(expected, None, Instant::now());
        Ok(())
    }

    fn execute(&mut self, execute: &Execute) -> Result<Result<(), Unsettled>, SessionError> {
        let portal = match self.portals.get(execute.portal(), self.segment) {
            Ok(Some(portal)) => portal,
            Ok(None) => {
                let name = String::from_utf8_lossy(execute.portal()).into_owned();
                let message = format!("portal \"{name}\" does not exist");
                self.refuse_unknown(UNKNOWN_PORTAL, message)?;
                return Ok(Ok(()));
            }
            Err(Unsettled) => return Ok(Err(Unsettled)),
        };
        if portal.formats.is_none() && portal.plan.get().is_none() {
            self.probe(execute.portal(), &portal)?;
        }
        let mut changes = Vec::new();
        if portal.formats.is_some() {
            for statement in portal.prepared.statements() {
                if let Statement::Command(command) = statement {
                    let (permit, exposure) = (&portal.permit, &portal.exposure);
                    changes.extend(self.note(&command.control, statement, permit, exposure)?);
                }
            }
        }
        self.shape_changed |= portal.prepared.changes_shape();
        self.sink.forward(&portal.permit, execute.frame());
        let seq = Some(portal.permit.seq());
        self.pipeline
            .push(Expected::Execute { portal, changes }, seq, Instant::now());
        Ok(Ok(()))
    }

    fn function_call(
        &mut self,
        call: &FunctionCall,
    ) -> Result<Result<(), Unsettled>, SessionError> {
        let text = format!("fast-path call of function {}", call.function());
        let prepared = Prepared::of(Bytes::from(text), vec![sql::function_call()]);
        let behind = match self.behind(&prepared) {
            Ok(behind) => behind,
            Err(Unsettled) => return Ok(Err(Unsettled)),
        };
        match self.judgement(&prepared, &behind) {
            Judgement::Refused(refusal) => self.refuse(&refusal, &prepared, None, true)?,
            Judgement::Allowed(permit, exposure) => {
                let permit = self
                    .record
                    .intent(permit, command(&prepared, &self::text(&prepared)))?;
                self.sink.forward(&permit, call.frame());
                self.pipeline.push(
                    Expected::Call { exposure },
                    Some(permit.seq()),
                    Instant::now(),
                );
            }
        }
        self.segment = self.segment.next();
        Ok(Ok(()))
    }

    /// Rows for a copy that the target has agreed to take, or not yet. Without one the server
    /// itself would drop them.
    fn copied(&mut self, message: &Message) -> Result<(), Unsettled> {
        let Some(permit) = &self.copy_in else {
            return if self.pipeline.is_empty() {
                Ok(())
            } else {
                Err(Unsettled)
            };
        };
        self.sink.forward(permit, message.frame());
        if !matches!(message, Message::CopyData(_)) {
            self.copy_in = None;
        }
        Ok(())
    }

    fn control(&mut self, message: Message) -> Result<Heard, SessionError> {
        let now = Instant::now();
        let control = match message {
            Message::Sync(_) if self.copy_in.is_some() => {
                return Err(SessionError::client("Sync in the middle of a copy"));
            }
            Message::Sync(sync) => {
                self.pipeline.push(Expected::Sync, None, now);
                self.segment = self.segment.next();
                Control::Sync(sync)
            }
            Message::Flush(flush) => Control::Flush(flush),
            Message::Describe(describe) => {
                let expected = match describe.kind() {
                    ObjectKind::Statement => Expected::DescribeStatement,
                    ObjectKind::Portal => Expected::DescribePortal,
                };
                self.pipeline
                    .push(expected, self.pipeline.current_seq(), now);
                Control::Describe(describe)
            }
            Message::Close(close) => self.close(close),
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

    fn close(&mut self, close: Close) -> Control {
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
        self.pipeline
            .push(Expected::Close(space), None, Instant::now());
        Control::Close(close)
    }

    /// What the names in a text stand for.
    fn behind(&self, prepared: &Prepared) -> Result<Behind, Unsettled> {
        let mut behind = Behind::default();
        if self.shape_changed {
            behind.any = true;
            behind
                .exposure
                .join(Exposure::everything(&self.lineage, &self.judge.clear()));
        }
        for control in prepared.controls() {
            match control {
                Effect::Execute { name } => {
                    behind.any = true;
                    let named = self.statements.get(name.as_bytes(), self.segment)?;
                    let known = named.filter(|p| p.controls().all(|c| *c == Effect::None));
                    behind
                        .statements
                        .push(known.unwrap_or_else(|| Arc::new(unknown(name))));
                }
                Effect::Fetch { name } => {
                    behind.any = true;
                    let exposure = match self.portals.get(name.as_bytes(), self.segment)? {
                        Some(portal) => Exposure::clone(&portal.exposure),
                        // A cursor that a function opened.
                        None => Exposure::everything(&self.lineage, &self.judge.clear()),
                    };
                    behind.exposure.join(exposure);
                }
                _ => {}
            }
        }
        Ok(behind)
    }

    /// Notes what a statement's success will mean for names.
    fn note(
        &mut self,
        effect: &Effect,
        statement: &Statement,
        permit: &Arc<weir_record::RecordedPermit>,
        exposure: &Arc<Exposure>,
    ) -> Result<Vec<Space>, SessionError> {
        let name = |name: &str| Bytes::copy_from_slice(name.as_bytes());
        let segment = self.segment;
        Ok(match effect {
            Effect::Prepare { name: n } => {
                self.room(self.statements.len(), "prepared statements")?;
                let inner = Arc::new(Prepared::of(Bytes::new(), vec![without_control(statement)]));
                self.statements
                    .note(segment, Change::Define(name(n), inner));
                vec![Space::Statement]
            }
            Effect::Deallocate { name: Some(n) } => {
                self.statements.note(segment, Change::Remove(name(n)));
                vec![Space::Statement]
            }
            Effect::Deallocate { name: None } => {
                self.statements.note(segment, Change::Clear);
                vec![Space::Statement]
            }
            Effect::Discard => {
                self.statements.note(segment, Change::Clear);
                self.portals.note(segment, Change::Clear);
                vec![Space::Statement, Space::Portal]
            }
            Effect::Declare { name: n } => {
                self.room(self.portals.len(), "cursors")?;
                let portal = Portal {
                    permit: Arc::clone(permit),
                    exposure: Arc::clone(exposure),
                    formats: None,
                    plan: Default::default(),
                    prepared: Arc::new(Prepared::of(Bytes::new(), Vec::new())),
                };
                self.portals
                    .note(segment, Change::Define(name(n), Arc::new(portal)));
                vec![Space::Portal]
            }
            Effect::None | Effect::Execute { .. } | Effect::Fetch { .. } | Effect::Set { .. } => {
                Vec::new()
            }
        })
    }

    fn judgement(&self, prepared: &Prepared, behind: &Behind) -> Judgement {
        prepared.judge(&self.judge, &self.lineage, self.in_transaction(), behind)
    }

    fn refuse(
        &mut self,
        refusal: &Refusal,
        prepared: &Prepared,
        parameters: Option<&[Option<String>]>,
        simple: bool,
    ) -> Result<(), SessionError> {
        let bytes = prepared.text();
        let text = match bytes.get(..REFUSED_EXCERPT) {
            Some(excerpt) => {
                format!(
                    "{} … ({} bytes in all)",
                    String::from_utf8_lossy(excerpt),
                    bytes.len()
                )
            }
            None => text(prepared).into_owned(),
        };
        let command = CommandText {
            text: &text,
            parameters: parameters.unwrap_or_default(),
            statements: prepared.statements(),
        };
        let seq = self.record.refused(refusal, command)?;
        if simple {
            self.sink.reject_query()?
        } else {
            self.sink.reject_extended()?
        }
        let expected = Expected::Refused {
            refusal: refusal.clone(),
            simple,
        };
        self.pipeline.push(expected, Some(seq), Instant::now());
        Ok(())
    }

    fn refuse_unknown(&mut self, rule: &str, message: String) -> Result<(), SessionError> {
        let refusal = Refusal {
            rule: rule.to_owned(),
            message,
            deciding: Vec::new(),
            version: self.judge.version().clone(),
        };
        self.refuse(
            &refusal,
            &Prepared::of(Bytes::new(), Vec::new()),
            None,
            false,
        )
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

fn text(prepared: &Prepared) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(prepared.text())
}

fn command<'a>(prepared: &'a Prepared, text: &'a str) -> CommandText<'a> {
    CommandText {
        text,
        parameters: &[],
        statements: prepared.statements(),
    }
}

/// The parameters as text, for the record: what isn't UTF-8 as hexadecimal.
fn parameters(bind: &Bind) -> Vec<Option<String>> {
    let mut room = PARAMETERS;
    bind.parameters()
        .iter()
        .map(|value| {
            let value = value.as_ref()?;
            let shown = value.get(..room).unwrap_or(value);
            room = room.saturating_sub(value.len());
            let mut text = match std::str::from_utf8(shown) {
                Ok(text) if !text.contains('\0') => text.to_owned(),
                _ => shown
                    .iter()
                    .fold("\\x".to_owned(), |hex, byte| format!("{hex}{byte:02x}")),
            };
            if shown.len() < value.len() {
                text.push_str(&format!(" … ({} bytes in all)", value.len()));
            }
            Some(text)
        })
        .collect()
}

fn unknown(name: &str) -> Prepared {
    let opaque = Opaque {
        reason: OpaqueReason::Unsupported,
        detail: "it executes a prepared statement that weir has not read".to_owned(),
    };
    Prepared::of(
        Bytes::copy_from_slice(name.as_bytes()),
        vec![Statement::Opaque(opaque)],
    )
}

fn without_control(statement: &Statement) -> Statement {
    match statement.clone() {
        Statement::Command(mut command) => {
            command.control = Effect::None;
            Statement::Command(command)
        }
        opaque @ Statement::Opaque(_) => opaque,
    }
}
