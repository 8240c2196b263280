//! Judgement: one statement to one verdict.
//!
//! Job: put the statement's questions to Cedar, and combine the answers. Each object is judged by
//! the statement's action, and by the action that its use implies (what an `INSERT` reads needs
//! `select`); the strictest verdict holds. What can't be judged is denied.
//!
//! Not its job: reading statements (`weir-command`), holding an ask (the agent's `approve` room).
//!
//! Known limits: what a function reads is not seen, and what a view reads only where a catalogue was
//! asked ([`Names`](crate::Names)); a relation's schema is known only where the statement or a
//! catalogue names it, else see the bundle's `schemas`.

use std::{collections::BTreeSet, iter};

use cedar_policy::EntityUid;

use crate::{
    Clear, Context, DataClass, Policies, Refusal, Request, Subject, Target, Verdict,
    vocabulary::REVEAL,
};

mod answer;
mod combine;
mod context;
mod facts;
mod lookup;
mod message;
mod questions;
pub(crate) mod suggest;
mod told;
mod unjudged;
mod world;

#[cfg(test)]
pub(crate) mod tests;

use answer::Court;
use context::Hidden;
pub(crate) use facts::{Facts, effect_name};
pub use message::Asking;
use questions::Resource;
pub use told::{Asked, StatementFacts};
use unjudged::Unjudged;
use world::World;

/// The rule of a refusal when no policy permits.
pub(crate) const DEFAULT_DENY: &str = "default-deny";
/// The rule of a refusal when a policy could not be evaluated.
pub(crate) const EVALUATION_ERROR: &str = "evaluation-error";
/// The rule of a refusal when a statement names more than is judged.
pub(crate) const TOO_LARGE: &str = "too-large";

impl Policies {
    /// Judges one statement. The same request to the same bundle always gets the same verdict.
    #[must_use]
    pub fn judge(&self, request: &Request<'_>) -> Verdict {
        let facts = Facts::asked(request);
        let too_large = |what| {
            let message = format!("this statement names too many {what} to be judged");
            Verdict::Deny(self.refusal(TOO_LARGE, message))
        };
        if let Some(what) = facts.too_many() {
            return too_large(what);
        }
        let Some(questions) = questions::of(
            facts,
            request.target,
            &self.rules.schemas,
            &self.rules.named_columns,
        ) else {
            return too_large("objects");
        };
        let clear = self.clear(request.subject, request.target, request.context);
        let hidden = self.hidden(facts, request.target, &clear);
        match self.answers(request, facts, questions, &hidden) {
            Ok(answers) => {
                let target = &request.target.name;
                combine::verdict(&answers, &self.rules, self.version(), target, clear)
            }
            Err(unjudged) => Verdict::Deny(self.refusal(EVALUATION_ERROR, unjudged.message())),
        }
    }

    /// Which data classes the subject may see clear on the target: those that `reveal` permits
    /// without error.
    #[must_use]
    pub fn clear(&self, subject: &Subject, target: &Target, context: &Context) -> Clear {
        if self.rules.reveals.is_empty() {
            return Clear::default();
        }
        // What can't be asked is not permitted.
        self.revealed(subject, target, context).unwrap_or_default()
    }

    fn revealed(
        &self,
        subject: &Subject,
        target: &Target,
        context: &Context,
    ) -> Result<Clear, Unjudged> {
        let action = self
            .vocabulary
            .action(REVEAL)
            .ok_or(Unjudged::NotInSchema(REVEAL))?;
        let mut world = World::new(self.vocabulary, target)?;
        let groups = world.groups(subject)?;
        let principal = world.subject(subject)?;
        let principals: Vec<&EntityUid> = iter::once(&principal).chain(&groups).collect();
        let mut classes = Vec::new();
        // Few classes are anybody's to see: the world need not have the others.
        for class in self.masking().classes() {
            let lineage = world.lineage_of_class(class)?;
            let resources = lineage.each_ref();
            let mut policies = self.rules.reveals.about(&principals, action, &resources);
            if policies.next().is_some() {
                classes.push((class, world.data_class(class)?));
            }
        }
        if classes.is_empty() {
            return Ok(Clear::default());
        }
        let entities = world.finish()?;
        let court = Court {
            policies: &self.rules.reveals,
            ..self.court(&entities)
        };
        let context = context::of_reveal(context, subject)?;
        // A policy that fails for one class says nothing of the others.
        let shown = classes.into_iter().filter(|(_, resource)| {
            let said = court.ask(&principal, action, resource, context.clone());
            said.is_ok_and(|said| said.is_allowed())
        });
        Ok(Clear::new(shown.map(|(class, _)| class.clone()).collect()))
    }

    /// What the subject may not see of what the statement names.
    fn hidden<'a>(&'a self, facts: Facts<'a>, target: &Target, clear: &Clear) -> Hidden<'a> {
        let traced = facts.traced();
        let named = traced.map(|(named, _)| named);
        let deciding = traced.map(|(_, deciding)| deciding);
        Hidden {
            masked: self.classes(facts, (facts.columns(), named), target, clear),
            deciding: self.classes(facts, (facts.deciding(), deciding), target, clear),
        }
    }

    /// The classes of these columns of the statement, and those that a catalogue adds, without those
    /// the subject may see.
    fn classes<'a>(
        &'a self,
        facts: Facts<'a>,
        (columns, traced): (Option<&BTreeSet<String>>, Option<&'a BTreeSet<DataClass>>),
        target: &Target,
        clear: &Clear,
    ) -> BTreeSet<&'a DataClass> {
        let mut classes: BTreeSet<&DataClass> = traced.into_iter().flatten().collect();
        for object in facts.objects() {
            let database = object.database.as_deref().unwrap_or(&target.database);
            let names = (
                target.name.as_str(),
                database,
                object.schema.as_deref(),
                &*object.name,
            );
            if let Some(columns) = columns {
                self.masking().add_classes(&mut classes, names, columns);
            }
        }
        classes.retain(|class| !clear.shows(class));
        classes
    }

    fn answers<'q>(
        &self,
        request: &Request<'_>,
        facts: Facts<'_>,
        questions: Vec<questions::Question<'q>>,
        hidden: &Hidden<'_>,
    ) -> Result<Vec<(questions::Question<'q>, answer::Answer)>, Unjudged> {
        let (subject, context) = (request.subject, request.context);
        let contexts = context::of_statement(facts, context, subject, hidden, &questions)?;
        let mut world = World::new(self.vocabulary, request.target)?;
        let principal = world.subject(subject)?;
        let mut asked = Vec::with_capacity(questions.len());
        for question in questions {
            asked.push((question, world.resource(question.resource)?));
        }
        let entities = world.finish()?;
        let court = self.court(&entities);
        let mut answers = Vec::with_capacity(asked.len());
        for (question, resource) in asked {
            let action = self.vocabulary.action(question.action);
            let action = action.ok_or(Unjudged::NotInSchema(question.action))?;
            let contexts = contexts
                .get(question.access)
                .ok_or(Unjudged::NotInSchema("access"))?;
            let answer = match question.resource {
                _ if question.only_forbids() => {
                    let policies = match question.resource {
                        Resource::Column { .. } => &self.rules.columns,
                        _ => &self.rules.commands,
                    };
                    let court = Court { policies, ..court };
                    court.forbids(&principal, action, &resource, contexts)?
                }
                _ => Some(court.answer(&principal, action, &resource, contexts)?),
            };
            answers.extend(answer.map(|answer| (question, answer)));
        }
        Ok(answers)
    }

    fn court<'a>(&'a self, entities: &'a cedar_policy::Entities) -> Court<'a> {
        Court {
            authorizer: &self.authorizer,
            policies: &self.rules.commands,
            schema: self.vocabulary.schema(),
            entities,
        }
    }

    fn refusal(&self, rule: &str, message: String) -> Refusal {
        Refusal {
            rule: rule.to_owned(),
            message,
            deciding: Vec::new(),
            version: self.version().clone(),
        }
    }
}
