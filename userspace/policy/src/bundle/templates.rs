//! Templates: what a person may be granted for a while.
//!
//! Job: read them as strictly as policies, and link them. A template permits, names its actions,
//! and leaves open whom and which target; `@grantable` says who may grant it. A link adds a permit
//! and nothing else, and Cedar's forbids stand over every permit: no grant lifts one.
//!
//! Not its job: who asked, who said yes, and until when (the agent's `grants` room).

use std::{collections::BTreeSet, ops::Range};

use cedar_policy::{
    ActionConstraint, Effect, EntityUid, PolicyId, PolicySet, SlotId, Template,
    TemplatePrincipalConstraint, TemplateResourceConstraint,
};
use serde_json::Value;

use super::{
    annotations::{self, BadAnnotation},
    cedar::{Reader, asks},
    literals,
    rules::{Rule, Written},
    schemas::nodes,
    words,
};
use crate::{
    Approver, Diagnostic, Policies, Severity, Source, Subject, Target,
    vocabulary::{Kind, Vocabulary},
};

/// A template, as far as granting it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grantable {
    /// Its `@id`.
    pub id: String,
    /// What it permits: actions by their names, groups of actions too.
    pub actions: BTreeSet<String>,
    /// `@grantable`: who may grant it. Never empty.
    pub approvers: BTreeSet<String>,
    /// `@message`: what it is for.
    pub message: Option<String>,
}

/// What is wrong with a template.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadTemplate {
    #[error(transparent)]
    Annotation(#[from] BadAnnotation),
    #[error("a template says who may grant it")]
    NotGrantable,
    #[error("no annotation of a template is called `@{0}`")]
    Unknown(String),
    #[error("a template can only permit")]
    Forbids,
    #[error(
        "a template leaves open whom and where: `principal == ?principal`, `resource in ?resource`"
    )]
    Slots,
    #[error("a template names its actions")]
    AnyAction,
    #[error("a template doesn't look at `context.approved`: a grant is a human's yes")]
    Asks,
}

impl BadTemplate {
    /// The way out.
    pub(super) fn help(&self) -> Option<&'static str> {
        match self {
            Self::Annotation(bad) => bad.help(),
            Self::NotGrantable => Some("write @grantable(\"a-group, another\") before it"),
            Self::Unknown(_) => Some("there are @id, @grantable and @message"),
            Self::AnyAction => Some("write `action in [Weir::Action::\"read\"]` or the like"),
            Self::Forbids | Self::Slots | Self::Asks => None,
        }
    }
}

/// Reads what stands before a template and in its head.
fn head(template: &Template, asks: bool) -> Result<Grantable, BadTemplate> {
    let keys = ["id", "grantable", "message"];
    if let Some((key, _)) = template.annotations().find(|(key, _)| !keys.contains(key)) {
        return Err(BadTemplate::Unknown(key.to_owned()));
    }
    let id = template.annotation("id").ok_or(BadAnnotation::NoId)?;
    let approvers = template.annotation("grantable");
    let actions = match template.action_constraint() {
        ActionConstraint::Any => return Err(BadTemplate::AnyAction),
        ActionConstraint::Eq(action) => vec![action],
        ActionConstraint::In(actions) => actions,
    };
    let grantable = Grantable {
        id: annotations::id(id)?,
        actions: actions
            .iter()
            .map(|action| action.id().unescaped().to_owned())
            .collect(),
        approvers: annotations::approvers(approvers.ok_or(BadTemplate::NotGrantable)?)?,
        message: template
            .annotation("message")
            .map(annotations::message)
            .transpose()?,
    };
    let whom = template.principal_constraint();
    let place = template.resource_constraint();
    if !matches!(whom, TemplatePrincipalConstraint::Eq(None))
        || !matches!(place, TemplateResourceConstraint::In(None))
    {
        return Err(BadTemplate::Slots);
    }
    if template.effect() != Effect::Permit {
        return Err(BadTemplate::Forbids);
    }
    if asks {
        return Err(BadTemplate::Asks);
    }
    Ok(grantable)
}

/// One template, granted to one subject for one target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// What tells it from others: letters and digits.
    pub id: String,
    /// The template's `@id`.
    pub template: String,
    /// To whom.
    pub subject: String,
    /// For what.
    pub target: String,
}

impl Grant {
    /// The id of the policy that it makes, as records name it. No written policy can have it.
    #[must_use]
    pub fn policy_id(&self) -> String {
        format!("{}#{}", self.template, self.id)
    }

    /// Adds the policy that it makes to a set that has its template.
    fn link(&self, set: &mut PolicySet, vocabulary: &Vocabulary) -> Option<()> {
        let values = [
            (
                SlotId::principal(),
                vocabulary.entity(Kind::Subject, &self.subject)?,
            ),
            (
                SlotId::resource(),
                vocabulary.entity(Kind::Target, &self.target)?,
            ),
        ];
        let template = PolicyId::new(&self.template);
        set.link(template, PolicyId::new(self.policy_id()), values.into())
            .ok()
    }
}

impl Reader<'_> {
    /// Reads the templates of a source, into the rules and into the set that is validated.
    pub(super) fn templates(&mut self, source: &Source, set: &PolicySet, named: &mut PolicySet) {
        let mut templates: Vec<(usize, Range<usize>, &Template)> = set
            .templates()
            .map(|template| {
                let text = template.to_cedar();
                let at = source.text.find(&text).unwrap_or(0);
                (at, at..at + text.len(), template)
            })
            .collect();
        templates.sort_by_key(|(at, ..)| *at);
        for (_, span, template) in templates {
            if let Err((message, help)) = self.template(source, &span, template, named) {
                let found = Diagnostic::at(Severity::Error, source, span, message, help);
                self.found.push(found);
            }
        }
    }

    fn template(
        &mut self,
        source: &Source,
        span: &Range<usize>,
        template: &Template,
        named: &mut PolicySet,
    ) -> Result<(), (String, Option<String>)> {
        let plain = |why: &dyn std::fmt::Display| (why.to_string(), None);
        let json = template.to_json().map_err(|why| plain(&why))?;
        let grantable = head(template, asks(&json))
            .map_err(|bad| (bad.to_string(), bad.help().map(str::to_owned)))?;
        self.rules.schemas.note_policy(&json);
        self.signals
            .note(&json, |_| (Source::clone(source), span.clone()));
        if let Some(never) = words::never(&json).first() {
            return Err((never.to_string(), Some(never.help())));
        }
        for literal in named_entities(&json, self.vocabulary) {
            self.rules.schemas.note_literal(&literal);
            self.rules.named_columns.note_literal(&literal);
            match literals::check(&literal, Effect::Permit, self.masking) {
                Err(bad) if !bad.is_warning() => return Err((bad.to_string(), bad.help())),
                _ => {}
            }
        }
        self.rules.counts.note_template(&json);
        let id = grantable.id.clone();
        let place = Diagnostic::at(Severity::Error, source, span.clone(), "", None);
        let written = Written {
            file: place.file.clone(),
            line: place.line,
            text: template.to_cedar(),
        };
        let place = format!("{}:{}", place.file, place.line);
        if let Some(other) = self.places.insert(id.clone(), place) {
            let message = format!("a policy with the id `{id}` is already there");
            return Err((message, Some(format!("it is in {other}"))));
        }
        let template = template.new_id(PolicyId::new(&id));
        for set in [&mut self.rules.commands, &mut self.rules.reveals] {
            set.change()
                .add_template(template.clone())
                .map_err(|why| plain(&why))?;
        }
        named.add_template(template).map_err(|why| plain(&why))?;
        let order = self.rules.about.len();
        let rule = Rule {
            order,
            effect: Effect::Permit,
            message: grantable.message.clone(),
            approvers: None,
            approvals: 1,
            timeout_seconds: None,
            asks: false,
            always: false,
            written,
        };
        self.rules.about.insert(id.clone(), rule);
        self.rules.grantable.insert(id, grantable);
        Ok(())
    }
}

/// The entities that a policy in Cedar's JSON form names, as far as the schema has their kinds.
fn named_entities(json: &Value, vocabulary: &Vocabulary) -> Vec<EntityUid> {
    let named = nodes(json).filter_map(|node| {
        let entity = node.get("__entity").or_else(|| node.get("entity"))?;
        let kind = entity.get("type")?.as_str()?.strip_prefix("Weir::")?;
        let kind = Kind::named(kind)?;
        vocabulary.entity(kind, entity.get("id")?.as_str()?)
    });
    named.collect()
}

impl Grantable {
    /// Whether this person may grant it.
    #[must_use]
    pub fn names(&self, person: &Approver) -> bool {
        self.approvers.iter().any(|name| person.is_meant_by(name))
    }
}

impl Policies {
    /// What may be granted for a while, by id.
    pub fn grantable(&self) -> impl Iterator<Item = &Grantable> {
        self.rules.grantable.values()
    }

    /// This bundle with these grants: each is a policy of its own, and the version names them too.
    /// A grant whose template is not there, or that is already there, adds nothing.
    #[must_use]
    pub fn with_grants(&self, grants: &[Grant]) -> Self {
        let mut granted = self.clone();
        for grant in grants {
            let rules = &mut granted.rules;
            let Some(template) = rules.about.get(&grant.template) else {
                continue;
            };
            let rule = template.clone();
            // A statement's questions are put to one of these sets, those of `reveal` to the other.
            let mut sets = [&mut rules.commands, &mut rules.reveals].into_iter();
            if sets.all(|set| grant.link(set.change(), self.vocabulary).is_some()) {
                rules.about.insert(grant.policy_id(), rule);
                rules.granted.insert(grant.clone());
            }
        }
        let linked = &granted.rules.granted;
        if !linked.is_empty() {
            granted.version = self.version.with(linked.iter().map(Grant::parts));
            granted.rules.sort(self.vocabulary);
        }
        granted
    }

    /// A grant to this subject for this target that holds here and in `next` no more, where none of
    /// the same template holds in its place.
    #[must_use]
    pub fn grant_that_ends(
        &self,
        next: &Self,
        subject: &Subject,
        target: &Target,
    ) -> Option<&Grant> {
        let same = |one: &Grant, other: &Grant| {
            (&one.template, &one.subject, &one.target)
                == (&other.template, &other.subject, &other.target)
        };
        self.rules.granted.iter().find(|grant| {
            grant.subject == subject.id
                && grant.target == target.name
                && !next.rules.granted.iter().any(|other| same(grant, other))
        })
    }
}

impl Grant {
    fn parts(&self) -> [&str; 4] {
        [&self.id, &self.template, &self.subject, &self.target]
    }
}
