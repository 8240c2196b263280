//! Code that no statement shows, and what it may have made the names of portals stand for.
//!
//! A function, a trigger, or what is behind a view, an operator or a check may close any portal but the
//! one that runs it, and open another under its name; the target tells nobody. A portal that is executed
//! after such code may have run, or after its transaction may have ended, is therefore a cursor that is
//! to be described anew, and may show whatever such code may.
//!
//! Known limit: event triggers count as no such code.

use std::sync::atomic::Ordering;

use weir_command::Verb;

use super::{
    governed::Governed,
    portal::{Behind, Portal},
    prepared::Prepared,
};

/// What of it has run.
#[derive(Debug, Default)]
pub(super) struct HiddenCode {
    ran: bool,
    /// When a portal's name may last have come to stand for another, as
    /// [`Governed::turn`](super::governed::Governed) counts.
    stirred: u64,
}

impl HiddenCode {
    /// Whether any has, ever.
    pub(super) fn has_run(&self) -> bool {
        self.ran
    }

    /// Notes that the message of this turn may run some.
    pub(super) fn runs(&mut self, turn: u64) {
        self.ran = true;
        self.stirred = turn;
    }

    /// Notes that the message of this turn may end a transaction, or do what code has put off or left
    /// in a cursor.
    fn may_stir(&mut self, prepared: &Prepared, turn: u64) {
        let late = self.ran && (prepared.may(Verb::Set) || prepared.may(Verb::Fetch));
        if late || prepared.may(Verb::Transaction) {
            self.stirred = turn;
        }
    }
}

impl Governed {
    /// Notes that a message is sent, the next turn's, with what it does beyond what it shows. Whether
    /// carrying it out runs code that no text shows.
    pub(super) fn runs_code(&mut self, prepared: &Prepared, behind: &Behind) -> bool {
        let (runs, reshapes) = behind.runs_code(prepared, &self.lineage);
        let turn = self.turn + 1;
        if runs {
            self.hidden.runs(turn);
        }
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
        if portal.runs_code || may_be_any && self.hidden.has_run() {
            self.hidden.runs(self.turn);
        }
        self.hidden.may_stir(&portal.prepared, self.turn);
        if !in_doubt {
            portal.sure.store(self.turn, Ordering::Relaxed);
        }
    }
}
