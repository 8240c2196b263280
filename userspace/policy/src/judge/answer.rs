//! The answer to one question: Cedar asked once, or twice where a human's yes might do.

use std::iter;

use cedar_policy::{
    AuthorizationError, Authorizer, Context as CedarContext, Decision, Entities, EntityUid,
    PolicyId, Request, Schema,
};

use super::{context::Pair, unjudged::Unjudged};
use crate::bundle::Scoped;

/// Whom to ask, about what world.
#[derive(Clone, Copy)]
pub(super) struct Court<'a> {
    pub(super) authorizer: &'a Authorizer,
    pub(super) policies: &'a Scoped,
    pub(super) schema: &'a Schema,
    pub(super) entities: &'a Entities,
}

/// What policies say of one question.
#[derive(Debug, Default)]
pub(super) struct Said {
    permits: Vec<PolicyId>,
    forbids: Vec<PolicyId>,
}

impl Said {
    /// Whether it is permitted, and forbidden by none.
    pub(super) fn is_allowed(&self) -> bool {
        self.forbids.is_empty() && !self.permits.is_empty()
    }
}

/// What a question comes to.
#[derive(Debug)]
pub(super) enum Answer {
    /// Permitted by these.
    Allow(Vec<PolicyId>),
    /// With a human's yes, permitted by `permits`; `lifted` are the forbids that it would lift.
    Ask {
        permits: Vec<PolicyId>,
        lifted: Vec<PolicyId>,
    },
    /// Forbidden by these, or, where there are none, permitted by nobody.
    Deny(Vec<PolicyId>),
}

impl Court<'_> {
    /// What Cedar says, of each set of policies that may have a say: a permit of one and a forbid of
    /// another come together as they would in one set. A policy that fails to evaluate leaves no
    /// answer, though Cedar itself would skip it: a forbid must not be lost to its own bug.
    pub(super) fn ask(
        self,
        principal: &EntityUid,
        action: &EntityUid,
        resource: &EntityUid,
        context: CedarContext,
    ) -> Result<Said, Unjudged> {
        let request = Request::new(
            principal.clone(),
            action.clone(),
            resource.clone(),
            context,
            Some(self.schema),
        )
        .map_err(Box::new)?;
        let mut said = Said::default();
        let mut failed: Vec<Unjudged> = Vec::new();
        let (principals, resources) = (self.lineage(principal), self.lineage(resource));
        for policies in self.policies.about(&principals, action, &resources) {
            let response = self
                .authorizer
                .is_authorized(&request, policies, self.entities);
            failed.extend(response.diagnostics().errors().map(|error| {
                let AuthorizationError::PolicyEvaluationError(error) = error;
                let id: &str = error.policy_id().as_ref();
                Unjudged::Policy {
                    id: id.to_owned(),
                    why: error.inner().to_string(),
                }
            }));
            let reasons = response.diagnostics().reason().cloned();
            match response.decision() {
                Decision::Allow => said.permits.extend(reasons),
                Decision::Deny => said.forbids.extend(reasons),
            }
        }
        // Cedar tells them in no order; the refusal should always name the same.
        let failed = failed.into_iter().min_by_key(Unjudged::to_string);
        failed.map_or(Ok(said), Err)
    }

    /// An entity, and all that it is in.
    fn lineage<'e>(&'e self, entity: &'e EntityUid) -> Vec<&'e EntityUid> {
        let above = self.entities.ancestors(entity).into_iter().flatten();
        iter::once(entity).chain(above).collect()
    }

    /// The answer to a question about a statement.
    pub(super) fn answer(
        self,
        principal: &EntityUid,
        action: &EntityUid,
        resource: &EntityUid,
        contexts: &Pair,
    ) -> Result<Answer, Unjudged> {
        let plain = self.ask(principal, action, resource, contexts.plain())?;
        if plain.is_allowed() {
            return Ok(Answer::Allow(plain.permits));
        }
        let approved = self.ask(principal, action, resource, contexts.approved()?)?;
        Ok(if approved.is_allowed() {
            Answer::Ask {
                permits: approved.permits,
                lifted: plain.forbids,
            }
        } else {
            // What a human's yes would not lift is the reason to give.
            Answer::Deny(approved.forbids)
        })
    }

    /// What forbids say about a column; none where they say nothing. What permits it is that its
    /// relation is permitted.
    pub(super) fn forbids(
        self,
        principal: &EntityUid,
        action: &EntityUid,
        resource: &EntityUid,
        contexts: &Pair,
    ) -> Result<Option<Answer>, Unjudged> {
        let lifted = self
            .ask(principal, action, resource, contexts.plain())?
            .forbids;
        if lifted.is_empty() {
            return Ok(None);
        }
        let left = self
            .ask(principal, action, resource, contexts.approved()?)?
            .forbids;
        Ok(Some(if left.is_empty() {
            let permits = Vec::new();
            Answer::Ask { permits, lifted }
        } else {
            Answer::Deny(left)
        }))
    }
}
