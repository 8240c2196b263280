//! The shape of `masking.toml` as it is written, with places. Nothing here is checked yet.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};
use toml::Spanned;

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// `[class.name]`.
    #[serde(default)]
    pub(super) class: BTreeMap<Spanned<String>, Class>,
    /// `[[column]]`, in order.
    #[serde(default)]
    pub(super) column: Vec<Column>,
    /// `[[channel]]`.
    #[serde(default)]
    pub(super) channel: Vec<Channel>,
    /// `[[detector]]`, in order.
    #[serde(default)]
    pub(super) detector: Vec<Detector>,
}

/// What is known by what it looks like: weir's detectors by name, or one of one's own by pattern.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Detector {
    /// A declared class.
    pub(super) class: Spanned<String>,
    /// Targets, by pattern.
    pub(super) target: Option<Spanned<String>>,
    /// Databases, by pattern.
    pub(super) database: Option<Spanned<String>>,
    /// One or several of weir's, by name.
    pub(super) detect: Option<Spanned<Patterns>>,
    /// The name of one's own.
    pub(super) name: Option<Spanned<String>>,
    /// The regular expression of one's own.
    pub(super) pattern: Option<Spanned<String>>,
}

/// Channels whose notifications carry nothing sensitive.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Channel {
    /// Targets, by pattern.
    pub(super) target: Option<Spanned<String>>,
    /// Databases, by pattern.
    pub(super) database: Option<Spanned<String>>,
    /// Channels, by one pattern or several.
    pub(super) clear: Spanned<Patterns>,
}

/// How values of one class are masked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Class {
    /// The method's name.
    pub(super) method: Spanned<MethodName>,
    /// Only with `partial`.
    pub(super) keep_last: Option<Spanned<u64>>,
}

/// Methods by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum MethodName {
    /// See [`Method::Redact`](crate::Method::Redact).
    Redact,
    /// See [`Method::Partial`](crate::Method::Partial).
    Partial,
    /// See [`Method::Hash`](crate::Method::Hash).
    Hash,
    /// See [`Method::Tokenise`](crate::Method::Tokenise).
    Tokenise,
    /// See [`Method::Null`](crate::Method::Null).
    Null,
}

/// Which columns hold values of a class.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Column {
    /// A declared class.
    pub(super) class: Spanned<String>,
    /// Targets, by pattern.
    pub(super) target: Option<Spanned<String>>,
    /// Databases, by pattern.
    pub(super) database: Option<Spanned<String>>,
    /// `relation` or `schema.relation`, by patterns.
    pub(super) table: Option<Spanned<String>>,
    /// Columns, by one pattern or several.
    pub(super) column: Spanned<Patterns>,
}

/// One pattern or several.
#[derive(Debug)]
pub(super) enum Patterns {
    /// `column = "a"`; its place is the value's.
    One(String),
    /// `column = ["a", "b"]`, each with its place.
    Many(Vec<Spanned<String>>),
}

// By hand: serde's untagged enums buffer what they read, and lose its place.
impl<'de> Deserialize<'de> for Patterns {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct OneOrMany;

        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Patterns;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a pattern or a list of patterns")
            }

            fn visit_str<E: Error>(self, one: &str) -> Result<Patterns, E> {
                Ok(Patterns::One(one.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Patterns, A::Error> {
                let mut many = Vec::new();
                while let Some(one) = seq.next_element()? {
                    many.push(one);
                }
                Ok(Patterns::Many(many))
            }
        }

        from.deserialize_any(OneOrMany)
    }
}
