//! Which questions a statement raises: which actions, on which resources.

use weir_command::{Access, Object};

use super::facts::{self, Facts};
use crate::{
    Target,
    bundle::{Columns, Schemas},
    path,
};

/// Most questions of one statement.
const MAX_QUESTIONS: usize = 4096;

/// What is acted on, by its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Resource<'a> {
    /// The session's database.
    Database { database: &'a str },
    /// An object of a database.
    Relation {
        database: &'a str,
        schema: Option<&'a str>,
        name: &'a str,
    },
    /// A column that policies name.
    Column {
        database: &'a str,
        schema: Option<&'a str>,
        relation: &'a str,
        name: &'a str,
    },
    /// A name of the DNS.
    Host { name: &'a str, declared: bool },
}

/// One question to Cedar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Question<'a> {
    pub(super) action: &'static str,
    pub(super) resource: Resource<'a>,
    /// `context.access`.
    pub(super) access: &'static str,
    /// The statement does not name the schema: the resource's is one that it could mean.
    pub(super) guessed: bool,
    /// The resource is another name of one that is asked about: a forbid on it refuses, a permit
    /// permits nothing.
    pub(super) alias: bool,
}

impl Question<'_> {
    /// Whether only forbids have a say in it.
    pub(super) fn only_forbids(&self) -> bool {
        self.alias || matches!(self.resource, Resource::Column { .. })
    }
}

impl Resource<'_> {
    /// The resource's id in policies.
    pub(super) fn id(self, target: &str) -> String {
        match self {
            Self::Database { database } => path::join([target, database]),
            Self::Relation {
                database,
                schema: None,
                name,
            } => path::join([target, database, name]),
            Self::Relation {
                database,
                schema: Some(schema),
                name,
            } => path::join([target, database, schema, name]),
            Self::Column {
                database,
                schema,
                relation,
                name,
            } => {
                let parts = [
                    Some(target),
                    Some(database),
                    schema,
                    Some(relation),
                    Some(name),
                ];
                path::join(parts.into_iter().flatten())
            }
            Self::Host { name, .. } => name.to_owned(),
        }
    }
}

/// Every question, each once; `None` where there are more than are asked.
///
/// Each object is judged by the action that its use is. Where that is never the statement's own,
/// the statement itself is judged on the database.
pub(super) fn of<'a>(
    facts: Facts<'a>,
    target: &'a Target,
    schemas: &'a Schemas,
    columns: &'a Columns,
) -> Option<Vec<Question<'a>>> {
    let mut questions = Vec::new();
    for object in facts.objects() {
        let action = facts.action_on(object.access);
        for (resource, guessed) in readings(object, target, schemas) {
            let access = facts::access(object.access);
            questions.push(Question {
                action,
                resource,
                access,
                guessed,
                alias: false,
            });
            let uses = move |name: &str| facts.uses_of(object.access, name).collect();
            questions.extend(of_columns(facts, &uses, resource, guessed, target, columns));
            if questions.len() > MAX_QUESTIONS {
                return None;
            }
        }
    }
    for object in facts.objects().iter().filter(|o| facts.is_resolved(o)) {
        let database = object.database.as_deref().unwrap_or(&target.database);
        let name = object.name.as_str();
        if schemas.name_without(&target.name, database, name) {
            questions.push(Question {
                action: facts.action_on(object.access),
                resource: Resource::Relation {
                    database,
                    schema: None,
                    name,
                },
                access: facts::access(object.access),
                guessed: false,
                alias: true,
            });
        }
    }
    for behind in facts.behind() {
        let object = &behind.object;
        let resource = Resource::Relation {
            database: object.database.as_deref().unwrap_or(&target.database),
            schema: object.schema.as_deref(),
            name: &object.name,
        };
        questions.push(Question {
            action: facts.action_on(object.access),
            resource,
            access: facts::access(object.access),
            guessed: false,
            alias: false,
        });
        let uses = |name: &str| {
            let used = behind.columns.contains(name).then_some(object.access);
            used.into_iter().collect()
        };
        questions.extend(of_columns(facts, &uses, resource, false, target, columns));
        if questions.len() > MAX_QUESTIONS {
            return None;
        }
    }
    let action = facts.action();
    if questions.iter().all(|question| question.action != action) {
        let resource = Resource::Database {
            database: &target.database,
        };
        questions.push(Question {
            action,
            resource,
            access: "none",
            guessed: false,
            alias: false,
        });
    }
    questions.sort_unstable();
    questions.dedup();
    Some(questions)
}

/// The questions about the columns of a relation that policies name and the statement may use, as
/// `uses` says.
fn of_columns<'a>(
    facts: Facts<'a>,
    uses: &dyn Fn(&str) -> Vec<Access>,
    relation: Resource<'a>,
    guessed: bool,
    target: &'a Target,
    columns: &'a Columns,
) -> Vec<Question<'a>> {
    let Resource::Relation {
        database,
        schema,
        name: relation,
    } = relation
    else {
        return Vec::new();
    };
    let known = columns.of(&target.name, database, schema, relation);
    known
        .flat_map(|name| {
            uses(name).into_iter().map(move |access| Question {
                action: facts.action_on(access),
                resource: Resource::Column {
                    database,
                    schema,
                    relation,
                    name,
                },
                access: facts::access(access),
                guessed,
                alias: false,
            })
        })
        .collect()
}

/// What an object's name may mean: itself, and where it names no schema, itself in each schema
/// that policies tell apart.
fn readings<'a>(
    object: &'a Object,
    target: &'a Target,
    schemas: &'a Schemas,
) -> impl Iterator<Item = (Resource<'a>, bool)> {
    let database = object.database.as_deref().unwrap_or(&target.database);
    let name = object.name.as_str();
    let written = Resource::Relation {
        database,
        schema: object.schema.as_deref(),
        name,
    };
    let guesses = object.schema.is_none().then(|| {
        schemas.of(&target.name, database).map(move |schema| {
            (
                Resource::Relation {
                    database,
                    schema: Some(schema),
                    name,
                },
                true,
            )
        })
    });
    std::iter::once((written, false)).chain(guesses.into_iter().flatten())
}
