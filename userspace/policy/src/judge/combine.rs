//! The answers to all questions of a statement to one verdict: the strictest holds.

use std::collections::BTreeSet;

use cedar_policy::PolicyId;

use super::{
    DEFAULT_DENY,
    answer::Answer,
    questions::{Question, Resource},
};
use crate::{
    Ask, Clear, Permit, PolicyVersion, Refusal, Verdict,
    ask::{Asked, Demand, Requirement},
    bundle::{Rule, Rules},
};

/// Longest name that a message repeats, in characters.
const MAX_SHOWN: usize = 80;

/// Combines answers. `answers` is never empty; if it were, nothing would be permitted.
pub(super) fn verdict(
    answers: &[(Question<'_>, Answer)],
    rules: &Rules,
    version: &PolicyVersion,
    target: &str,
    clear: Clear,
) -> Verdict {
    let combine = Combine {
        answers,
        rules,
        version,
        target,
    };
    if let Some(refusal) = combine.denied() {
        return Verdict::Deny(refusal);
    }
    if answers
        .iter()
        .any(|(_, answer)| matches!(answer, Answer::Ask { .. }))
    {
        return combine.asked(clear);
    }
    Verdict::Allow(Permit::new(version.clone(), combine.permits(), clear))
}

struct Combine<'a> {
    answers: &'a [(Question<'a>, Answer)],
    rules: &'a Rules,
    version: &'a PolicyVersion,
    target: &'a str,
}

impl Combine<'_> {
    fn denied(&self) -> Option<Refusal> {
        let mut forbids: Vec<&PolicyId> = Vec::new();
        let mut any: Option<&Question<'_>> = None;
        // The question that the first of the forbids answers, to be named in the message.
        let mut first: Option<(usize, &Question<'_>)> = None;
        for (question, answer) in self.answers {
            let Answer::Deny(ids) = answer else { continue };
            any = any.or(Some(question));
            for id in ids {
                let order = self.rule(id).map_or(usize::MAX, |rule| rule.order);
                if first.is_none_or(|(best, _)| order < best) {
                    first = Some((order, question));
                }
                forbids.push(id);
            }
        }
        if self.answers.is_empty() {
            return Some(self.refusal(
                DEFAULT_DENY,
                "there is nothing to permit".into(),
                Vec::new(),
            ));
        }
        let deciding = self.rules.in_order(forbids);
        let question = first.map(|(_, question)| question).or(any)?;
        let mut message = match deciding.first().and_then(|id| self.rules.about(id)) {
            Some(rule) => rule
                .message
                .clone()
                .unwrap_or_else(|| "a policy forbids this".into()),
            None => self.unpermitted(question),
        };
        if question.guessed {
            message.push_str(" (a name without a schema may mean ");
            message.push_str(&self.name(question));
            message.push_str(": write the schema)");
        }
        let rule = deciding
            .first()
            .map_or(DEFAULT_DENY, String::as_str)
            .to_owned();
        Some(self.refusal(&rule, message, deciding))
    }

    fn asked(&self, clear: Clear) -> Verdict {
        let mut requirements = BTreeSet::new();
        let mut deciding = BTreeSet::new();
        for (question, answer) in self.answers {
            let Answer::Ask { permits, lifted } = answer else {
                continue;
            };
            // A column is permitted where its relation is.
            let is_column = question.only_forbids();
            // Where no permit holds without a human's yes, that must be a yes to one of them.
            // (Where one does, it is forbids that stood in the way.) Each forbid must be lifted.
            if !is_column
                && permits
                    .iter()
                    .all(|id| self.rule(id).is_some_and(|rule| rule.asks))
            {
                let demands = permits.iter().filter_map(|id| self.demand(id));
                requirements.insert(Requirement::any_of(demands));
                deciding.extend(permits);
            }
            for id in lifted {
                requirements.insert(Requirement::any_of(self.demand(id)));
            }
            deciding.extend(lifted);
        }
        let deciding = self.rules.in_order(deciding);
        let about = || deciding.iter().filter_map(|id| self.rules.about(id));
        let messages = about().filter_map(|rule| rule.message.clone()).collect();
        let timeout_seconds = about().filter_map(|rule| rule.timeout_seconds).min();
        Verdict::Ask(Ask::new(Asked {
            requirements,
            messages,
            timeout_seconds,
            deciding,
            version: self.version.clone(),
            clear,
        }))
    }

    /// What a policy demands; of one that nothing is known of there is nothing that would do.
    fn demand(&self, id: &PolicyId) -> Option<Demand> {
        let rule = self.rule(id)?;
        let policy: &str = id.as_ref();
        Some(Demand {
            policy: policy.to_owned(),
            approvers: rule.approvers.clone().unwrap_or_default(),
            approvals: rule.approvals,
        })
    }

    fn permits(&self) -> Vec<String> {
        let ids = self.answers.iter().flat_map(|(_, answer)| match answer {
            Answer::Allow(ids) => ids.as_slice(),
            Answer::Ask { .. } | Answer::Deny(_) => &[],
        });
        self.rules.in_order(ids)
    }

    fn rule(&self, id: &PolicyId) -> Option<&Rule> {
        self.rules.about(id.as_ref())
    }

    fn refusal(&self, rule: &str, message: String, deciding: Vec<String>) -> Refusal {
        Refusal {
            rule: rule.to_owned(),
            message,
            deciding,
            version: self.version.clone(),
        }
    }

    /// What is said where no policy has a say.
    fn unpermitted(&self, question: &Question<'_>) -> String {
        let name = self.name(question);
        match question.resource {
            Resource::Host {
                declared: false, ..
            } => format!(
                "no policy permits looking up {name}; to let it be found, add it to `hosts` of a \
                 [[target]] that the workload may reach in weir.toml"
            ),
            _ => format!("no policy permits {} on {name}", question.action),
        }
    }

    /// A resource for a message: one line of bounded length.
    fn name(&self, question: &Question<'_>) -> String {
        let id = question.resource.id(self.target);
        let mut shown: String = id
            .chars()
            .take(MAX_SHOWN)
            .flat_map(char::escape_debug)
            .collect();
        if id.chars().nth(MAX_SHOWN).is_some() {
            shown.push('…');
        }
        shown
    }
}
