//! The answer to one question: Cedar asked once, or twice where a human's yes might do.

use cedar_policy::{
    AuthorizationError, Authorizer, Context as CedarContext, Decision, Entities, EntityUid,
    PolicyId, PolicySet, Request, Response, Schema,
};

use super::{context::Pair, unjudged::Unjudged};

/// Whom to ask, about what world.
#[derive(Clone, Copy)]
pub(super) struct Court<'a> {
    pub(super) authorizer: &'a Authorizer,
    pub(super) policies: &'a PolicySet,
    pub(super) schema: &'a Schema,
    pub(super) entities: &'a Entities,
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
    /// Cedar's response. A policy that fails to evaluate leaves no answer, though Cedar itself
    /// would skip it: a forbid must not be lost to its own bug.
    pub(super) fn ask(
        self,
        principal: &EntityUid,
        action: &EntityUid,
        resource: &EntityUid,
        context: CedarContext,
    ) -> Result<Response, Unjudged> {
        let request = Request::new(
            principal.clone(),
            action.clone(),
            resource.clone(),
            context,
            Some(self.schema),
        )
        .map_err(Box::new)?;
        let response = self
            .authorizer
            .is_authorized(&request, self.policies, self.entities);
        let failed = response.diagnostics().errors().map(|error| {
            let AuthorizationError::PolicyEvaluationError(error) = error;
            let id: &str = error.policy_id().as_ref();
            Unjudged::Policy {
                id: id.to_owned(),
                why: error.inner().to_string(),
            }
        });
        // Cedar tells them in no order; the refusal should always name the same.
        let failed = failed.min_by_key(Unjudged::to_string);
        failed.map_or(Ok(response), Err)
    }

    /// The answer to a question about a statement.
    pub(super) fn answer(
        self,
        principal: &EntityUid,
        action: &EntityUid,
        resource: &EntityUid,
        contexts: &Pair,
    ) -> Result<Answer, Unjudged> {
        let plain = self.ask(principal, action, resource, contexts.plain.clone())?;
        if plain.decision() == Decision::Allow {
            return Ok(Answer::Allow(reasons(&plain)));
        }
        let approved = self.ask(principal, action, resource, contexts.approved.clone())?;
        Ok(match approved.decision() {
            Decision::Allow => Answer::Ask {
                permits: reasons(&approved),
                lifted: reasons(&plain),
            },
            // What a human's yes would not lift is the reason to give.
            Decision::Deny => Answer::Deny(reasons(&approved)),
        })
    }
}

impl Court<'_> {
    /// What forbids say about a column; none where they say nothing. What permits it is that its
    /// relation is permitted.
    pub(super) fn forbids(
        self,
        principal: &EntityUid,
        action: &EntityUid,
        resource: &EntityUid,
        contexts: &Pair,
    ) -> Result<Option<Answer>, Unjudged> {
        let plain = self.ask(principal, action, resource, contexts.plain.clone())?;
        let lifted = reasons(&plain);
        if lifted.is_empty() {
            return Ok(None);
        }
        let approved = self.ask(principal, action, resource, contexts.approved.clone())?;
        let left = reasons(&approved);
        Ok(Some(if left.is_empty() {
            let permits = Vec::new();
            Answer::Ask { permits, lifted }
        } else {
            Answer::Deny(left)
        }))
    }
}

fn reasons(response: &Response) -> Vec<PolicyId> {
    response.diagnostics().reason().cloned().collect()
}
