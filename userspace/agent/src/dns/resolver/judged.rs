//! The verdict on one question.

use std::{collections::BTreeSet, time::Instant};

use weir_policy::{
    Lookup, LookupContext, Permit, Policies, RaisedSignal, Refusal, Subject, Verdict, Who,
};
use weir_record::LookedUp;

use super::{
    super::{
        declared::without_search_domain,
        question::{Question, type_name},
    },
    Asker, Local, lock,
};
use crate::{
    approve::{self, Unheld},
    config::HostName,
};

/// The rule that refuses who can't be told.
const UNVERIFIED: &str = "identity-unverified";
/// The rule that refuses what holds no question.
const MALFORMED: &str = "malformed-query";

/// What came of judging one question.
pub(super) struct Judgement {
    pub(super) judged: Judged,
    /// The signals that were raised, with their figures.
    pub(super) signals: Vec<RaisedSignal>,
    /// What else it was judged by; nothing where nobody could be asked about.
    pub(super) lookup: Option<LookedUp>,
}

/// The verdict on one question.
pub(super) enum Judged {
    Allowed(Permit),
    Refused(Refused),
}

/// Why a question is not asked.
pub(super) struct Refused {
    pub(super) refusal: Refusal,
    /// The name would be allowed without its end, which may be a search domain.
    pub(super) found_without_end: bool,
}

/// Judges a question, and counts its name if it is allowed.
pub(super) fn judge(
    local: &Local,
    policies: &Policies,
    asker: &Asker,
    question: &Question,
) -> Judgement {
    let subject = match &asker.subject {
        Ok(subject) => subject,
        Err(error) => {
            return Judgement {
                judged: Judged::Refused(Refused {
                    refusal: own(policies, UNVERIFIED, error.to_string()),
                    found_without_end: false,
                }),
                signals: Vec::new(),
                lookup: None,
            };
        }
    };
    let court = Court {
        local,
        policies,
        asker,
        subject,
        record_type: type_name(question.record_type),
    };
    // Counted before it is judged, so that no two questions count as the same one.
    let counted = lock(&local.rate).count(&question.name, Instant::now());
    let lookup = Some(LookedUp {
        declared: local.declared.holds(&question.name),
        names_per_minute: counted.names,
    });
    let who = Who {
        subject: &subject.id,
        workload: asker.workload.as_str(),
        target: None,
    };
    let mut raised = BTreeSet::new();
    let (verdict, signals) = local.counted.judge(policies, who, |signals| {
        raised.clone_from(signals);
        court.ask(&question.name, counted.names, signals)
    });
    let refusal = match verdict {
        Verdict::Allow(permit) => {
            return Judgement {
                judged: Judged::Allowed(permit),
                signals,
                lookup,
            };
        }
        Verdict::Ask(ask) => approve::unheld(&ask, Unheld::Lookup),
        Verdict::Deny(refusal) => refusal,
    };
    lock(&local.rate).take_back(&question.name, counted);
    let found_without_end = without_search_domain(&question.name)
        .any(|name| matches!(court.ask(&name, counted.names, &raised), Verdict::Allow(_)));
    Judgement {
        judged: Judged::Refused(Refused {
            refusal,
            found_without_end,
        }),
        signals,
        lookup,
    }
}

/// The refusal of what holds no question.
pub(super) fn malformed(policies: &Policies, why: &str) -> Refusal {
    own(policies, MALFORMED, why.to_owned())
}

fn own(policies: &Policies, rule: &str, message: String) -> Refusal {
    Refusal {
        rule: rule.to_owned(),
        message,
        deciding: Vec::new(),
        version: policies.version().clone(),
    }
}

struct Court<'a> {
    local: &'a Local,
    policies: &'a Policies,
    asker: &'a Asker,
    subject: &'a Subject,
    record_type: String,
}

impl Court<'_> {
    fn ask(&self, name: &HostName, names_per_minute: u32, signals: &BTreeSet<String>) -> Verdict {
        let context = LookupContext {
            workload: self.asker.workload.to_string(),
            declared: self.local.declared.holds(name),
            names_per_minute,
            signals: signals.clone(),
        };
        let lookup = Lookup {
            subject: self.subject,
            host: name.as_str(),
            record_type: &self.record_type,
            context: &context,
        };
        self.policies.judge_lookup_in(self.local.mode, &lookup)
    }
}
