//! Policies by what their scopes can match: of many, few are about one subject, one action and one
//! resource, and Cedar would evaluate each.
//!
//! **Nothing is lost.** What is left out is what Cedar would find not to apply by the scope alone,
//! before it evaluates anything that could fail: `==` and `in` of the scope match an entity and what
//! it is in, and those are looked up by the very ancestors that Cedar goes by. A test compares.
//!
//! Known limits: conditions are not looked into. A policy about any principal and any resource that
//! says `when { resource in Weir::Target::"crm" }` is evaluated for every target.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use cedar_policy::{
    ActionConstraint, EntityUid, Policy, PolicyId, PolicySet, PolicySetError, PrincipalConstraint,
    ResourceConstraint,
};

use crate::vocabulary::Vocabulary;

/// Policies that may be asked about one kind of question.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scoped {
    all: PolicySet,
    /// Empty where they are not sorted: then all are asked.
    by_action: HashMap<EntityUid, Arc<ByHead>>,
}

/// By principal, then by resource.
type ByHead = By<By<Arc<PolicySet>>>;

/// Something for whatever is asked about, and something for each that scopes name.
#[derive(Debug)]
struct By<T> {
    any: Option<T>,
    named: HashMap<EntityUid, T>,
}

/// A policy with what its scope names; `None` is anything.
struct Headed<'a> {
    policy: &'a Policy,
    principal: Option<EntityUid>,
    action: ActionConstraint,
    resource: Option<EntityUid>,
}

impl Scoped {
    /// All of them, to be changed. From here on each is asked, until they are
    /// [sorted](Self::sort) again.
    pub(super) fn change(&mut self) -> &mut PolicySet {
        self.by_action.clear();
        &mut self.all
    }

    /// Sorts them. Where that can't be done, all are asked.
    pub(super) fn sort(&mut self, vocabulary: &Vocabulary) {
        self.by_action = by_action(&self.all, vocabulary).unwrap_or_default();
    }

    /// Whether one of them may apply to something that is done so.
    pub(crate) fn speak_of(&self, action: &EntityUid) -> bool {
        match self.by_action.get(action) {
            Some(by_head) => by_head.any.is_some() || !by_head.named.is_empty(),
            None => self.by_action.is_empty() && !self.all.is_empty(),
        }
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Those that may apply to what is asked, in sets that share none. `principals` and `resources`
    /// are the entity and all that it is in.
    pub(crate) fn about<'a>(
        &'a self,
        principals: &[&EntityUid],
        action: &EntityUid,
        resources: &[&EntityUid],
    ) -> impl Iterator<Item = &'a PolicySet> {
        let by_head = self.by_action.get(action).into_iter();
        let by_resource = by_head.flat_map(move |by_head| by_head.of(principals));
        let sorted = by_resource.flat_map(move |by_resource| by_resource.of(resources));
        let unsorted = self.by_action.is_empty().then_some(&self.all);
        unsorted.into_iter().chain(sorted.map(AsRef::as_ref))
    }

    /// All of them.
    #[cfg(test)]
    pub(crate) fn policies(&self) -> impl Iterator<Item = &Policy> {
        self.all.policies()
    }
}

impl<T> By<T> {
    fn of(&self, names: &[&EntityUid]) -> impl Iterator<Item = &T> {
        let named = names.iter().filter_map(|name| self.named.get(name));
        self.any.iter().chain(named)
    }

    fn try_map<U, E>(self, mut map: impl FnMut(T) -> Result<U, E>) -> Result<By<U>, E> {
        let any = self.any.map(&mut map).transpose()?;
        let named = self.named.into_iter();
        let named = named.map(|(name, one)| Ok((name, map(one)?)));
        Ok(By {
            any,
            named: named.collect::<Result<_, E>>()?,
        })
    }
}

impl<T> Default for By<T> {
    fn default() -> Self {
        Self {
            any: None,
            named: HashMap::new(),
        }
    }
}

impl<T: Default> By<T> {
    fn entry(&mut self, name: Option<EntityUid>) -> &mut T {
        match name {
            None => self.any.get_or_insert_default(),
            Some(name) => self.named.entry(name).or_default(),
        }
    }
}

impl<'a> Headed<'a> {
    fn of(policy: &'a Policy) -> Self {
        Self {
            policy,
            principal: match policy.principal_constraint() {
                PrincipalConstraint::Any | PrincipalConstraint::Is(_) => None,
                PrincipalConstraint::Eq(name)
                | PrincipalConstraint::In(name)
                | PrincipalConstraint::IsIn(_, name) => Some(name),
            },
            action: policy.action_constraint(),
            resource: match policy.resource_constraint() {
                ResourceConstraint::Any | ResourceConstraint::Is(_) => None,
                ResourceConstraint::Eq(name)
                | ResourceConstraint::In(name)
                | ResourceConstraint::IsIn(_, name) => Some(name),
            },
        }
    }

    fn may_be_about(&self, action_and_groups: &BTreeSet<&EntityUid>) -> bool {
        match &self.action {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(action) => action_and_groups.contains(action),
            ActionConstraint::In(actions) => actions
                .iter()
                .any(|action| action_and_groups.contains(action)),
        }
    }
}

fn by_action(all: &PolicySet, vocabulary: &Vocabulary) -> Option<HashMap<EntityUid, Arc<ByHead>>> {
    let actions = vocabulary.schema().action_entities().ok()?;
    let policies: Vec<Headed<'_>> = all.policies().map(Headed::of).collect();
    // Many actions have the same policies, and many heads have the same for all actions: each
    // set is kept once.
    let mut known: HashMap<Vec<usize>, Arc<ByHead>> = HashMap::new();
    let mut sets: HashMap<BTreeSet<PolicyId>, Arc<PolicySet>> = HashMap::new();
    let mut by_action = HashMap::new();
    for action in vocabulary.actions() {
        let mut groups: BTreeSet<&EntityUid> = BTreeSet::from([action]);
        groups.extend(actions.ancestors(action).into_iter().flatten());
        let matching: Vec<usize> = policies
            .iter()
            .enumerate()
            .filter(|(_, policy)| policy.may_be_about(&groups))
            .map(|(index, _)| index)
            .collect();
        let by_head = match known.get(&matching) {
            Some(by_head) => Arc::clone(by_head),
            None => {
                let matching_policies = matching.iter().filter_map(|index| policies.get(*index));
                let by_head = Arc::new(by_head(all, matching_policies, &mut sets)?);
                known.insert(matching, Arc::clone(&by_head));
                by_head
            }
        };
        by_action.insert(action.clone(), by_head);
    }
    Some(by_action)
}

fn by_head<'a>(
    all: &PolicySet,
    policies: impl Iterator<Item = &'a Headed<'a>>,
    sets: &mut HashMap<BTreeSet<PolicyId>, Arc<PolicySet>>,
) -> Option<ByHead> {
    let mut sorted: By<By<Vec<&Policy>>> = By::default();
    for Headed {
        policy,
        principal,
        resource,
        ..
    } in policies
    {
        let by_resource = sorted.entry(principal.clone());
        by_resource.entry(resource.clone()).push(policy);
    }
    sorted
        .try_map(|by_resource| {
            by_resource.try_map(|policies| {
                let ids = policies.iter().map(|policy| policy.id().clone()).collect();
                if let Some(set) = sets.get(&ids) {
                    return Ok(Arc::clone(set));
                }
                let set = Arc::new(set_of(all, &policies)?);
                sets.insert(ids, Arc::clone(&set));
                Ok::<_, Box<PolicySetError>>(set)
            })
        })
        .ok()
}

/// A set of some of the policies. What is linked to a template brings it along.
fn set_of(all: &PolicySet, policies: &[&Policy]) -> Result<PolicySet, Box<PolicySetError>> {
    let mut set = PolicySet::new();
    for policy in policies {
        let template = policy.template_id().and_then(|id| all.template(id));
        match (template, policy.template_links()) {
            (Some(template), Some(values)) => {
                if set.template(template.id()).is_none() {
                    set.add_template(template.clone())?;
                }
                set.link(template.id().clone(), policy.id().clone(), values)?;
            }
            _ => set.add(Policy::clone(policy))?,
        }
    }
    Ok(set)
}
