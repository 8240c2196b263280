//! What is sensitive, and how it is masked: data classes bound to columns by ordered rules, and to
//! what [detectors](crate::detect) find in values.
//!
//! Job: classify a column by the names of its target, database, schema, relation and its own, and a
//! value by what it looks like. Not its job: who may see a class clear (that is the policy action
//! `reveal`), and the masking of values (the agent's `mask` room).
//!
//! Known limits: no paths into JSON.

use std::{
    borrow::Borrow,
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use serde::{Deserialize, Deserializer, Serialize, de::Error};

mod check;
mod detection;
mod glob;
mod raw;

#[cfg(test)]
mod tests;

use glob::Glob;

pub(crate) use check::read;
pub use detection::{Detection, Hit, Hits, Net};

/// Longest name of a class, in bytes.
const MAX_CLASS_LEN: usize = 64;

/// A kind of sensitive value: `email`, `pan`, `secret` …
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct DataClass(Arc<str>);

/// What a masked value becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// A fixed text that says that something was there.
    Redact,
    /// All but the last characters are covered.
    Partial {
        /// How many characters stay readable, 1 to 8. Who masks must still cover a value that is
        /// hardly longer.
        keep_last: usize,
    },
    /// A keyed digest: equal values stay equal, nothing else is told.
    Hash,
    /// A stand-in of the same shape.
    Tokenise,
    /// `NULL`.
    Null,
}

/// A column's classification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Classified<'a> {
    /// Which kind of value it holds.
    pub class: &'a DataClass,
    /// How its values are masked.
    pub method: Method,
}

/// The masking rules of one bundle.
#[derive(Clone, Debug, Default)]
pub struct MaskingRules {
    classes: BTreeMap<DataClass, Method>,
    rules: Vec<Rule>,
    channels: Vec<Channel>,
    detectors: detection::Rules,
}

/// Those of the rules that hold for one relation.
#[derive(Clone, Debug)]
pub struct OfRelation<'a>(Vec<&'a Rule>);

/// One `[[channel]]`.
#[derive(Clone, Debug)]
struct Channel {
    target: Glob,
    database: Glob,
    names: Vec<Glob>,
}

/// One `[[column]]`.
#[derive(Clone, Debug)]
struct Rule {
    class: DataClass,
    method: Method,
    target: Glob,
    database: Glob,
    schema: Glob,
    relation: Glob,
    columns: Vec<Glob>,
}

impl DataClass {
    /// A class by its name, where that is one: lower-case letters, digits, `_` and `-`, a letter
    /// first, at most 64 bytes.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let rest_holds = name
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
        let starts = name.starts_with(|c: char| c.is_ascii_lowercase());
        (starts && rest_holds && name.len() <= MAX_CLASS_LEN).then(|| Self(name.into()))
    }

    /// The class's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DataClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for DataClass {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for DataClass {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        Self::new(&name).ok_or_else(|| D::Error::custom("not the name of a data class"))
    }
}

impl MaskingRules {
    /// The class of a column, by the first rule that matches, or `None` where it is not sensitive.
    ///
    /// A schema that is not known (`None`) matches every rule's. Names compare without regard to
    /// ASCII case, because a wrong match masks too much and a missed one too little.
    #[must_use]
    pub fn classify(
        &self,
        target: &str,
        database: &str,
        schema: Option<&str>,
        relation: &str,
        column: &str,
    ) -> Option<Classified<'_>> {
        self.for_relation(target, database, schema, relation)
            .find(|rule| rule.covers(column))
            .map(|rule| Classified {
                class: &rule.class,
                method: rule.method,
            })
    }

    /// The rules for one relation, for who classifies all of its columns.
    #[must_use]
    pub fn of_relation(
        &self,
        target: &str,
        database: &str,
        schema: Option<&str>,
        relation: &str,
    ) -> OfRelation<'_> {
        OfRelation(
            self.for_relation(target, database, schema, relation)
                .collect(),
        )
    }

    /// Adds the classes that any of these columns of one relation would have.
    pub(crate) fn add_classes<'a>(
        &'a self,
        to: &mut BTreeSet<&'a DataClass>,
        (target, database, schema, relation): (&str, &str, Option<&str>, &str),
        columns: &BTreeSet<String>,
    ) {
        let rules: Vec<&Rule> = self
            .for_relation(target, database, schema, relation)
            .collect();
        for column in columns {
            to.extend(
                rules
                    .iter()
                    .find(|rule| rule.covers(column))
                    .map(|rule| &rule.class),
            );
        }
    }

    /// Whether the payloads of notifications on this channel are declared to carry nothing
    /// sensitive.
    #[must_use]
    pub fn tells_nothing(&self, target: &str, database: &str, channel: &str) -> bool {
        self.channels.iter().any(|declared| {
            declared.target.matches(target)
                && declared.database.matches(database)
                && declared.names.iter().any(|name| name.matches(channel))
        })
    }

    /// Whether no column is sensitive.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Every class that is declared, in the order of their names.
    pub fn classes(&self) -> impl Iterator<Item = &DataClass> {
        self.classes.keys()
    }

    fn for_relation(
        &self,
        target: &str,
        database: &str,
        schema: Option<&str>,
        relation: &str,
    ) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(move |rule| {
            rule.relation.matches(relation)
                && schema.is_none_or(|schema| rule.schema.matches(schema))
                && rule.target.matches(target)
                && rule.database.matches(database)
        })
    }
}

impl<'a> OfRelation<'a> {
    /// The class of a column, as [`MaskingRules::classify`] says it.
    #[must_use]
    pub fn classify(&self, column: &str) -> Option<Classified<'a>> {
        let rule = self.0.iter().find(|rule| rule.covers(column))?;
        Some(Classified {
            class: &rule.class,
            method: rule.method,
        })
    }
}

/// Equal are the same rules: what one says of a name, the other does.
impl PartialEq for OfRelation<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self
                .0
                .iter()
                .zip(&other.0)
                .all(|(one, other)| std::ptr::eq(*one, *other))
    }
}

impl Rule {
    fn covers(&self, column: &str) -> bool {
        self.columns.iter().any(|pattern| pattern.matches(column))
    }
}
