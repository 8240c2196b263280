//! Where the values are that an agent saw masked: known from a command's outcome, which is on record
//! behind what the agent saw.

use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
};

use weir_record::{Entry, Event, Identities, MaskedColumns, Outcome, Seq, SessionReader};

/// What the outcomes of each command tell, in the order in which they come.
#[derive(Debug, Default)]
pub(super) struct Masks {
    told: BTreeMap<Seq, VecDeque<Vec<MaskedColumns>>>,
    /// Statements that were completed since the command's last outcome.
    completed: BTreeMap<Seq, u32>,
}

impl Masks {
    /// Reads a record ahead; what of it can't be read, whoever tells it will say.
    pub(super) fn ahead(record: &Path, identities: Option<&Identities>) -> Self {
        let mut masks = Self::default();
        let entries = SessionReader::open_with(record, identities)
            .into_iter()
            .flatten();
        for entry in entries.map_while(Result::ok) {
            if let Entry::Event(Event::Outcome { seq, outcome }) = entry {
                masks.expect(seq, &outcome);
            }
        }
        masks
    }

    /// Notes what is to come.
    pub(super) fn expect(&mut self, seq: Seq, outcome: &Outcome) {
        let told = self.told.entry(seq).or_default();
        told.push_back(outcome.masked_columns.clone());
    }

    /// Whether this column, counted from 0, of the result of the statement under way is masked.
    pub(super) fn masks(&self, seq: Seq, column: usize) -> bool {
        let completed = self.completed.get(&seq).copied().unwrap_or(0);
        let told = self.told.get(&seq).and_then(VecDeque::front);
        told.into_iter()
            .flatten()
            .filter(|told| told.statement == completed)
            .flat_map(|told| &told.columns)
            .any(|masked| usize::from(*masked) == column)
    }

    /// A statement of the command was completed.
    pub(super) fn complete(&mut self, seq: Seq) {
        let completed = self.completed.entry(seq).or_default();
        *completed = completed.saturating_add(1);
    }

    /// The command's outcome was told.
    pub(super) fn settle(&mut self, seq: Seq) {
        self.completed.remove(&seq);
        if let Some(told) = self.told.get_mut(&seq) {
            told.pop_front();
            if told.is_empty() {
                self.told.remove(&seq);
            }
        }
    }
}
