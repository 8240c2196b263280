//! Which database schemas the policies of a bundle tell apart.
//!
//! A statement may name a relation without its schema; which one is meant then depends on the
//! session's `search_path`, and a policy on a schema would not see it. Such a name is therefore
//! judged in each of these schemas too, and the strictest verdict holds.
//!
//! Known limit: a `like` pattern on `resource.schema` counts as the one schema that the pattern
//! without its stars names.

use std::collections::BTreeSet;

use cedar_policy::EntityUid;
use serde_json::Value;

use crate::{path, vocabulary::Kind};

/// Schemas by where they are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schemas {
    /// Target, database, schema: from literals of `Weir::Schema` and `Weir::Relation`.
    at: BTreeSet<[String; 3]>,
    /// From texts of policies that look at `resource.schema`.
    anywhere: BTreeSet<String>,
    /// Target, database, relation: from literals of relations without a schema.
    none: BTreeSet<[String; 3]>,
}

impl Schemas {
    /// Those that a relation of this database could be in.
    pub(crate) fn of<'a>(
        &'a self,
        target: &'a str,
        database: &'a str,
    ) -> impl Iterator<Item = &'a str> {
        let here = self.at.iter().filter_map(move |[t, d, schema]| {
            (t == target && d == database).then_some(schema.as_str())
        });
        here.chain(self.anywhere.iter().map(String::as_str))
    }

    /// Whether a policy names this relation without its schema.
    pub(crate) fn name_without(&self, target: &str, database: &str, relation: &str) -> bool {
        self.none
            .iter()
            .any(|[t, d, name]| t == target && d == database && name == relation)
    }

    /// Notes what one entity literal tells apart.
    pub(super) fn note_literal(&mut self, literal: &EntityUid) {
        let Some(Kind::Schema | Kind::Relation | Kind::Column) = Kind::of(literal) else {
            return;
        };
        let Some(names) = path::split(literal.id().unescaped()) else {
            return;
        };
        match names.as_slice() {
            [target, database, schema] if Kind::of(literal) == Some(Kind::Schema) => {
                self.at
                    .insert([target.clone(), database.clone(), schema.clone()]);
            }
            [target, database, name] if Kind::of(literal) == Some(Kind::Relation) => {
                self.none
                    .insert([target.clone(), database.clone(), name.clone()]);
            }
            [target, database, schema, _] if Kind::of(literal) == Some(Kind::Relation) => {
                self.at
                    .insert([target.clone(), database.clone(), schema.clone()]);
            }
            [target, database, schema, _, _] => {
                self.at
                    .insert([target.clone(), database.clone(), schema.clone()]);
            }
            _ => {}
        }
    }

    /// Notes what one policy, in Cedar's JSON form, tells apart by text.
    pub(super) fn note_policy(&mut self, policy: &Value) {
        if !nodes(policy).any(|node| node.get("attr").is_some_and(|attr| attr == "schema")) {
            return;
        }
        for node in nodes(policy) {
            if let Some(Value::String(text)) = node.get("Value") {
                self.anywhere.insert(text.clone());
            }
            if let Some(Value::Array(pattern)) = node.get("pattern") {
                let literals = pattern
                    .iter()
                    .filter_map(|part| part.get("Literal")?.as_str());
                self.anywhere.insert(literals.collect());
            }
        }
    }
}

/// Every value inside a JSON value, itself first. Not recursive: a policy may nest deeply.
pub(super) fn nodes(root: &Value) -> impl Iterator<Item = &Value> {
    let mut open = vec![root];
    std::iter::from_fn(move || {
        let node = open.pop()?;
        match node {
            Value::Array(items) => open.extend(items),
            Value::Object(fields) => open.extend(fields.values()),
            _ => {}
        }
        Some(node)
    })
}
