//! What a session knows of its database's shape: which relations and columns there are, and what they
//! are called.
//!
//! The catalogue is read once for all sessions of a database, and anew only where that decides
//! something: before a statement that names what may have changed. A session tells the others once the
//! target has told it that a change of its own is done; they read again before what they are asked next.
//! Between a change and that, what the session itself says is judged as if the catalogue were not known.
//!
//! Code that a statement doesn't show (functions, triggers, what is behind views, operators, casts and
//! checks) may change it as well, unless its words prove that it can't ([`code`](crate::mask::code)). A
//! session that has run such code looks whether anything has changed before its agent hears that the
//! target is done, and tells the others only then. As long as its transaction is open nobody else sees
//! what was changed: names then prove nothing, views are masked whole, and so is what is computed.
//!
//! What was asked before a change may be answered after it. So an answer that describes rows, or begins a
//! copy, is held against what the others have told by then; where one of them may have committed what it
//! has not been answered yet (`CALL`, `DO`, a `COMMIT` with more behind it, what outlives its session),
//! against a look.
//!
//! Known limits: what is changed past weir, or through another weir or another target, shows to sessions
//! in use by their next look, which is about a second later ([`catalogues`]). So does what C functions and catalogues written by hand change. A
//! function that others have replaced since the last look is taken for what it was. What a change does
//! in the moments between its commit and its answer is not held back.
//!
//! [`catalogues`]: super::catalogues

use std::{collections::HashSet, sync::Arc, time::Instant};

use weir_command::{Access, Control, Effect, Statement, Verb};
use weir_policy::Named;
use weir_wire::postgres::backend::{RowDescription, TransactionStatus};

use super::{
    catalogues::Known,
    changes::{Changes, UnderWay},
    governed::Governed,
    portal::Portal,
    prepared::Prepared,
    request::Stop,
};
use crate::mask::{
    catalogue::{ColumnNumber, RelationOid},
    exposure::Exposure,
    lineage::{Lineage, Sight, Source},
    plan::Unknown,
};

/// How statements begin that make something of which nothing is computed or read yet.
const MAKES: [&str; 4] = [
    "create table ",
    "create schema ",
    "create sequence ",
    "create type ",
];

/// How statements begin that make what other sessions can't see.
const TEMPORARY: [&str; 2] = ["create temp ", "create temporary "];

/// How many columns a session remembers to be its own transaction's before it takes in no more.
const MOST_OWN: usize = 10_000;

/// What a session knows of it.
#[derive(Debug, Default)]
pub(super) struct Shape {
    changes: Arc<Changes>,
    /// How many were told of when the catalogue was read.
    known: u64,
    /// When it was known to be so.
    at: Option<Instant>,
    /// The session has changed it itself since then.
    changed: bool,
    /// It has run code that may have.
    unsure: bool,
    /// When the target had last done all of that.
    done: Option<Instant>,
    /// Others have not been told of all that concerns them.
    untold: bool,
    /// They may see it all the same.
    under_way: Option<UnderWay>,
    /// Columns that nobody else sees yet: the transaction that is open made them.
    own: HashSet<(RelationOid, ColumnNumber)>,
}

impl Shape {
    pub(super) fn new(known: &Known) -> Self {
        Self {
            changes: Arc::clone(&known.changes),
            known: known.told,
            at: known.at,
            ..Self::default()
        }
    }

    /// Whether the session has changed it since the catalogue was read, or may have: names in its
    /// statements then prove nothing, and what a view shows isn't known.
    pub(super) fn has_changed(&self) -> bool {
        self.changed || self.unsure
    }

    /// When what is known was known to be so.
    pub(super) fn at(&self) -> Option<Instant> {
        self.at
    }

    /// Notes that a message is sent which may have code run that may change it.
    pub(super) fn runs_code(&mut self, may_change: bool) {
        self.unsure |= may_change;
    }

    /// Notes that what was sent last may take effect for others long before it is answered: `early`, it may
    /// end a transaction in the middle.
    fn goes(&mut self, early: bool) {
        if early && self.under_way.is_none() {
            self.under_way = Some(UnderWay::new(&self.changes));
        }
    }

    /// Whether other sessions have changes under way that may have taken effect.
    fn is_in_flux(&self) -> bool {
        let own = u64::from(self.under_way.is_some());
        self.changes.under_way() > own
    }

    /// Takes what a look has found since `then`, when the target was done with such code. Where there was
    /// none it counts as a change.
    fn looked(&mut self, then: Instant, settled: bool) {
        if self.unsure && self.at.is_none_or(|at| at < then) {
            self.changed = true;
            self.untold = true;
        }
        self.unsure &= !settled;
    }

    /// Notes that a text is sent, which may change it.
    pub(super) fn sends(&mut self, prepared: &Prepared) {
        if prepared.changes_shape() {
            self.changed = true;
            self.untold |= !is_temporary(prepared);
        }
    }

    /// Notes that the catalogue was read, `settled` where the target owes nothing and no transaction
    /// is open.
    pub(super) fn read(&mut self, known: &Known, settled: bool) {
        self.known = known.told;
        self.at = known.at;
        if settled && known.at >= self.done {
            self.changed = false;
        }
    }

    /// Tells the others of what is not told.
    fn tell(&self) {
        if self.untold {
            self.changes.tell();
        }
    }

    /// The same, also of what may be.
    fn tell_all(&self) {
        if self.untold || self.unsure {
            self.changes.tell();
        }
    }

    /// Tells them where a transaction may have ended within a message, and another begun.
    pub(super) fn ends_one(&self, prepared: &Prepared) {
        if prepared.may(Verb::Transaction) {
            self.tell_all();
        }
    }
}

/// Whether what a text is taken for hangs on nothing that a catalogue says: it begins or ends a
/// transaction, or makes a table or the like of which it says all. None reads a row, so that none can
/// tell of one when it fails.
pub(super) fn needs_no_catalogue(prepared: &Prepared) -> bool {
    let [Statement::Command(command)] = prepared.statements() else {
        return false;
    };
    let plain = command.functions.is_empty()
        && command.operators.is_empty()
        && command.control == Control::None;
    match command.verb {
        Verb::Transaction => plain && command.objects.is_empty(),
        Verb::Create => {
            plain
                && MAKES.iter().any(|words| begins(prepared, words))
                && command.effects.iter().eq([&Effect::Ddl])
                && command.objects.iter().all(|o| o.access == Access::Define)
        }
        _ => false,
    }
}

/// Whether what a text makes is seen by its own session alone.
fn is_temporary(prepared: &Prepared) -> bool {
    let [Statement::Command(command)] = prepared.statements() else {
        return false;
    };
    command.verb == Verb::Create
        && !command.effects.contains(&Effect::DynamicCode)
        && TEMPORARY.iter().any(|words| begins(prepared, words))
}

fn begins(prepared: &Prepared, words: &str) -> bool {
    let text = prepared.text().get(..words.len());
    text.is_some_and(|text| text.eq_ignore_ascii_case(words.as_bytes()))
}

impl Governed {
    /// Has the catalogue read before a text is looked at that it decides about, where it may be out of
    /// date. `asked`: it just was, if it could be.
    pub(super) fn up_to_date(&mut self, prepared: &Prepared, asked: bool) -> Result<(), Stop> {
        let dated = self.is_dated() || self.has_changed_for_good();
        if !dated || needs_no_catalogue(prepared) {
            return Ok(());
        }
        if asked {
            // It can't be read, and what was known proves nothing.
            self.shape.changed = true;
            return Ok(());
        }
        Err(Stop::Stale)
    }

    /// Notes that a text was sent, after what it may do is noted.
    pub(super) fn goes(&mut self, prepared: &Prepared) {
        if !self.shape.has_changed() {
            return;
        }
        let commits = || prepared.may(Verb::Call) || prepared.may(Verb::Do);
        let early = prepared.may(Verb::Transaction) || !self.in_transaction() && commits();
        self.shape.goes(early);
    }

    /// Whether what the target answers now may be by another shape than what was asked was judged by:
    /// of a change others have told, or may be about to.
    pub(super) fn is_in_flux(&self) -> bool {
        self.is_dated() || self.shape.is_in_flux()
    }

    /// Whether what is described may be something else by now than is known: what others have told of may be
    /// anything, what they are about to tell of is looked for where definitions decide.
    pub(super) fn may_be_another(&self, description: &RowDescription) -> bool {
        let defined = |oid| oid == 0 || self.lineage.is_view(RelationOid(oid));
        self.is_dated()
            || self.lineage.any_hidden(&self.judge.clear()).is_some()
                && description
                    .fields()
                    .iter()
                    .any(|field| defined(field.table_oid))
    }

    /// Whether nobody has looked since this answer came.
    fn is_unseen(&self) -> bool {
        self.shape.at.is_none_or(|at| at < self.now)
    }

    /// What an answer may show beyond what its statement was judged to, where it was judged by another
    /// reading than is known now.
    pub(super) fn meanwhile(&self, prepared: &Prepared, judged_by: &Arc<Lineage>) -> Exposure {
        let unseen = self.is_in_flux() && self.is_unseen();
        if !unseen && Arc::ptr_eq(judged_by, &self.lineage) {
            return Exposure::default();
        }
        let clear = self.judge.clear();
        if unseen {
            return Exposure::reshaped(&self.lineage, &clear);
        }
        if prepared.looks_up_names() {
            return Exposure::everything(&self.lineage, &clear);
        }
        let mut exposure = Exposure::default();
        for statement in prepared.statements() {
            let names = self.lineage.names(statement, &Sight::AnySchema);
            let names = names.as_ref();
            let named = Named { statement, names };
            exposure.join(Exposure::of(named, &self.lineage, &clear));
        }
        exposure
    }

    /// Whether a change was told of since the catalogue was read.
    pub(super) fn is_dated(&self) -> bool {
        self.shape.changes.count() != self.shape.known
    }

    /// Whether the session has changed something, and the target has done it: a reading tells of it.
    pub(super) fn has_changed_for_good(&self) -> bool {
        self.shape.changed && self.is_settled()
    }

    /// Whether the target owes nothing and no transaction is open.
    fn is_settled(&self) -> bool {
        !self.in_transaction() && self.pipeline.is_empty()
    }

    /// Takes a newer reading of the catalogue.
    pub(super) fn catalogue_changed(&mut self, known: Known) {
        self.shape.read(&known, self.is_settled());
        self.lineage = known.lineage;
    }

    /// Tells other sessions of what was changed, once the target is ready for more: outside of a
    /// transaction they see it from here on.
    pub(super) fn tell_of_changes(&mut self) {
        if self.in_transaction() {
            if self.pipeline.is_empty() {
                self.shape.under_way = None;
            }
            return;
        }
        let settled = self.is_settled();
        self.shape.looked(self.now, settled);
        self.shape.tell();
        self.shape.own.clear();
        if self.shape.changed {
            self.shape.done = Some(Instant::now());
        }
        if settled {
            self.shape.untold = false;
            self.shape.under_way = None;
        }
    }

    /// Whether a look is due before the agent hears that the target is ready for more: code may have
    /// changed the shape, and outside of a transaction others see that from here on.
    pub(super) fn must_look(&self, status: TransactionStatus) -> bool {
        self.shape.unsure && status == TransactionStatus::Idle
    }

    /// What the session has under way as it ends, where that may change the shape for others.
    pub(super) fn changes_under_way(&mut self) -> Option<UnderWay> {
        if !self.shape.has_changed() || self.pipeline.is_empty() {
            return None;
        }
        let shape = &mut self.shape;
        let under_way = shape.under_way.take();
        Some(under_way.unwrap_or_else(|| UnderWay::new(&shape.changes)))
    }

    /// Tells other sessions that one has ended which may have changed something.
    pub(super) fn tell_at_the_end(&mut self) {
        self.shape.tell_all();
    }

    /// What to do with columns that the catalogue doesn't have: those of what was made in the
    /// transaction that is open no reading tells of, so that one tries once.
    pub(super) fn unknown(&mut self, description: &RowDescription, unknown: Unknown) -> Unknown {
        if !self.in_transaction() {
            return unknown;
        }
        let (lineage, own) = (&self.lineage, &mut self.shape.own);
        let mut missing = description.fields().iter().filter_map(|field| {
            let column = (RelationOid(field.table_oid), ColumnNumber(field.column));
            let missing = lineage.source(column.0, column.1) == Source::Unknown;
            (field.table_oid != 0 && missing).then_some(column)
        });
        match unknown {
            Unknown::Refresh if missing.all(|column| own.contains(&column)) => Unknown::Mask,
            Unknown::Mask if own.len() < MOST_OWN => {
                own.extend(missing);
                unknown
            }
            unknown => unknown,
        }
    }

    /// Whether what was known when a cursor was declared is what is known now.
    pub(super) fn is_known_alike(&self, cursor: &Portal) -> bool {
        Arc::ptr_eq(&cursor.lineage, &self.lineage)
    }
}

#[cfg(test)]
mod tests;
