//! What the names in a statement mean: by the search path where it is known, else whatever they may.

use std::{collections::BTreeSet, sync::Arc};

use weir_command::{Access, Command, Object, Statement};
use weir_policy::{Behind, Names};

use super::{Lineage, Traced};
use crate::mask::exposure::runs_code;

/// The alias of a session's own temporary schema, and how those are called.
const TEMPORARY: &str = "pg_temp";
const TEMPORARY_BEGIN: &str = "pg_temp_";

/// How well a session's names are known.
#[derive(Clone, Debug)]
pub enum Sight {
    /// The schemas that names without one are looked for in, in their order, the implicit ones
    /// among them.
    Path(Arc<[String]>),
    /// A name without a schema may mean any relation of that name.
    AnySchema,
    /// The session has changed what relations there are since the catalogue was read: it proves
    /// nothing.
    Blind,
}

impl PartialEq for Sight {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Path(one), Self::Path(other)) => Arc::ptr_eq(one, other),
            (Self::AnySchema, Self::AnySchema) | (Self::Blind, Self::Blind) => true,
            _ => false,
        }
    }
}

/// Whether a schema as it is written means this one.
pub(super) fn is_schema(written: &str, schema: &str) -> bool {
    written == schema || written == TEMPORARY && schema.starts_with(TEMPORARY_BEGIN)
}

impl Lineage {
    /// Whether what a statement's names mean hangs on the search path.
    #[must_use]
    pub fn is_ambiguous(&self, statement: &Statement) -> bool {
        let Statement::Command(command) = statement else {
            return false;
        };
        let rows = command.objects.iter().filter(|object| is_of_rows(object));
        rows.filter(|object| object.schema.is_none())
            .any(|object| self.named(None, &object.name).nth(1).is_some())
    }

    /// What a statement's names mean. `None` where the catalogue proves nothing.
    #[must_use]
    pub fn names(&self, statement: &Statement, sight: &Sight) -> Option<Names> {
        let Statement::Command(command) = statement else {
            return None;
        };
        let path = match sight {
            Sight::Path(path) => Some(&**path),
            Sight::AnySchema => None,
            Sight::Blind => return None,
        };
        let mut names = Names {
            complete: !runs_code(command, self),
            ..Names::default()
        };
        let mut behind = BTreeSet::new();
        for object in &command.objects {
            let meant = if is_of_rows(object) {
                self.meant(object, path)
            } else {
                Vec::new()
            };
            names.complete &= !meant.is_empty() || !is_of_rows(object);
            if meant.is_empty() || object.schema.is_some() {
                names.objects.push(object.clone());
            }
            for relation in meant {
                if object.schema.is_none() {
                    names.unqualified.insert(object.name.clone());
                    names.objects.push(Object {
                        schema: Some(relation.schema.clone()),
                        ..object.clone()
                    });
                }
                classes(relation, command, &mut names);
                behind.extend(behind_of(relation, object.access));
            }
        }
        names.behind = behind.into_iter().collect();
        Some(names)
    }

    /// The relations that a name may mean: with a path the first on it, if any is on it.
    fn meant<'a>(&'a self, object: &'a Object, path: Option<&[String]>) -> Vec<&'a Traced> {
        let schema = object.schema.as_deref();
        let candidates: Vec<&Traced> = self.named(schema, &object.name).collect();
        let first = path.filter(|_| schema.is_none()).and_then(|path| {
            let mut found = path
                .iter()
                .filter_map(|schema| candidates.iter().find(|c| c.schema == *schema));
            found.next().copied()
        });
        first.map_or(candidates, |first| vec![first])
    }
}

/// Whether an object is used for its rows, and so is a relation.
fn is_of_rows(object: &Object) -> bool {
    object.access != Access::Define
}

/// Adds the classes of those columns of a relation that a command names.
fn classes(relation: &Traced, command: &Command, names: &mut Names) {
    for (column, sensitive) in relation.sensitive() {
        if command.columns.named.contains(column) {
            names.named.insert(sensitive.class.clone());
        }
        let columns = &command.columns;
        if columns.all_deciding || columns.deciding.contains(column) {
            names.deciding.insert(sensitive.class.clone());
        }
    }
}

/// What is used beside a relation that is used so. What a write goes on to is one relation where
/// only one is behind it; of several, each may be read instead.
fn behind_of(relation: &Traced, access: Access) -> impl Iterator<Item = Behind> + '_ {
    let (bases, uses): (_, &[Access]) = match access {
        Access::Read => (relation.reads(), &[Access::Read]),
        Access::Write if relation.writes().len() == 1 => (relation.writes(), &[Access::Write]),
        Access::Write => (relation.writes(), &[Access::Write, Access::Read]),
        Access::Define => (&[][..], &[]),
    };
    bases.iter().flat_map(move |base| {
        uses.iter().map(move |access| Behind {
            object: Object {
                database: None,
                schema: Some(base.schema.clone()),
                name: base.name.clone(),
                access: *access,
            },
            columns: base.columns.clone(),
        })
    })
}
