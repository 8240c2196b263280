//! What is judged: a subject, a target, a statement, and the facts around them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use weir_command::{Object, Statement};

use crate::DataClass;

/// A verified identity, as policy sees it. The agent's `identity` room makes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Unique and stable: `unix:alice`, `workload:ci`, `oidc:https://issuer#sub`.
    pub id: String,
    /// Groups and roles.
    pub groups: Vec<String>,
    /// The person on whose behalf the workload acts, where one is known.
    pub on_behalf_of: Option<String>,
}

/// The upstream that a command is meant for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its declared name.
    pub name: String,
    /// `postgres` …
    pub protocol: String,
    /// The database, bucket or namespace that the session opened.
    pub database: String,
}

/// Facts of the moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// The workload's name.
    pub workload: String,
    /// Whether a transaction block is open.
    pub in_transaction: bool,
    /// When it is.
    pub moment: Moment,
    /// What opened the connection, where that is known.
    pub process: Option<Program>,
    /// What the client calls itself.
    pub application_name: Option<String>,
    /// The names of the signals that are raised.
    pub signals: BTreeSet<String>,
    /// What is known of the rows of the message's only statement, beyond its text.
    pub rows: RowCounts,
}

/// How many rows a statement concerns, as far as its text doesn't say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RowCounts {
    /// The value of the parameter that limits its answer (`LIMIT $1`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// How many rows it returns or changes, as the target's planner thinks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated: Option<u64>,
}

impl RowCounts {
    /// What a statement is judged by that is prepared and not run yet: what it will concern is not
    /// known, and it is judged again once it is bound.
    pub const PREPARED: Self = Self {
        limit: Some(0),
        estimated: Some(0),
    };

    /// Whether nothing is known.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
}

/// A moment as clocks on a wall show it, in whatever zone the caller reckons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Moment {
    /// 0 to 23.
    pub hour: u8,
    /// Which day.
    pub weekday: Weekday,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "they are what they are called")]
pub enum Weekday {
    #[default]
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// A program that speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The path of its file.
    pub exe: String,
    /// The BLAKE3 of its file, hexadecimal.
    pub exe_hash: Option<String>,
    /// The user that it runs as.
    pub uid: Option<u32>,
}

impl Weekday {
    /// All, from Monday on.
    pub const ALL: [Self; 7] = [
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
        Self::Saturday,
        Self::Sunday,
    ];

    /// Its name as policies write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Monday => "monday",
            Self::Tuesday => "tuesday",
            Self::Wednesday => "wednesday",
            Self::Thursday => "thursday",
            Self::Friday => "friday",
            Self::Saturday => "saturday",
            Self::Sunday => "sunday",
        }
    }
}

/// What a catalogue says of the names in one statement. Who makes it answers for it: what it leaves
/// out is not judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// What the statement acts on, in the place of the objects that its text names. Where a name
    /// may mean several relations, each of them.
    pub objects: Vec<Object>,
    /// The names among them that the text has without a schema.
    pub unqualified: BTreeSet<String>,
    /// What is read and written beyond what is named: by views and rules.
    pub behind: Vec<Behind>,
    /// The classes of the columns that are named.
    pub named: BTreeSet<DataClass>,
    /// The classes of those by whose values the statement decides; where it may decide by all columns of
    /// something, of all.
    pub deciding: BTreeSet<DataClass>,
    /// Whether all that it reads is known, so that no class is missing there.
    pub complete: bool,
}

/// A relation that is used without being named.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Behind {
    /// The relation, and how it is used.
    pub object: Object,
    /// Those of its columns that are.
    pub columns: BTreeSet<String>,
}

/// A statement, with what a catalogue says of its names.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// The statement.
    pub statement: &'a Statement,
    /// Its names. Without them each is judged in whatever schema it could be.
    pub names: Option<&'a Names>,
}

impl<'a> From<&'a Statement> for Named<'a> {
    fn from(statement: &'a Statement) -> Self {
        Self {
            statement,
            names: None,
        }
    }
}

/// One question to [`Policies::judge`](crate::Policies::judge).
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Who asks.
    pub subject: &'a Subject,
    /// Of which target.
    pub target: &'a Target,
    /// For what.
    pub statement: &'a Statement,
    /// What a catalogue says of its names, where one was asked.
    pub names: Option<&'a Names>,
    /// When and where.
    pub context: &'a Context,
}
