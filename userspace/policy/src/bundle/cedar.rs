//! Cedar texts to [`Rules`]: parsed, named, checked, and validated against the schema.

use std::{collections::HashMap, ops::Range, str::FromStr};

use cedar_policy::{
    ActionConstraint, Effect, Policy, PolicyId, PolicySet, ValidationMode, Validator,
};

use super::{
    annotations::{Annotations, BadAnnotation},
    columns, findings, literals,
    rules::{self, Rule, Rules},
    schemas::nodes,
    signals::Named,
    words,
};
use crate::{
    Diagnostic, MaskingRules, Severity, Source,
    vocabulary::{Kind, RESOLVE, REVEAL, Vocabulary},
};

/// Reads all policies. What is wrong goes to `found`; the rules hold only if none is an error.
pub(super) struct Reader<'a> {
    pub(super) vocabulary: &'a Vocabulary,
    pub(super) validator: Validator,
    /// `None` where the masking rules themselves don't hold.
    pub(super) masking: Option<&'a MaskingRules>,
    pub(super) found: &'a mut Vec<Diagnostic>,
    pub(super) rules: Rules,
    /// Where each id is from.
    pub(super) places: HashMap<String, String>,
    /// The signals that policies name.
    pub(super) signals: Named,
}

/// One policy of a source.
struct Written<'a> {
    source: &'a Source,
    policy: Policy,
    span: Range<usize>,
}

/// What a policy can have a say about.
#[derive(Clone, Copy, Debug, Default)]
struct Scope {
    commands: bool,
    reveals: bool,
    lookups: bool,
}

impl Scope {
    const ALL: Self = Self {
        commands: true,
        reveals: true,
        lookups: true,
    };
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        vocabulary: &'a Vocabulary,
        masking: Option<&'a MaskingRules>,
        found: &'a mut Vec<Diagnostic>,
    ) -> Self {
        let validator = Validator::new(vocabulary.schema().clone());
        let (rules, places) = (Rules::default(), HashMap::new());
        Self {
            vocabulary,
            validator,
            masking,
            found,
            rules,
            places,
            signals: Named::default(),
        }
    }

    /// Reads one source.
    pub(super) fn read(&mut self, source: &Source) {
        let set = match PolicySet::from_str(&source.text) {
            Ok(set) => set,
            Err(errors) => {
                for error in errors.iter() {
                    self.found
                        .push(findings::of_cedar(Severity::Error, source, error));
                }
                return;
            }
        };
        let mut named = PolicySet::new();
        for written in in_order(source, &set) {
            if let Some(policy) = self.policy(&written)
                && let Err(e) = named.add(policy)
            {
                self.error(source, written.span, &e.to_string(), None);
            }
        }
        self.templates(source, &set, &mut named);
        let result = self.validator.validate(&named, ValidationMode::Strict);
        self.found
            .extend(findings::of_validation(&result, source, self.vocabulary));
    }

    /// Takes one policy into the rules; gives it back under its own name.
    fn policy(&mut self, written: &Written<'_>) -> Option<Policy> {
        let Written {
            source,
            policy,
            span,
        } = written;
        let json = match policy.to_json() {
            Ok(json) => json,
            Err(e) => {
                self.error(source, span.clone(), &e.to_string(), None);
                return None;
            }
        };
        let asks = asks(&json);
        let annotations = match Annotations::of(policy, asks) {
            Ok(annotations) => annotations,
            Err(bad) => {
                self.bad_annotation(written, &bad);
                return None;
            }
        };
        self.rules.schemas.note_policy(&json);
        self.signals.note(&json, |name| {
            (Source::clone(source), written.find(&format!("\"{name}\"")))
        });
        self.literals(written);
        self.words(written, &json);
        let names_column = policy
            .entity_literals()
            .iter()
            .any(|literal| Kind::of(literal) == Some(Kind::Column));
        if !names_column && columns::speaks_of_type(&json) {
            self.error(
                source,
                written.find("Weir::Column"),
                "no column is named here, so this would match none",
                Some("name it, `Weir::Column::\"target/database/schema/relation/column\"`, or look at `context.columns_read` and `context.all_columns`".into()),
            );
        }
        self.reserved(written, &json);
        let order = self.rules.about.len();
        let Annotations {
            id,
            message,
            approvers,
            approvals,
            timeout_seconds,
            always,
        } = annotations;
        let place = Diagnostic::at(Severity::Error, source, span.clone(), "", None);
        let written_at = rules::Written {
            file: place.file.clone(),
            line: place.line,
            text: source.text.get(span.clone()).unwrap_or_default().to_owned(),
        };
        let place = format!("{}:{}", place.file, place.line);
        if let Some(other) = self.places.insert(id.clone(), place) {
            let message = format!("a policy with the id `{id}` is already there");
            self.error(
                source,
                written.find("@id"),
                &message,
                Some(format!("it is in {other}")),
            );
            return None;
        }
        let policy = policy.new_id(PolicyId::new(&id));
        let effect = policy.effect();
        let rule = Rule {
            order,
            effect,
            message,
            approvers,
            approvals,
            timeout_seconds,
            asks,
            always,
            written: written_at,
        };
        self.rules.about.insert(id, rule);
        let scope = self.scope(&policy);
        let counts = self.rules.counts.note(&json);
        let sets = [
            (scope.commands, &mut self.rules.commands),
            (
                scope.commands && names_column && effect == Effect::Forbid,
                &mut self.rules.columns,
            ),
            (scope.reveals, &mut self.rules.reveals),
            (scope.lookups, &mut self.rules.lookups),
            (counts.estimates, &mut self.rules.estimating),
        ];
        let mut refused = None;
        for (applies, set) in sets {
            if applies && let Err(e) = set.change().add(policy.clone()) {
                refused = Some(e.to_string());
            }
        }
        if let Some(why) = refused {
            self.error(source, span.clone(), &why, None);
        }
        Some(policy)
    }

    /// What a policy can have a say about. `reveal` and `resolve` are in no group, so a look at
    /// its scope tells.
    fn scope(&self, policy: &Policy) -> Scope {
        let actions = match policy.action_constraint() {
            ActionConstraint::Any => return Scope::ALL,
            ActionConstraint::Eq(action) => vec![action],
            ActionConstraint::In(actions) => actions,
        };
        let mut scope = Scope::default();
        for action in &actions {
            if Some(action) == self.vocabulary.action(REVEAL) {
                scope.reveals = true;
            } else if Some(action) == self.vocabulary.action(RESOLVE) {
                scope.lookups = true;
            } else {
                scope.commands = true;
            }
        }
        scope
    }

    /// Tells of a policy that could match nothing but what no protocol of weir's has yet.
    fn reserved(&mut self, written: &Written<'_>, json: &serde_json::Value) {
        let word = nodes(json)
            .filter_map(|node| node.as_str())
            .find(|word| self.vocabulary.is_reserved(word));
        let Some(word) = word else { return };
        let mut alone = PolicySet::new();
        if alone.add(written.policy.clone()).is_err() {
            return;
        }
        // What fails to hold in either schema is told of where all policies are validated.
        let applies = |validator: &Validator| {
            let result = validator.validate(&alone, ValidationMode::Strict);
            result.validation_passed()
                && !result.validation_warnings().any(|warning| {
                    matches!(
                        warning,
                        cedar_policy::ValidationWarning::ImpossiblePolicy(_)
                    )
                })
        };
        let spoken = Validator::new(self.vocabulary.spoken().clone());
        if applies(&self.validator) && !applies(&spoken) {
            let plain = word.rsplit("::").next().unwrap_or(word);
            self.found.push(Diagnostic::at(
                Severity::Warning,
                written.source,
                written.find(plain),
                "this policy protects nothing yet: weir does not speak the protocol that it is about",
                Some("what is reserved is marked in `weir policy schema`; until then such traffic is an opaque target's, judged by `connect`".into()),
            ));
        }
    }

    fn literals(&mut self, written: &Written<'_>) {
        for literal in written.policy.entity_literals() {
            self.rules.schemas.note_literal(&literal);
            self.rules.named_columns.note_literal(&literal);
            if Kind::of(&literal) == Some(Kind::Group) {
                let group = literal.id().unescaped().to_owned();
                self.rules.groups.insert(group);
            }
            if let Err(bad) = literals::check(&literal, written.policy.effect(), self.masking) {
                let severity = if bad.is_warning() {
                    Severity::Warning
                } else {
                    Severity::Error
                };
                let span = written.find(&format!("\"{}\"", literal.id().escaped()));
                let message = bad.to_string();
                self.found.push(Diagnostic::at(
                    severity,
                    written.source,
                    span,
                    message,
                    bad.help(),
                ));
            }
        }
    }

    fn words(&mut self, written: &Written<'_>, json: &serde_json::Value) {
        for never in words::never(json) {
            let span = written.find(&never.text());
            self.error(written.source, span, &never.to_string(), Some(never.help()));
        }
    }

    fn bad_annotation(&mut self, written: &Written<'_>, bad: &BadAnnotation) {
        let span = bad
            .key()
            .map_or(written.span.clone(), |key| written.find(&format!("@{key}")));
        self.error(
            written.source,
            span,
            &bad.to_string(),
            bad.help().map(str::to_owned),
        );
    }

    fn error(&mut self, source: &Source, span: Range<usize>, message: &str, help: Option<String>) {
        self.found
            .push(Diagnostic::at(Severity::Error, source, span, message, help));
    }
}

impl Written<'_> {
    /// Where a text stands in the policy; all of the policy where it does not.
    fn find(&self, text: &str) -> Range<usize> {
        let policy = self.source.text.get(self.span.clone()).unwrap_or_default();
        policy.find(text).map_or(self.span.clone(), |at| {
            let start = self.span.start + at;
            start..start + text.len()
        })
    }
}

/// Whether a policy in Cedar's JSON form looks at `context.approved`.
pub(super) fn asks(json: &serde_json::Value) -> bool {
    looks_at(json, "approved")
}

/// Whether a policy in Cedar's JSON form looks at this attribute of the context.
pub(super) fn looks_at(json: &serde_json::Value, name: &str) -> bool {
    nodes(json).any(|node| {
        node.get("attr").is_some_and(|attr| attr == name)
            && node
                .pointer("/left/Var")
                .is_some_and(|var| var == "context")
    })
}

/// The policies of a set as they stand in their source. Cedar numbers them as it reads: `policy0`,
/// `policy1` …
fn in_order<'a>(source: &'a Source, set: &PolicySet) -> Vec<Written<'a>> {
    let mut policies: Vec<(usize, &Policy)> = set
        .policies()
        .map(|policy| {
            let id: &str = policy.id().as_ref();
            let number = id.strip_prefix("policy").and_then(|n| n.parse().ok());
            (number.unwrap_or(usize::MAX), policy)
        })
        .collect();
    policies.sort_by_key(|(number, _)| *number);
    let mut from = 0;
    let mut written = Vec::new();
    for (_, policy) in policies {
        let text = policy.to_cedar().unwrap_or_default();
        let at = source
            .text
            .get(from..)
            .and_then(|rest| rest.find(&text))
            .unwrap_or(0);
        let span = from + at..from + at + text.len();
        from = span.end;
        written.push(Written {
            source,
            policy: policy.clone(),
            span,
        });
    }
    written
}
