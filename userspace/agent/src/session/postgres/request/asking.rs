//! A message that people must say yes to first.
//!
//! A statement asks where it is about to be run: in a Query, or in a Bind, which has its
//! parameters. A Parse runs nothing. Where its Bind comes with it, both wait together, so that
//! nothing of a command that is held is at the target, where it would begin a transaction and start
//! clocks; where the agent prepares and waits for the answer, the Parse goes on, as what it is.

use std::sync::Arc;

use bytes::Bytes;
use weir_policy::{Answer, Ask, Matter, Permit, Refusal, RowCounts};
use weir_wire::postgres::frontend::{Bind, FunctionCall, Parse};

use super::{Stop, extended::parameters};
use crate::{
    approve,
    mask::exposure::Exposure,
    session::postgres::{
        governed::Governed, portal::Behind, prepared::Prepared, reading::Judgement,
    },
};

/// What people are asked.
#[derive(Debug)]
pub(in crate::session::postgres) struct Wanted {
    pub(in crate::session::postgres) ask: Ask,
    pub(in crate::session::postgres) prepared: Arc<Prepared>,
    /// The values beside the text, as they were sent.
    pub(in crate::session::postgres) parameters: Bytes,
    /// The same for people.
    pub(in crate::session::postgres) shown: Vec<Option<String>>,
    /// The texts that it runs by their names.
    pub(in crate::session::postgres) runs: Vec<String>,
    /// How many rows it was judged to concern.
    pub(in crate::session::postgres) rows: RowCounts,
    /// The message that has them.
    pub(in crate::session::postgres) bind: Option<Bind>,
}

/// What people said of the message that is handed in next, and of no other.
#[derive(Debug)]
pub(in crate::session::postgres) enum Decision {
    /// They said yes.
    Granted {
        answers: Vec<Answer>,
        /// To which request; to none where they had said it before.
        request: String,
    },
    /// They did not.
    Refused(Refusal),
}

/// What comes behind a Parse.
#[derive(Debug)]
pub(in crate::session::postgres) enum Ahead {
    /// The Bind of its statement.
    Bind(Box<Bind>),
    /// Nothing that runs its statement without the agent hearing of it first.
    Nothing,
}

/// What policy, masking and people say of one message.
pub(super) enum Decided {
    Allowed(Permit, Arc<Exposure>),
    Refused(Refusal),
}

/// What a message has beside its text. Only a message that asks takes it along.
#[derive(Clone, Copy)]
pub(super) enum Beside<'a> {
    Nothing,
    /// A Bind, with its values for people.
    Bind(&'a Bind, &'a [Option<String>]),
    Call(&'a FunctionCall),
}

impl Beside<'_> {
    fn parameters(self) -> Bytes {
        match self {
            Self::Nothing => Bytes::new(),
            Self::Bind(bind, _) => bind.frame().raw().clone(),
            Self::Call(call) => call.frame().raw().clone(),
        }
    }

    fn shown(self) -> Vec<Option<String>> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Bind(_, shown) => shown.to_vec(),
            Self::Call(call) => {
                let shown = call.arguments().iter().map(|argument| {
                    let bytes = argument.as_ref()?;
                    Some(String::from_utf8_lossy(bytes).into_owned())
                });
                shown.collect()
            }
        }
    }
}

/// The texts that a message runs by their names: who approves `EXECUTE x` approves what x is.
fn runs(behind: &Behind) -> Vec<String> {
    let texts = behind.statements.iter().map(|prepared| prepared.text());
    texts
        .map(|text| String::from_utf8_lossy(text).into_owned())
        .collect()
}

/// What a yes is bound to beside the text: the values, what its names mean, and what is run by name.
fn with(parameters: Bytes, prepared: &Prepared, behind: &Behind) -> Bytes {
    let meaning = prepared.meaning();
    if behind.statements.is_empty() && meaning.is_empty() {
        return parameters;
    }
    let mut bytes = parameters.to_vec();
    bytes.extend_from_slice(meaning.as_bytes());
    for prepared in &behind.statements {
        bytes.push(0);
        bytes.extend_from_slice(prepared.text());
    }
    bytes.into()
}

impl Governed {
    /// Hands in what people said, for the message that comes next.
    pub(in crate::session::postgres) fn decide_with(&mut self, decision: Decision) {
        self.decision = Some(decision);
    }

    /// What a message that runs something may do.
    pub(super) fn decide(
        &mut self,
        prepared: &Arc<Prepared>,
        behind: &mut Behind,
        beside: Beside<'_>,
        rows: RowCounts,
    ) -> Result<Decided, Stop> {
        let judgement = self.judged(prepared, behind, rows)?;
        // Taken whatever comes of it: it is for this message alone.
        let decision = self.decision.take();
        let (ask, exposure) = match (judgement, &decision) {
            (Judgement::Refused(refusal), _) => return Ok(Decided::Refused(refusal)),
            (_, Some(Decision::Refused(refusal))) => {
                return Ok(Decided::Refused(refusal.clone()));
            }
            (Judgement::Allowed(permit, exposure), _) => {
                return Ok(Decided::Allowed(permit, exposure));
            }
            (Judgement::Asks(ask, exposure), _) => (ask, exposure),
        };
        let parameters = with(beside.parameters(), prepared, behind);
        if let Some(Decision::Granted { answers, request }) = decision {
            match self.granted(&ask, &answers, &request, prepared, &parameters) {
                Ok(permit) => return Ok(Decided::Allowed(permit, exposure)),
                // What stands was said to be enough: it must not be asked of again and again.
                Err(error) if request.is_empty() => {
                    let refusal = approve::not_asked(&ask, &error.to_string());
                    return Ok(Decided::Refused(refusal));
                }
                Err(error) => {
                    tracing::info!(session = %self.record.id(), %error, "asked anew");
                }
            }
        }
        Err(Stop::Ask(Box::new(Wanted {
            ask: *ask,
            prepared: Arc::clone(prepared),
            parameters,
            shown: beside.shown(),
            runs: runs(behind),
            rows,
            bind: match beside {
                Beside::Bind(bind, _) => Some(bind.clone()),
                Beside::Nothing | Beside::Call(_) => None,
            },
        })))
    }

    /// What a Parse may do. A yes is left for the Bind that it was given to.
    pub(super) fn decide_parse(
        &mut self,
        parse: &Parse,
        prepared: &Arc<Prepared>,
        behind: &mut Behind,
    ) -> Result<Decided, Stop> {
        let (ask, exposure) = match self.judged(prepared, behind, self.rows_prepared(prepared))? {
            Judgement::Refused(refusal) => return Ok(Decided::Refused(refusal)),
            Judgement::Allowed(permit, exposure) => {
                return Ok(match self.decision.take() {
                    Some(Decision::Refused(refusal)) => Decided::Refused(refusal),
                    _ => Decided::Allowed(permit, exposure),
                });
            }
            Judgement::Asks(ask, exposure) => (ask, exposure),
        };
        let bind = match self.ahead.take() {
            None => return Err(Stop::Ahead),
            Some(Ahead::Nothing) => None,
            Some(Ahead::Bind(bind)) => Some(bind).filter(|bind| bind.statement() == parse.name()),
        };
        let Some(bind) = bind else {
            return Ok(Decided::Allowed(ask.preparation(), exposure));
        };
        match &self.decision {
            Some(Decision::Refused(refusal)) => {
                let refusal = refusal.clone();
                self.decision = None;
                return Ok(Decided::Refused(refusal));
            }
            Some(Decision::Granted { answers, request }) => {
                let raw = with(bind.frame().raw().clone(), prepared, behind);
                if self.granted(&ask, answers, request, prepared, &raw).is_ok() {
                    return Ok(Decided::Allowed(ask.preparation(), exposure));
                }
                if request.is_empty() {
                    let refusal = approve::not_asked(&ask, "what was approved is something else");
                    self.decision = None;
                    return Ok(Decided::Refused(refusal));
                }
                self.decision = None;
            }
            None => {}
        }
        let shown = parameters(&bind);
        Err(Stop::Ask(Box::new(Wanted {
            ask: *ask,
            prepared: Arc::clone(prepared),
            parameters: with(bind.frame().raw().clone(), prepared, behind),
            shown,
            runs: runs(behind),
            rows: RowCounts::default(),
            bind: Some(*bind),
        })))
    }

    fn granted(
        &self,
        ask: &Ask,
        answers: &[Answer],
        request: &str,
        prepared: &Prepared,
        parameters: &Bytes,
    ) -> Result<Permit, weir_policy::NotGranted> {
        let shape = prepared.shape();
        let session = self.record.id().to_string();
        let matter = Matter {
            request,
            session: &session,
            subject: self.judge.subject(),
            target: self.judge.target(),
            text: prepared.text(),
            parameters,
            shape: shape.as_deref(),
        };
        ask.granted(answers, &matter)
    }
}
