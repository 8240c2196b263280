//! Code that no statement shows, and what it may have made names stand for.
//!
//! A function, a trigger, or what is behind a view, an operator or a check may close any portal but the
//! one that runs it, and open another under its name; the target tells nobody. A portal that is executed
//! after such code may have run, or after its transaction may have ended, is therefore a cursor that is
//! to be described anew, and may show whatever such code may.
//!
//! Code that runs text (what may change the database's shape does) may do the same to prepared
//! statements. One that came by a Parse is then parsed anew, ahead of its next Bind; one that `PREPARE`
//! made, or that is run by `EXECUTE`, may show whatever such code may.
//!
//! Known limit: event triggers count as no such code.

use std::sync::{Arc, atomic::Ordering};

use weir_command::{Statement, Verb};
use weir_wire::postgres::frontend::{Close, ObjectKind, Parse};

use super::{
    governed::{Governed, SessionError},
    names::Change,
    pipeline::Expected,
    portal::{Behind, Portal},
    prepared::{Defined, Prepared},
};
use crate::mask::exposure::Exposure;

/// What code a statement runs that no text shows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Runs {
    /// Any.
    pub any: bool,
    /// Such as may run text.
    pub text: bool,
}

/// What of it has run.
#[derive(Debug, Default)]
pub(super) struct HiddenCode {
    ran: bool,
    /// When a portal's name may last have come to stand for another, as
    /// [`Governed::turn`](super::governed::Governed) counts.
    stirred: u64,
    /// The same of the name of a prepared statement.
    replaced: u64,
    /// Some that may run text has begun in this transaction, and may have put something off.
    runs_text: bool,
    /// A transaction may have ended since the target was last done with all.
    ended: bool,
}

impl HiddenCode {
    /// Whether any has, ever.
    pub(super) fn has_run(&self) -> bool {
        self.ran
    }

    /// Notes that the message of this turn may run some.
    pub(super) fn runs(&mut self, runs: Runs, turn: u64) {
        if runs.any {
            self.ran = true;
            self.stirred = turn;
        }
        if runs.text {
            self.runs_text = true;
            self.replaced = turn;
        }
    }

    /// Notes that the message of this turn may end a transaction, or do what code has put off or left
    /// in a cursor.
    fn may_stir(&mut self, prepared: &Prepared, turn: u64) {
        let ends = prepared.may(Verb::Transaction);
        let late = ends || prepared.may(Verb::Set) || prepared.may(Verb::Fetch);
        if ends || late && self.ran {
            self.stirred = turn;
        }
        if late && self.runs_text {
            self.replaced = turn;
        }
        self.ended |= ends;
    }
}

impl Governed {
    /// Notes that a message is sent, the next turn's, with what it does beyond what it shows: what code
    /// carrying it out runs that no text shows.
    pub(super) fn runs_code(&mut self, prepared: &Prepared, behind: &Behind) -> Runs {
        let (any, reshapes) = behind.runs_code(prepared, &self.lineage);
        let opaque = |statement: &Statement| matches!(statement, Statement::Opaque(_));
        let mut all = behind.with(prepared);
        let text = reshapes || all.any(|prepared| prepared.statements().iter().any(opaque));
        let (runs, turn) = (Runs { any, text }, self.turn + 1);
        self.hidden.runs(runs, turn);
        self.hidden.may_stir(prepared, turn);
        self.shape.runs_code(reshapes);
        runs
    }

    /// Whether a portal's name may stand for something else than what was bound to it.
    pub(super) fn is_in_doubt(&self, name: &[u8], portal: &Portal) -> bool {
        // Only a Bind makes one without a name.
        let named = !name.is_empty();
        let ended = portal.segment != self.segment && !self.in_transaction();
        named && (ended || portal.sure.load(Ordering::Relaxed) < self.hidden.stirred)
    }

    /// Notes that a portal is executed, in this turn. What it runs closes all but itself.
    pub(super) fn stirs(&mut self, portal: &Portal, in_doubt: bool) {
        let may_be_any = in_doubt || portal.formats.is_none();
        let runs = Runs {
            any: portal.runs.any || may_be_any && self.hidden.ran,
            text: portal.runs.text || may_be_any && self.hidden.runs_text,
        };
        self.hidden.runs(runs, self.turn);
        self.hidden.may_stir(&portal.prepared, self.turn);
        if !in_doubt {
            portal.sure.store(self.turn, Ordering::Relaxed);
        }
    }

    /// Notes a Sync. Outside of a block it ends a transaction, and runs what code has put off.
    pub(super) fn syncs(&mut self) {
        if self.hidden.runs_text && (self.hidden.ended || !self.in_transaction()) {
            self.turn += 1;
            self.hidden.replaced = self.turn;
        }
    }

    /// Notes that the target is ready for more.
    pub(super) fn rests(&mut self) {
        if self.pipeline.is_empty() {
            self.hidden.ended = false;
            self.hidden.runs_text &= self.in_transaction();
        }
    }

    /// Whether another statement may have been prepared in the place of this one.
    pub(super) fn may_be_replaced(&self, name: &[u8], defined: &Defined) -> bool {
        // Only a Parse makes one without a name.
        !name.is_empty() && defined.turn <= self.hidden.replaced
    }

    /// Notes that what is behind a text may be what code has prepared in its place.
    pub(super) fn doubt(&self, behind: &mut Behind) {
        let everything = Exposure::everything(&self.lineage, &self.judge.clear());
        behind.exposure.join(everything);
        behind.any = true;
        behind.another = true;
    }

    /// Whether a statement can be parsed anew as it was sent.
    pub(super) fn is_as_sent(&self, defined: &Defined) -> bool {
        defined.parsed && (defined.prepared.text().is_ascii() || !self.encoding.varies())
    }

    /// Has a portal's statement parsed anew, right ahead of its Bind.
    pub(super) fn parse_anew(&mut self, name: &[u8], portal: &Portal) -> Result<(), SessionError> {
        let prepared = &portal.prepared;
        let close = Close::new(ObjectKind::Statement, name)?;
        let parse = Parse::new(name, prepared.text(), prepared.types())?;
        self.sink.forward(&portal.permit, close.frame());
        self.sink.forward(&portal.permit, parse.frame());
        let exposure = Arc::clone(&portal.exposure);
        let expected = Expected::Anew {
            exposure,
            closed: false,
        };
        self.pipeline
            .push(expected, Some(portal.permit.seq()), self.now);
        let defined = Defined {
            prepared: Arc::clone(prepared),
            turn: self.turn,
            parsed: true,
        };
        let change = Change::Define(name.to_vec().into(), defined);
        self.statements.note(self.segment, change);
        Ok(())
    }
}
