//! What a statement was judged by, in the words of policy.

use serde::Serialize;

use super::{facts::Facts, questions};
use crate::{Clear, Policies, Request};

/// The facts of one statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StatementFacts {
    /// What it asks for.
    pub verb: &'static str,
    /// What was asked of policy, an action and a resource each.
    pub questions: Vec<Asked>,
    /// `context.predicate`.
    pub predicate: &'static str,
    /// `context.effects`.
    pub effects: Vec<&'static str>,
    /// `context.functions`.
    pub functions: Vec<String>,
    /// `context.columns_read`.
    pub columns_read: Vec<String>,
    /// `context.columns_written`.
    pub columns_written: Vec<String>,
    /// `context.all_columns`.
    pub all_columns: bool,
    /// `context.all_columns_written`.
    pub all_columns_written: bool,
    /// `context.masked`.
    pub masked: Vec<String>,
    /// `context.predicates_sensitive`.
    pub predicates_sensitive: Vec<String>,
    /// `context.predicates_all_columns`.
    pub predicates_all_columns: bool,
    /// `context.row_limit`.
    pub row_limit: Option<i64>,
    /// `context.gathers_rows`.
    pub gathers_rows: bool,
    /// `context.copies_out`.
    pub copies_out: bool,
    /// `context.estimated_rows`.
    pub estimated_rows: Option<u64>,
    /// `context.setting`.
    pub setting: Option<String>,
    /// `context.opaque_reason`.
    pub opaque_reason: Option<&'static str>,
}

/// One question to policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// The action.
    pub action: &'static str,
    /// The resource's id.
    pub resource: String,
    /// How it is used.
    pub access: &'static str,
}

impl Policies {
    pub(crate) fn statement_facts(&self, request: &Request<'_>, clear: &Clear) -> StatementFacts {
        let facts = Facts::asked(request);
        let (schemas, columns) = (&self.rules.schemas, &self.rules.named_columns);
        let questions = questions::of(facts, request.target, schemas, columns);
        let hidden = self.hidden(facts, request.target, clear);
        let owned = |names: &mut dyn Iterator<Item = &str>| names.map(str::to_owned).collect();
        StatementFacts {
            verb: facts.action(),
            questions: questions
                .into_iter()
                .flatten()
                .map(|question| Asked {
                    action: question.action,
                    resource: question.resource.id(&request.target.name),
                    access: question.access,
                })
                .collect(),
            predicate: facts.predicate(),
            effects: facts.effects(),
            functions: owned(&mut facts.functions()),
            columns_read: owned(&mut facts.columns_read()),
            columns_written: owned(&mut facts.columns_written()),
            all_columns: facts.all_columns(),
            all_columns_written: facts.all_columns_written(),
            masked: hidden.masked.iter().map(ToString::to_string).collect(),
            predicates_sensitive: hidden.deciding.iter().map(ToString::to_string).collect(),
            predicates_all_columns: facts.all_deciding(),
            row_limit: facts.row_limit(request.context.rows.limit),
            gathers_rows: facts.gathers(),
            copies_out: facts.copies_out(),
            estimated_rows: request.context.rows.estimated,
            setting: facts.setting().map(|(name, _)| name.to_owned()),
            opaque_reason: facts.opaque_reason(),
        }
    }
}
