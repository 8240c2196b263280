//! Judgement of a question to the DNS.

use super::{
    EVALUATION_ERROR, answer, answer::Court, combine, context, questions::Question,
    questions::Resource, unjudged::Unjudged, world::World,
};
use crate::{
    Clear, Lookup, Policies, Verdict,
    vocabulary::{RESOLVE, Vocabulary},
};

impl Policies {
    /// Judges whether a name may be looked up. The same request to the same bundle always gets the
    /// same verdict. The permit shows no data class clear: an answer of the DNS has none.
    #[must_use]
    pub fn judge_lookup(&self, lookup: &Lookup<'_>) -> Verdict {
        let question = Question {
            action: RESOLVE,
            resource: Resource::Host {
                name: lookup.host,
                declared: lookup.context.declared,
            },
            access: "none",
            guessed: false,
            alias: false,
        };
        match self.answer_lookup(lookup, question) {
            Ok(answer) => combine::verdict(
                &[(question, answer)],
                &self.rules,
                self.version(),
                "",
                Clear::default(),
            ),
            Err(unjudged) => Verdict::Deny(self.refusal(EVALUATION_ERROR, unjudged.message())),
        }
    }

    fn answer_lookup(
        &self,
        lookup: &Lookup<'_>,
        question: Question<'_>,
    ) -> Result<answer::Answer, Unjudged> {
        let vocabulary: &Vocabulary = self.vocabulary;
        let mut world = World::without_target(vocabulary);
        let principal = world.subject(lookup.subject)?;
        let resource = world.resource(question.resource)?;
        let entities = world.finish()?;
        let court = Court {
            policies: &self.rules.lookups,
            ..self.court(&entities)
        };
        let action = vocabulary
            .action(RESOLVE)
            .ok_or(Unjudged::NotInSchema(RESOLVE))?;
        let contexts = context::of_lookup(lookup)?;
        court.answer(&principal, action, &resource, &contexts)
    }
}
