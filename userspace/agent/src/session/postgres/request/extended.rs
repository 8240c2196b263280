//! The extended protocol: Parse, Bind, Execute (PostgreSQL's documentation, 55.2.3).

use std::sync::{Arc, OnceLock, atomic::AtomicU64};

use bytes::Bytes;
use weir_command::Statement;
use weir_policy::{Permit, RowCounts};
use weir_record::CommandText;
use weir_wire::postgres::{
    Formats,
    frontend::{Bind, Execute, Message, ObjectKind, Parse},
};

use super::{Beside, Decided, Estimated, Stop, command, text};
use crate::{
    mask::exposure::Exposure,
    session::postgres::{
        governed::{Governed, SessionError},
        hidden::Runs,
        names::{self, Change},
        pipeline::Expected,
        portal::{Behind, Portal},
        prepared::{Defined, Prepared},
        refusal::{INEXACT_NAME, NAME_CHANGED, UNKNOWN_PORTAL, UNKNOWN_STATEMENT},
    },
};

/// Why a name is refused.
const INEXACT: &str = "names of prepared statements and portals have at most 63 bytes, all of \
                       ASCII: the server would cut or convert others, and weir mistake them";
/// Why a portal is refused that runs a statement by its name.
const BY_NAME: &str = "this portal runs a statement by its name, and other messages came since it was \
                       bound: bind it anew";
/// Why one is whose name may stand for another.
const IN_DOUBT: &str = "code that weir does not see ran since this portal was bound, or its transaction \
                        may have ended, so that its name may stand for another: bind it anew";
/// Most bytes of parameters that are recorded of one command.
const PARAMETERS: usize = 1 << 20;

impl Governed {
    pub(super) fn parse(&mut self, parse: &Parse, asked: bool) -> Result<(), Stop> {
        let prepared = self.read(parse.text(), parse.parameter_types());
        self.up_to_date(&prepared, asked)?;
        self.known(&prepared, asked)?;
        let mut behind = self.behind(&prepared)?;
        self.look_around(&prepared, &behind)?;
        if !names::is_exact(parse.name()) {
            let refusal = self.refusal(INEXACT_NAME, INEXACT.to_owned());
            self.refuse(&refusal, &prepared, None, false)?;
            return Ok(());
        }
        match self.decide_parse(parse, &prepared, &mut behind)? {
            Decided::Refused(refusal) => self.refuse(&refusal, &prepared, None, false)?,
            Decided::Allowed(permit, exposure) => {
                self.turn += 1;
                let signals = self.judge.figures();
                let text = text(&prepared);
                let meant = prepared.meant();
                let permit = self
                    .record
                    .intent(permit, command(&meant, &text, &signals))?;
                self.sink.forward(&permit, parse.frame());
                self.room(self.statements.len(), "prepared statements")?;
                self.held.room()?;
                prepared.hold(&self.held);
                let name = Bytes::copy_from_slice(parse.name());
                let defined = Defined {
                    prepared,
                    turn: self.turn,
                    parsed: true,
                };
                self.statements
                    .note(self.segment, Change::Define(name, defined));
                self.pipeline
                    .push(Expected::Parse { exposure }, Some(permit.seq()), self.now);
            }
        }
        Ok(())
    }

    pub(super) fn bind(
        &mut self,
        bind: &Bind,
        asked: bool,
        estimated: Option<Estimated>,
    ) -> Result<(), Stop> {
        let defined = match self.statements.get(bind.statement(), self.segment)? {
            Some(defined) => defined,
            None => {
                let name = String::from_utf8_lossy(bind.statement()).into_owned();
                let message = format!("prepared statement \"{name}\" does not exist");
                self.refuse_unknown(UNKNOWN_STATEMENT, message)?;
                return Ok(());
            }
        };
        let prepared = Arc::clone(&defined.prepared);
        self.up_to_date(&prepared, asked)?;
        self.known(&prepared, asked)?;
        let mut behind = self.behind(&prepared)?;
        let mut anew = self.may_be_replaced(bind.statement(), &defined);
        if anew && !self.is_as_sent(&defined) {
            self.doubt(&mut behind);
            anew = false;
        }
        self.look_around(&prepared, &behind)?;
        let parameters = parameters(bind);
        if !names::is_exact(bind.portal()) {
            let refusal = self.refusal(INEXACT_NAME, INEXACT.to_owned());
            self.refuse(&refusal, &prepared, Some(&parameters), false)?;
            return Ok(());
        }
        let rows = self.rows_of(&prepared, Some(bind), estimated)?;
        let beside = Beside::Bind(bind, &parameters);
        match self.decide(&prepared, &mut behind, beside, rows)? {
            Decided::Refused(refusal) => {
                self.refuse(&refusal, &prepared, Some(&parameters), false)?;
            }
            Decided::Allowed(permit, exposure) => {
                self.carried_out(&prepared, &behind);
                self.may_move(&prepared, &behind);
                let runs = self.runs_code(&prepared, &behind);
                self.goes(&prepared);
                self.turn += 1;
                let carried_out = (prepared, rows, runs);
                let portal = self.open_portal(bind, carried_out, permit, exposure, &parameters)?;
                if anew {
                    self.parse_anew(bind.statement(), &portal)?;
                }
                self.sink.forward(&portal.permit, bind.frame());
                let seq = Some(portal.permit.seq());
                let expected = Expected::Bind {
                    portal: Arc::clone(&portal),
                };
                self.pipeline.push(expected, seq, self.now);
                let name = Bytes::copy_from_slice(bind.portal());
                self.undescribed = Some((name.clone(), Arc::clone(&portal)));
                self.portals
                    .note(self.segment, Change::Define(name, portal));
            }
        }
        Ok(())
    }

    /// Why a portal may not run what its name stands for now: it is judged and described when it is
    /// bound, and the name looked up when it is first executed, so nothing may come in between. Nor
    /// may what others hang on be done by a portal that is `in_doubt`.
    fn is_not_meant(&self, portal: &Portal, in_doubt: bool) -> Option<&'static str> {
        let first = portal.begun.set(()).is_ok();
        if !first {
            None
        } else if portal.runs_by_name() && portal.bound != self.turn {
            Some(BY_NAME)
        } else {
            (in_doubt && portal.does_more()).then_some(IN_DOUBT)
        }
    }

    fn open_portal(
        &mut self,
        bind: &Bind,
        (prepared, rows, runs): (Arc<Prepared>, RowCounts, Runs),
        permit: Permit,
        exposure: Arc<Exposure>,
        parameters: &[Option<String>],
    ) -> Result<Arc<Portal>, SessionError> {
        self.room(self.portals.len(), "portals")?;
        self.held.room()?;
        let meant = prepared.meant();
        let command = CommandText {
            text: &text(&prepared),
            parameters,
            statements: (&meant).into(),
            signals: &self.judge.figures(),
        };
        let permit = Arc::new(self.record.intent(permit, command)?);
        let formats = bind.result_formats().clone();
        let each = match &formats {
            Formats::Each(each) => size_of_val(each.as_slice()),
            Formats::None | Formats::All(_) => 0,
        };
        Ok(Arc::new(Portal {
            permit,
            exposure,
            formats: Some(formats),
            plan: OnceLock::new(),
            prepared,
            bound: self.turn,
            at: self.now,
            begun: OnceLock::new(),
            judged: self.judge.raised(),
            rows,
            lineage: Arc::clone(&self.lineage),
            segment: self.segment,
            runs,
            sure: AtomicU64::new(self.turn),
            lease: self.held.lease(each),
            by: self.judge.changes(),
        }))
    }

    /// Sees to it that the target says what the portal returns that was bound last, before its rows come.
    /// The statement may have been prepared under another search path, so only the portal's own
    /// description is right. Where the agent asks for that itself, right behind its Bind, weir need not.
    pub(super) fn describe_before(&mut self, message: &Message) -> Result<(), SessionError> {
        let asks = |(name, _): &(Bytes, Arc<Portal>)| match message {
            Message::Describe(describe) => {
                describe.kind() == ObjectKind::Portal && describe.name() == name
            }
            _ => false,
        };
        match self.undescribed.take() {
            bound if bound.as_ref().is_some_and(asks) => self.undescribed = bound,
            Some((name, portal)) => self.probe(&name, portal)?,
            None => {}
        }
        Ok(())
    }

    /// Asks the target what a portal returns.
    fn probe(&mut self, name: &[u8], portal: Arc<Portal>) -> Result<(), SessionError> {
        self.sink.probe(name)?;
        let expected = Expected::Probe {
            portal,
            shown: false,
        };
        self.pipeline.push(expected, None, self.now);
        Ok(())
    }

    /// A cursor, or a portal whose name may stand for one, to be described anew: a transaction's end may
    /// have closed it, and code that weir does not see may have opened another of that name.
    fn cursor(&self, known: &Portal) -> Arc<Portal> {
        Arc::new(Portal {
            permit: Arc::clone(&known.permit),
            exposure: Arc::new(self.cursor_exposure(Some(known))),
            formats: None,
            plan: OnceLock::new(),
            prepared: Arc::clone(&known.prepared),
            bound: self.turn,
            at: self.now,
            begun: OnceLock::new(),
            judged: known.judged,
            rows: known.rows,
            lineage: Arc::clone(&known.lineage),
            segment: known.segment,
            runs: known.runs,
            sure: AtomicU64::new(self.turn),
            lease: self.held.lease(0),
            by: known.by,
        })
    }

    pub(super) fn execute(&mut self, execute: &Execute) -> Result<(), Stop> {
        let portal = match self.portals.get(execute.portal(), self.segment)? {
            Some(portal) => portal,
            None => {
                let name = String::from_utf8_lossy(execute.portal()).into_owned();
                let message = format!("portal \"{name}\" does not exist");
                self.refuse_unknown(UNKNOWN_PORTAL, message)?;
                return Ok(());
            }
        };
        let in_doubt = self.is_in_doubt(execute.portal(), &portal);
        if let Some(message) = self.is_not_meant(&portal, in_doubt) {
            let refusal = self.refusal(NAME_CHANGED, message.to_owned());
            self.refuse(&refusal, &portal.prepared, None, false)?;
            return Ok(());
        }
        if let Err(refusal) = self.may_still(&portal)? {
            self.refuse(&refusal, &portal.prepared, None, false)?;
            return Ok(());
        }
        self.turn += 1;
        self.stirs(&portal, in_doubt);
        let portal = if in_doubt || portal.formats.is_none() {
            let cursor = self.cursor(&portal);
            self.probe(execute.portal(), Arc::clone(&cursor))?;
            cursor
        } else {
            portal
        };
        let mut changes = Vec::new();
        if portal.formats.is_some() {
            for statement in portal.prepared.statements() {
                if let Statement::Command(command) = statement {
                    let (permit, exposure) = (&portal.permit, &portal.exposure);
                    let said = (&*portal.prepared, statement);
                    changes.extend(self.note(&command.control, said, permit, exposure)?);
                }
            }
        }
        self.shape.sends(&portal.prepared);
        self.goes(&portal.prepared);
        self.may_move(&portal.prepared, &Behind::default());
        self.sink.forward(&portal.permit, execute.frame());
        let seq = Some(portal.permit.seq());
        self.pipeline
            .push(Expected::Execute { portal, changes }, seq, self.now);
        Ok(())
    }
}

/// The parameters as text, for the record: what isn't UTF-8 as hexadecimal.
pub(super) fn parameters(bind: &Bind) -> Vec<Option<String>> {
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
