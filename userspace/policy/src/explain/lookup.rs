//! The same for a question to the DNS.

use serde::Serialize;

use super::{Explanation, Ruling, Trials};
use crate::{Lookup, LookupContext, Mode, Policies, lookup::Shape};

/// What was judged of a question to the DNS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LookupFacts {
    /// Who.
    pub subject: String,
    /// In which groups.
    pub groups: Vec<String>,
    /// For whom.
    pub on_behalf_of: Option<String>,
    /// Where from.
    pub workload: String,
    /// About which name.
    pub host: String,
    /// `context.record_type`.
    pub record_type: String,
    /// `context.declared`.
    pub declared: bool,
    /// `context.length`.
    pub length: i64,
    /// `context.labels`.
    pub labels: i64,
    /// `context.label_bits`.
    pub label_bits: i64,
    /// `context.names_per_minute`.
    pub names_per_minute: u32,
    /// The signals that were raised.
    pub signals: Vec<String>,
}

impl LookupFacts {
    fn of(lookup: &Lookup<'_>) -> Self {
        let Lookup {
            subject,
            host,
            record_type,
            context,
        } = lookup;
        let shape = Shape::of(host);
        Self {
            subject: subject.id.clone(),
            groups: subject.groups.clone(),
            on_behalf_of: subject.on_behalf_of.clone(),
            workload: context.workload.clone(),
            host: (*host).to_owned(),
            record_type: (*record_type).to_owned(),
            declared: context.declared,
            length: shape.length,
            labels: shape.labels,
            label_bits: shape.label_bits,
            names_per_minute: context.names_per_minute,
            signals: context.signals.iter().cloned().collect(),
        }
    }
}

impl Policies {
    /// Explains the verdict on a question to the DNS. Nobody can be asked about one, so that nobody
    /// said yes is no change that is told.
    #[must_use]
    pub fn explain_lookup(&self, mode: Mode, lookup: &Lookup<'_>) -> Explanation<LookupFacts> {
        let answer = Ruling::of(&self.judge_lookup_in(mode, lookup));
        let mut trials = Trials::of(&answer);
        let mut retry = |change: String, policies: &Self, lookup: &Lookup<'_>| {
            trials.tell(change, Ruling::of(&policies.judge_lookup(lookup)));
        };
        for (change, context) in of_context(lookup.context) {
            let context = &context;
            retry(change, self, &Lookup { context, ..*lookup });
        }
        if !["A", "AAAA"].contains(&lookup.record_type) {
            let address = Lookup {
                record_type: "A",
                ..*lookup
            };
            retry("for an address (A)".to_owned(), self, &address);
        }
        for (change, host) in above(lookup.host) {
            retry(change, self, &Lookup { host, ..*lookup });
        }
        for (change, subject) in self.of_subject(lookup.subject) {
            let subject = &subject;
            retry(change, self, &Lookup { subject, ..*lookup });
        }
        for id in &answer.policies {
            let change = format!("without the policy `{id}`");
            retry(change, &self.without(id), lookup);
        }
        Explanation {
            version: self.version().to_string(),
            deciding: self.written(&answer.policies),
            facts: LookupFacts::of(lookup),
            changes: trials.changes,
            answer,
        }
    }
}

fn of_context(context: &LookupContext) -> Vec<(String, LookupContext)> {
    let change = if context.declared {
        "were it no host of a target"
    } else {
        "declared as a host of a target"
    };
    let other = LookupContext {
        declared: !context.declared,
        ..context.clone()
    };
    let mut changed = vec![(change.to_owned(), other)];
    if context.names_per_minute > 1 {
        let first = LookupContext {
            names_per_minute: 1,
            ..context.clone()
        };
        changed.push(("as the first name of a minute".to_owned(), first));
    }
    for signal in &context.signals {
        let mut other = context.clone();
        other.signals.remove(signal);
        changed.push((format!("without the signal `{signal}`"), other));
    }
    changed
}

/// The domains that a name lies below, the nearest first: the label that is too long or too random
/// may be in some, and is in others no more.
fn above(host: &str) -> impl Iterator<Item = (String, &str)> {
    let dots = host.match_indices('.');
    let domains = dots.filter_map(|(dot, _)| host.get(dot + 1..));
    domains.map(|domain| (format!("of its domain `{}`", domain.escape_debug()), domain))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Subject;

    fn explained(
        policies: &Policies,
        host: &str,
        record_type: &str,
        context: &LookupContext,
    ) -> Explanation<LookupFacts> {
        let subject = Subject {
            id: "unix:alice".into(),
            groups: Vec::new(),
            on_behalf_of: None,
        };
        let lookup = Lookup {
            subject: &subject,
            host,
            record_type,
            context,
        };
        policies.explain_lookup(Mode::Enforce, &lookup)
    }

    fn flips(explained: &Explanation<LookupFacts>) -> Vec<(&str, &str)> {
        let flips = explained.changes.iter().filter(|change| change.flips);
        flips
            .map(|change| (change.change.as_str(), change.answer))
            .collect()
    }

    #[test]
    fn an_undeclared_name_wants_to_be_declared() {
        let policies = Policies::shipped().unwrap();
        let told = explained(&policies, "db.example.com", "A", &LookupContext::default());
        assert_eq!(told.answer.rule.as_deref(), Some("default-deny"));
        assert!(told.deciding.is_empty());
        assert_eq!(flips(&told), [("declared as a host of a target", "allow")]);
        let local = explained(&policies, "a.localhost", "A", &LookupContext::default());
        assert_eq!(local.answer.answer, "allow");
        assert_eq!(
            flips(&local),
            [("without the policy `allow-localhost`", "deny")]
        );
    }

    #[test]
    fn what_could_carry_data_is_told_by_the_figures_and_what_would_do() {
        let mut sources = Policies::shipped_sources();
        sources.push(crate::Source {
            name: "own.cedar".into(),
            text: r#"@id("corp") permit (principal, action == Weir::Action::"resolve",
                     resource in Weir::Host::"corp.example");"#
                .into(),
        });
        let policies = Policies::load(&sources).unwrap();
        let context = LookupContext {
            names_per_minute: 7,
            ..LookupContext::default()
        };
        let host = "mzxw6ytboi3dqobsgqytqnbtgu2tmnzyheydcmrtgq2tmnzyhe3tqnzw.corp.example";
        let told = explained(&policies, host, "A", &context);
        assert_eq!(told.answer.rule.as_deref(), Some("no-random-names"));
        assert_eq!(told.deciding[0].file, "80-names.cedar");
        assert!(told.facts.label_bits > 160 && told.facts.names_per_minute == 7);
        assert_eq!(
            flips(&told),
            [
                ("declared as a host of a target", "allow"),
                ("of its domain `corp.example`", "allow"),
                ("without the policy `no-random-names`", "allow"),
            ]
        );
        let text = explained(&policies, "corp.example", "TXT", &context);
        assert_eq!(text.answer.rule.as_deref(), Some("no-odd-record-types"));
        assert_eq!(
            flips(&text),
            [
                ("for an address (A)", "allow"),
                ("without the policy `no-odd-record-types`", "allow"),
            ]
        );
    }
}
