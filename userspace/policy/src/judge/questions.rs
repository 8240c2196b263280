//! Which questions a statement raises: which actions, on which resources.

use weir_command::Object;

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
            });
            questions.extend(of_columns(
                facts, object, resource, guessed, target, columns,
            ));
            if questions.len() > MAX_QUESTIONS {
                return None;
            }
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
        });
    }
    questions.sort_unstable();
    questions.dedup();
    Some(questions)
}

/// The questions about the columns of a relation that policies name and the statement may use.
fn of_columns<'a>(
    facts: Facts<'a>,
    object: &'a Object,
    relation: Resource<'a>,
    guessed: bool,
    target: &'a Target,
    columns: &'a Columns,
) -> impl Iterator<Item = Question<'a>> {
    let names = match relation {
        Resource::Relation {
            database,
            schema,
            name,
        } => Some((database, schema, name)),
        _ => None,
    };
    names
        .into_iter()
        .flat_map(move |(database, schema, relation)| {
            let known = columns.of(&target.name, database, schema, relation);
            known.flat_map(move |name| {
                facts
                    .uses_of(object.access, name)
                    .map(move |access| Question {
                        action: facts.action_on(access),
                        resource: Resource::Column {
                            database,
                            schema,
                            relation,
                            name,
                        },
                        access: facts::access(access),
                        guessed,
                    })
            })
        })
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
