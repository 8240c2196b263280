//! The policies of a bundle, ready to be asked, and what judgement needs to know of each.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cedar_policy::{Effect, EntityUid, PolicyId, PolicySet};

use super::{by_action::ByAction, columns::Columns, schemas::Schemas, templates::Grantable};
use crate::vocabulary::Vocabulary;

/// All policies.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    /// Those that may apply to statements.
    pub(crate) commands: PolicySet,
    /// The same by action.
    pub(super) by_action: ByAction,
    /// The forbids that name a column.
    pub(crate) columns: PolicySet,
    /// Those that may apply to `reveal`.
    pub(crate) reveals: PolicySet,
    /// Those that may apply to `resolve`.
    pub(crate) lookups: PolicySet,
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
        for set in [
            &mut self.commands,
            &mut self.columns,
            &mut self.reveals,
            &mut self.lookups,
        ] {
            // Not each has it.
            let _absent = set.remove_static(uid.clone());
        }
        self.by_action = ByAction::default();
        self.about.remove(id);
    }

    /// The same, with every policy asked about every action.
    #[cfg(test)]
    pub(crate) fn without_index(&self) -> Self {
        Self {
            by_action: ByAction::default(),
            ..self.clone()
        }
    }

    /// Must follow each change of `commands`. Where they can't be sorted, all are asked.
    pub(super) fn sort_by_action(&mut self, vocabulary: &Vocabulary) {
        self.by_action = ByAction::of(&self.commands, vocabulary).unwrap_or_default();
    }

    /// Those that may apply to a statement that is this action.
    pub(crate) fn of_action(&self, action: &EntityUid) -> &PolicySet {
        self.by_action.of_action(action).unwrap_or(&self.commands)
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
