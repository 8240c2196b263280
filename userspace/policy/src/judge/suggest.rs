//! Policies that admit what was seen.
//!
//! Job: gather statements that went through, as the questions that judgement would ask of them,
//! and write them down as permits: for each subject and use, on the objects that were seen, under
//! the circumstances that were seen. What shares subject, use and circumstances shares a policy.
//! Likewise questions to the DNS, by name and record type.
//!
//! Not its job: reading records, and what may be shown clear (`reveal` is never suggested).
//!
//! Known limits: settings are told apart by name, not by value, and a relation's circumstances
//! (functions, effects, predicates) are those of all statements that used it so, together. A name
//! that was seen without its schema is admitted in each schema that was seen beside it, since it
//! may mean any of them. What weir can't read is left out, and so is what runs hidden code: one
//! that was seen says nothing of the next. How long or how random a name is, and how many are asked
//! about in a minute, is not told apart: exactly the names that were seen are admitted.

mod names;
mod text;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use weir_command::{Effect, Statement, Verb};

use self::names::Asked;
pub use self::names::NameSighting;
use super::{
    facts::Facts,
    questions::{self, Resource},
};
use crate::{
    Source, Target,
    bundle::{Columns, Schemas},
};

/// Whom a suggestion is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whom {
    /// The subject of this id, wherever it works.
    Subject(String),
    /// Whoever works in this workload.
    Workload(String),
}

/// One statement that went through.
#[derive(Clone, Copy, Debug)]
pub struct Sighting<'a> {
    /// Who asked.
    pub whom: &'a Whom,
    /// Of which target.
    pub target: &'a Target,
    /// For what.
    pub statement: &'a Statement,
    /// When, in a form whose order as text is the order in time.
    pub at: &'a str,
    /// Whether it went through only because its workload is observed.
    pub observed: bool,
}

/// Why a statement or a question is not in a suggestion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeftOut {
    /// Weir could not read it.
    Unread,
    /// It runs code that its text does not show.
    HiddenCode,
    /// It names more than is judged, or something that has no name.
    Unnameable,
}

/// What was seen, to be written down as policies.
#[derive(Clone, Debug, Default)]
pub struct Suggestion {
    uses: BTreeMap<Use, Seen>,
    names: BTreeMap<Asked, Times>,
    left_out: BTreeMap<LeftOut, u64>,
}

/// What is used, by whom, and how.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Use {
    whom: Whom,
    target: String,
    database: String,
    thing: Thing,
    action: &'static str,
    access: &'static str,
}

/// What a use is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    /// An opaque target, at whichever of its addresses.
    Target,
    /// The session's database.
    Database,
    /// Something in it.
    Relation {
        schema: Option<String>,
        name: String,
    },
}

/// How often and when something was used, and under which circumstances.
#[derive(Clone, Debug, Default)]
struct Seen {
    times: Times,
    circumstances: Circumstances,
}

/// How often and when.
#[derive(Clone, Debug, Default)]
struct Times {
    number: u64,
    observed: u64,
    first: String,
    last: String,
}

/// The values that the context was seen to have.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Circumstances {
    predicates: BTreeSet<&'static str>,
    effects: BTreeSet<&'static str>,
    functions: BTreeSet<String>,
    /// `None` where no setting was changed.
    settings: BTreeSet<Option<String>>,
}

impl Suggestion {
    /// Takes a statement in, or counts it as left out.
    pub fn add(&mut self, sighting: Sighting<'_>) {
        if let Err(why) = self.take(sighting) {
            *self.left_out.entry(why).or_default() += 1;
        }
    }

    /// How many statements and questions were left out, and why.
    #[must_use]
    pub fn left_out(&self) -> &BTreeMap<LeftOut, u64> {
        &self.left_out
    }

    /// Whether nothing was seen that could be admitted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.uses.is_empty() && self.names.is_empty()
    }

    /// The policies, as files of one bundle: what was seen, and the shipped rules that keep masked
    /// values masked. The same sightings in any order give the same text.
    #[must_use]
    pub fn sources(&self) -> Vec<Source> {
        let mut sources = vec![Source {
            name: "seen.cedar".to_owned(),
            text: text::write(&self.uses, &self.names),
        }];
        let mut shipped = crate::Policies::shipped_sources();
        shipped.retain(|source| source.name.ends_with("50-masking.cedar"));
        sources.extend(shipped.into_iter().map(|source| Source {
            name: "masking-rules.cedar".to_owned(),
            ..source
        }));
        sources
    }

    fn take(&mut self, sighting: Sighting<'_>) -> Result<(), LeftOut> {
        let Statement::Command(command) = sighting.statement else {
            return Err(LeftOut::Unread);
        };
        let hidden = matches!(command.verb, Verb::Call | Verb::Do | Verb::FunctionCall);
        if hidden || command.effects.contains(&Effect::DynamicCode) {
            return Err(LeftOut::HiddenCode);
        }
        let facts = Facts::of(sighting.statement);
        let (schemas, columns) = (Schemas::default(), Columns::default());
        let questions = questions::of(facts, sighting.target, &schemas, &columns)
            .filter(|_| facts.too_many().is_none())
            .ok_or(LeftOut::Unnameable)?;
        let circumstances = Circumstances::of(facts);
        let mut uses = Vec::with_capacity(questions.len());
        for question in questions {
            let (thing, database) =
                thing(question.resource, sighting.target).ok_or(LeftOut::Unnameable)?;
            uses.push(Use {
                whom: sighting.whom.clone(),
                target: sighting.target.name.clone(),
                database,
                thing,
                action: question.action,
                access: question.access,
            });
        }
        for used in uses {
            self.uses
                .entry(used)
                .or_default()
                .add(sighting, &circumstances);
        }
        Ok(())
    }
}

impl Seen {
    fn add(&mut self, sighting: Sighting<'_>, circumstances: &Circumstances) {
        self.times.add(sighting.at, sighting.observed);
        let mine = &mut self.circumstances;
        mine.predicates.extend(&circumstances.predicates);
        mine.effects.extend(&circumstances.effects);
        mine.functions
            .extend(circumstances.functions.iter().cloned());
        mine.settings.extend(circumstances.settings.iter().cloned());
    }
}

impl Times {
    fn add(&mut self, at: &str, observed: bool) {
        if self.number == 0 || at < self.first.as_str() {
            self.first = at.to_owned();
        }
        if at > self.last.as_str() {
            self.last = at.to_owned();
        }
        self.number += 1;
        self.observed += u64::from(observed);
    }
}

impl Circumstances {
    fn of(facts: Facts<'_>) -> Self {
        Self {
            predicates: BTreeSet::from([facts.predicate()]),
            effects: facts.effects().into_iter().collect(),
            functions: facts.functions().map(str::to_owned).collect(),
            settings: BTreeSet::from([facts.setting().map(|(name, _)| name.to_owned())]),
        }
    }
}

/// A question's resource and its database; none where it has no name that a policy could write.
fn thing(resource: Resource<'_>, target: &Target) -> Option<(Thing, String)> {
    if target.name.is_empty() {
        return None;
    }
    if matches!(target.protocol.as_str(), "tcp" | "udp") {
        return Some((Thing::Target, String::new()));
    }
    let (thing, database) = match resource {
        Resource::Database { database } => (Thing::Database, database),
        Resource::Relation {
            database,
            schema,
            name,
        } => {
            if name.is_empty() || schema.is_some_and(str::is_empty) {
                return None;
            }
            let thing = Thing::Relation {
                schema: schema.map(str::to_owned),
                name: name.to_owned(),
            };
            (thing, database)
        }
        Resource::Column { .. } | Resource::Host { .. } => return None,
    };
    (!database.is_empty()).then(|| (thing, database.to_owned()))
}
