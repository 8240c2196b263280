//! The columns that the policies of a bundle name.
//!
//! A statement that says `SELECT *` doesn't name a column, yet reads it; so the columns to be judged
//! come from the policies, and only those are.

use std::collections::{BTreeSet, HashMap};

use cedar_policy::EntityUid;
use serde_json::Value;

use super::schemas::nodes;
use crate::{path, vocabulary::Kind};

/// Columns by the id of their relation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Columns(HashMap<String, BTreeSet<String>>);

impl Columns {
    /// Those of a relation that policies name.
    pub(crate) fn of(
        &self,
        target: &str,
        database: &str,
        schema: Option<&str>,
        relation: &str,
    ) -> impl Iterator<Item = &str> {
        let found = (!self.0.is_empty()).then(|| {
            let parts = [Some(target), Some(database), schema, Some(relation)];
            self.0.get(&path::join(parts.into_iter().flatten()))
        });
        let names = found.flatten().into_iter().flatten();
        names.map(String::as_str)
    }

    /// Notes one entity literal, if it is a column.
    pub(super) fn note_literal(&mut self, literal: &EntityUid) {
        if Kind::of(literal) != Some(Kind::Column) {
            return;
        }
        let Some(mut names) = path::split(literal.id().unescaped()) else {
            return;
        };
        if let Some(column) = names.pop() {
            let relation = path::join(names.iter().map(String::as_str));
            self.0.entry(relation).or_default().insert(column);
        }
    }
}

/// Whether a policy, in Cedar's JSON form, speaks of columns by their type.
pub(super) fn speaks_of_type(policy: &Value) -> bool {
    nodes(policy).any(|node| {
        node.get("entity_type")
            .is_some_and(|name| name == "Weir::Column")
    })
}
