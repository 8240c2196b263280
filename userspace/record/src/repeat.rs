//! Which intents a batch has told in full, so that the next of the same kind needs no more than to
//! say so. An agent's driver sends the same statement again and again, or the same with other values in its text.

use std::sync::Arc;

use weir_command::Statement;
use weir_policy::PolicyVersion;

use crate::{
    Circumstances,
    borrowed::{IntentRef, ReadAs, Statements, VerdictRef},
};

/// How many are remembered: a pipeline repeats few.
pub(crate) const MOST: usize = 8;
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

/// An entry that tells all of an intent but its number, its time, its parameters and perhaps its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Like {
    pub(crate) number: u32,
    /// The text is the same, too.
    pub(crate) same_text: bool,
}

impl Told {
    /// The entry that is most like this intent.
    pub(crate) fn find(&self, intent: &IntentRef<'_>) -> Option<Like> {
        let (policies, only_prepares, statements) = plain(intent)?;
        let alike = |one: &One| {
            one.context == intent.context
                && one.only_prepares == only_prepares
                && one.policy_version == *intent.policy_version
                && one.policies == policies
                && statements.is(&one.statements)
        };
        let of = |one: &One, same_text| Like {
            number: one.number,
            same_text,
        };
        let mut same = self.0.iter().filter(|one| one.text == intent.text);
        if let Some(one) = same.find(|one| alike(one)) {
            return Some(of(one, true));
        }
        // While there is room it is rather remembered itself: it may be one of a few that take turns.
        if self.0.len() < MOST || intent.text.len() > MOST_TEXT {
            return None;
        }
        let one = self.0.iter().find(|one| alike(one))?;
        Some(of(one, false))
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
