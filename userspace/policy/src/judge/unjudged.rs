//! Why a question got no answer. Every one of these is a deny.

use cedar_policy::{
    ContextCreationError, EntityAttrEvaluationError, ExpressionConstructionError,
    RequestValidationError, entities_errors::EntitiesError,
};

/// Longest text of Cedar's that goes into a refusal, in characters.
const MAX_SHOWN: usize = 200;

/// No answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unjudged {
    /// A policy failed, or one that Cedar would have skipped.
    #[error("the policy `{id}` could not be evaluated: {why}")]
    Policy { id: String, why: String },
    /// The schema and this crate have drifted apart.
    #[error("the policy schema has no `{0}`")]
    NotInSchema(&'static str),
    /// What lies in a target was asked about where there is none.
    #[error("the request names no target")]
    NoTarget,
    /// A resource could not be described.
    #[error("the facts of the request could not be put: {0}")]
    Attribute(#[from] Box<EntityAttrEvaluationError>),
    /// The resources contradict each other or the schema.
    #[error("the facts of the request don't fit the policy schema: {0}")]
    Entities(#[from] Box<EntitiesError>),
    /// The circumstances could not be described.
    #[error("the facts of the request could not be put: {0}")]
    Context(#[from] Box<ContextCreationError>),
    /// The same, of one of its records.
    #[error("the facts of the request could not be put: {0}")]
    Record(#[from] Box<ExpressionConstructionError>),
    /// The question is none that the schema knows.
    #[error("the request doesn't fit the policy schema: {0}")]
    Request(#[from] Box<RequestValidationError>),
}

impl Unjudged {
    /// For the refusal: one line of bounded length, whatever names the statement held.
    pub(super) fn message(&self) -> String {
        let text = self.to_string();
        let mut shown: String = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(MAX_SHOWN)
            .collect();
        if text.chars().nth(MAX_SHOWN).is_some() {
            shown.push('…');
        }
        shown
    }
}
