//! What is sensitive, and how it is masked: data classes bound to columns by ordered rules.
//!
//! Job: classify a column by the name of its target, database, schema, relation and its own.
//! Not its job: who may see a class clear (that is the policy action `reveal`), and the masking of
//! values (the agent's `mask` room).

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// A kind of sensitive value: `email`, `pan`, `secret` …
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
        /// How many characters stay readable.
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
    classes: Vec<DataClass>,
}

impl DataClass {
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

impl MaskingRules {
    /// The class of a column, by the first rule that matches, or `None` where it is not sensitive.
    ///
    /// A schema that is not known (`None`) matches every rule's. Names compare without regard to
    /// ASCII case.
    #[must_use]
    pub fn classify(
        &self,
        _target: &str,
        _database: &str,
        _schema: Option<&str>,
        _relation: &str,
        _column: &str,
    ) -> Option<Classified<'_>> {
        None
    }

    /// Whether no column is sensitive.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }

    /// Every class that is declared.
    pub fn classes(&self) -> impl Iterator<Item = &DataClass> {
        self.classes.iter()
    }
}
