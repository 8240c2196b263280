//! What is judged: a subject, a target, a statement, and the facts around them.

use weir_command::Statement;

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
    /// When and where.
    pub context: &'a Context,
}
