//! The policies about statements, by the actions that their scopes can match: of many policies few are
//! about one action, and Cedar would look at each.
//!
//! What is left out is what Cedar would find not to apply by the scope alone, before it evaluates
//! anything; so nothing is lost, errors included. A test compares.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use cedar_policy::{ActionConstraint, EntityUid, Policy, PolicyId, PolicySet};

use crate::vocabulary::Vocabulary;

/// Policies by action.
#[derive(Clone, Debug, Default)]
pub(crate) struct ByAction(HashMap<EntityUid, Arc<PolicySet>>);

impl ByAction {
    /// Sorts policies.
    pub(super) fn of(policies: &PolicySet, vocabulary: &Vocabulary) -> Option<Self> {
        let actions = vocabulary.schema().action_entities().ok()?;
        // Many actions have the same policies: those are kept once.
        let mut known: HashMap<BTreeSet<PolicyId>, Arc<PolicySet>> = HashMap::new();
        let mut sorted = HashMap::new();
        for action in vocabulary.actions() {
            let mut groups: BTreeSet<&EntityUid> = BTreeSet::from([action]);
            groups.extend(actions.ancestors(action).into_iter().flatten());
            let matching = || policies.policies().filter(|one| may_match(one, &groups));
            let ids: BTreeSet<PolicyId> = matching().map(|policy| policy.id().clone()).collect();
            let set = known.entry(ids).or_insert_with(|| {
                // What is granted is linked to a template and can't be taken out of its set: then
                // all are asked.
                Arc::new(
                    PolicySet::from_policies(matching().cloned())
                        .unwrap_or_else(|_| policies.clone()),
                )
            });
            sorted.insert(action.clone(), Arc::clone(set));
        }
        Some(Self(sorted))
    }

    /// Those that may match an action.
    pub(crate) fn of_action(&self, action: &EntityUid) -> Option<&PolicySet> {
        self.0.get(action).map(AsRef::as_ref)
    }
}

fn may_match(policy: &Policy, groups: &BTreeSet<&EntityUid>) -> bool {
    match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(action) => groups.contains(&action),
        ActionConstraint::In(actions) => actions.iter().any(|action| groups.contains(action)),
    }
}
