//! Which intents a batch has told in full, so that the next of the same kind needs no more than to
//! say so. An agent's driver sends the same statement again and again.

use std::sync::Arc;

use weir_command::Statement;
use weir_policy::PolicyVersion;

use crate::{
    Circumstances,
    borrowed::{IntentRef, ReadAs, Statements, VerdictRef},
};

/// How many are remembered: a pipeline repeats few.
const MOST: usize = 8;
/// Longer texts are told each time: remembering them would cost more than it saves.
const MOST_TEXT: usize = 8 << 10;

/// The intents that were told in full.
#[derive(Debug, Default)]
pub(crate) struct Told(Vec<One>);

/// All of an intent that isn't its number, its time and its parameters.
#[derive(Debug)]
struct One {
    number: u32,
    text: String,
    statements: Arc<[Statement]>,
    policies: Vec<String>,
    only_prepares: bool,
    policy_version: PolicyVersion,
    context: Option<Circumstances>,
}

impl Told {
    /// The entry that tells all of this intent but its number, its time and its parameters.
    pub(crate) fn find(&self, intent: &IntentRef<'_>) -> Option<u32> {
        let (policies, only_prepares, statements) = plain(intent)?;
        let found = self.0.iter().find(|one| {
            one.text == intent.text
                && one.context == intent.context
                && one.only_prepares == only_prepares
                && one.policy_version == *intent.policy_version
                && one.policies == policies
                && statements.is(&one.statements)
        });
        found.map(|one| one.number)
    }

    /// Notes that this entry tells the intent in full.
    pub(crate) fn remember(&mut self, number: u32, intent: &IntentRef<'_>) {
        let Some((policies, only_prepares, statements)) = plain(intent) else {
            return;
        };
        if self.0.len() >= MOST || intent.text.len() > MOST_TEXT {
            return;
        }
        self.0.push(One {
            number,
            text: intent.text.to_owned(),
            statements: statements.share(),
            policies: policies.to_vec(),
            only_prepares,
            policy_version: intent.policy_version.clone(),
            context: intent.context,
        });
    }

    /// Forgets all: another batch begins.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

/// The policies that simply allowed an intent, whether it only prepares, and what was read in it.
/// Whatever is more than that is told in full.
fn plain<'a>(intent: &IntentRef<'a>) -> Option<(&'a [String], bool, ReadAs<'a>)> {
    match (&intent.verdict, intent.statements) {
        (
            VerdictRef::Allow {
                policies,
                would_be: None,
                approved_by: [],
                only_prepares,
            },
            Statements::Whole(statements),
        ) if intent.signals.is_empty() && intent.lookup.is_none() => {
            Some((policies, *only_prepares, statements))
        }
        _ => None,
    }
}
