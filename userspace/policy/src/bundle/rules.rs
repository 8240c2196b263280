//! The policies of a bundle, ready to be asked, and what judgement needs to know of each.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cedar_policy::{Effect, PolicyId};

use super::{
    by_scope::Scoped,
    columns::Columns,
    counts::Counts,
    schemas::Schemas,
    templates::{Grant, Grantable},
};
use crate::vocabulary::Vocabulary;

/// All policies.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    /// Those that may apply to statements.
    pub(crate) commands: Scoped,
    /// The forbids that name a column.
    pub(crate) columns: Scoped,
    /// Those that may apply to `reveal`.
    pub(crate) reveals: Scoped,
    /// Those that may apply to `resolve`.
    pub(crate) lookups: Scoped,
    /// Those that look at `context.estimated_rows`.
    pub(crate) estimating: Scoped,
    /// What policies look at of how many rows there are.
    pub(crate) counts: Counts,
    /// The schemas that policies tell apart.
    pub(crate) schemas: Schemas,
    /// The columns that they name.
    pub(crate) named_columns: Columns,
    /// The groups that they name.
    pub(crate) groups: BTreeSet<String>,
    /// By id.
    pub(crate) about: HashMap<String, Rule>,
    /// The templates, by id.
    pub(crate) grantable: BTreeMap<String, Grantable>,
    /// The grants that are added to the policies as written.
    pub(super) granted: BTreeSet<Grant>,
}

/// What a policy says beside its condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Its place among all: by source name, then as written.
    pub(crate) order: usize,
    /// Permit or forbid.
    pub(crate) effect: Effect,
    /// `@message`.
    pub(crate) message: Option<String>,
    /// `@approvers`; never empty.
    pub(crate) approvers: Option<BTreeSet<String>>,
    /// `@approvals`: how many different people must answer; 1 where it doesn't say.
    pub(crate) approvals: u8,
    /// `@timeout`, in seconds.
    pub(crate) timeout_seconds: Option<u64>,
    /// Whether its condition looks at `context.approved`.
    pub(crate) asks: bool,
    /// `@always`: it holds for observed workloads too.
    pub(crate) always: bool,
    /// As it stands in its source.
    pub(crate) written: Written,
}

/// A policy as it stands in its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) text: String,
}

impl Rules {
    /// Takes one out of all sets.
    pub(super) fn remove(&mut self, id: &str) {
        let uid = PolicyId::new(id);
        for set in self.sets() {
            // Not each has it. What was granted is linked, not written.
            let all = set.change();
            if all.remove_static(uid.clone()).is_err() {
                drop(all.unlink(uid.clone()));
            }
        }
        self.about.remove(id);
    }

    /// The same, with every policy asked about everything.
    #[cfg(test)]
    pub(crate) fn unsorted(&self) -> Self {
        let mut unsorted = self.clone();
        for set in unsorted.sets() {
            set.change();
        }
        unsorted
    }

    /// Sorts all sets by what their policies can match. Without it every policy is asked about
    /// everything.
    pub(super) fn sort(&mut self, vocabulary: &Vocabulary) {
        for set in self.sets() {
            set.sort(vocabulary);
        }
    }

    fn sets(&mut self) -> [&mut Scoped; 5] {
        [
            &mut self.commands,
            &mut self.columns,
            &mut self.reveals,
            &mut self.lookups,
            &mut self.estimating,
        ]
    }

    /// What the policy with this id says.
    pub(crate) fn about(&self, id: &str) -> Option<&Rule> {
        self.about.get(id)
    }

    /// Ids in the order of their policies, each once. Cedar names deciding policies in no order.
    pub(crate) fn in_order<'a>(&self, ids: impl IntoIterator<Item = &'a PolicyId>) -> Vec<String> {
        let mut ids: Vec<(usize, &str)> = ids
            .into_iter()
            .map(|id| {
                let id: &str = id.as_ref();
                (self.about(id).map_or(usize::MAX, |rule| rule.order), id)
            })
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter().map(|(_, id)| id.to_owned()).collect()
    }
}
