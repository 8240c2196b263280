//! The normalised command: the one type that every protocol's parser produces and policy judges.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// One request of a session, as far as weir could read it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Statement {
    /// Read to the end: everything it does is in the value.
    Command(Box<Command>),
    /// Not read, or read with doubt. Shipped policy denies it.
    Opaque(Opaque),
}

/// A request that could not be normalised.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Opaque {
    /// Why, for policy and the record.
    pub reason: OpaqueReason,
    /// The same for a person: lower case, no trailing stop; never holds the statement's literals.
    pub detail: String,
}

/// Why a request is opaque.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpaqueReason {
    /// Not valid UTF-8, or holds a NUL.
    Encoding,
    /// The parser rejects it.
    Syntax,
    /// Longer, deeper or more numerous than the limits.
    TooLarge,
    /// Parsed, but of a kind whose effects weir does not know.
    Unsupported,
    /// It changes how later text is to be read (for example `standard_conforming_strings`).
    ChangesLexing,
}

/// One normalised request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Command {
    /// What is asked for.
    pub verb: Verb,
    /// Every object that it names, each with how it is used. Common table expressions are not
    /// objects; what they read is.
    pub objects: Vec<Object>,
    /// The columns that its text names.
    pub columns: ColumnUse,
    /// Whether a `WHERE` limits what it writes.
    pub predicate: Predicate,
    /// What it does besides reading and writing rows of its objects.
    pub effects: Effects,
    /// Names of the functions that it calls, lower case, qualified as written.
    pub functions: BTreeSet<String>,
    /// The symbols of the operators in its text. `LIKE`, `IN` and other words are operators too.
    pub operators: BTreeSet<String>,
    /// How many rows it may answer with.
    pub row_limit: RowLimit,
    /// Whether one row of the answer may hold what was in many (see [`RowLimit`]): it calls a
    /// function, which may be an aggregate, has a query in the place of a value, or is recursive.
    pub gathers: bool,
    /// What later requests of the session depend on.
    pub control: Control,
}

impl Command {
    /// Whether its rows leave as a stream that nothing describes, by `COPY … TO`: also those that a
    /// write within it returns.
    #[must_use]
    pub fn copies_out(&self) -> bool {
        self.verb == Verb::CopyOut || matches!(self.control, Control::Copy(_))
    }
}

/// The most rows that a command answers with, as far as its text says: by the outermost `LIMIT` or
/// `FETCH FIRST`, or by the count of a `FETCH`.
///
/// It says nothing of how many rows were read for them, and counts rows that one statement returns:
/// not those of many like it, nor those that are written. `WITH TIES` has no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RowLimit {
    /// Nothing says.
    #[default]
    Unknown,
    /// No more than this.
    AtMost(u64),
    /// No more than the value of a parameter (`LIMIT $1`), by its number from 1. The text has it
    /// nowhere else, so that it is a `bigint` unless it is declared otherwise.
    Parameter(u16),
}

/// What a command asks for.
///
/// A statement with others within it (`WITH d AS (DELETE …) SELECT …`, `SELECT setval(…)`) has the
/// strictest verb of all that write: `Delete` before `Merge`, `Update` and `Insert`. The protocol-specific actions of the policy schema bear these names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Open a session (the startup packet).
    Connect,
    /// `SELECT`, `TABLE`, `VALUES`.
    Select,
    /// `INSERT`.
    Insert,
    /// `UPDATE`.
    Update,
    /// `DELETE`.
    Delete,
    /// `MERGE`.
    Merge,
    /// `TRUNCATE`.
    Truncate,
    /// `COPY … TO STDOUT`, of a table or a query.
    CopyOut,
    /// `COPY … FROM STDIN`.
    CopyIn,
    /// `CREATE …` of anything but a role.
    Create,
    /// `ALTER …` of anything but a role or the system.
    Alter,
    /// `DROP …` of anything but a role.
    Drop,
    /// `COMMENT ON`.
    Comment,
    /// `GRANT`.
    Grant,
    /// `REVOKE`.
    Revoke,
    /// `CREATE`, `ALTER` or `DROP` of a role or user.
    Role,
    /// `SET ROLE`, `SET SESSION AUTHORIZATION`.
    Assume,
    /// `ALTER SYSTEM`.
    System,
    /// `SET`, `RESET`, `DISCARD` of session settings.
    Set,
    /// `SHOW`.
    Show,
    /// `BEGIN`, `COMMIT`, `ROLLBACK`, `SAVEPOINT`, `RELEASE`, `SET TRANSACTION`.
    Transaction,
    /// `EXPLAIN` without `ANALYZE`; with it, the verb is the explained statement's. All else is the
    /// explained statement's either way.
    Explain,
    /// `PREPARE`: objects, columns, predicate and effects are the prepared statement's.
    Prepare,
    /// `EXECUTE`.
    Execute,
    /// `DEALLOCATE`.
    Deallocate,
    /// `DECLARE … CURSOR`: objects, columns and effects are the query's.
    Declare,
    /// `FETCH`, `MOVE`.
    Fetch,
    /// `CLOSE` of a cursor.
    Close,
    /// `LISTEN`, `NOTIFY`, `UNLISTEN`.
    Notify,
    /// `LOCK`.
    Lock,
    /// `VACUUM`, `ANALYZE`, `REINDEX`, `CLUSTER`, `CHECKPOINT`, `REFRESH MATERIALIZED VIEW`.
    Maintain,
    /// `CALL`.
    Call,
    /// `DO`.
    Do,
    /// The protocol's fast-path function call.
    FunctionCall,
    /// A command of streaming replication, or the opening of a session for them.
    Replicate,
    /// An empty query string.
    Empty,
}

/// A relation (or database, schema, function, role …) that a command names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Object {
    /// The database, where the statement names one.
    pub database: Option<String>,
    /// The schema, where the statement names one. Folded as the server folds it.
    pub schema: Option<String>,
    /// The object's own name, folded as the server folds it: `People` is `people`, `"People"` is
    /// `People`.
    pub name: String,
    /// How the command uses it.
    pub access: Access,
}

/// How a command uses an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Its rows are read, or it is a model for something new (`LIKE`, `REFERENCES`). A table that is
    /// written with `RETURNING` is read too.
    Read,
    /// Its rows are changed, or locked against change.
    Write,
    /// It is itself made, changed, kept up or removed, or privileges on it are.
    Define,
}

/// The columns that a statement's text names, without regard to the table they come from.
///
/// This is deliberately coarse: it exists so that a computed result column of a statement that
/// nowhere names a sensitive column is known to be harmless.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct ColumnUse {
    /// Every identifier that may be a column, folded, without its qualifier.
    pub named: BTreeSet<String>,
    /// True when all columns of some relation may be meant: `*`, `t.*`, a whole-row reference
    /// (an identifier equal to a relation's name or alias), `TABLE t`, `NATURAL JOIN`, a `COPY`
    /// without a column list.
    pub all: bool,
    /// Of those named, the ones whose values decide which rows there are, in which order, or what is
    /// computed: in `WHERE`, `HAVING`, `FILTER`, `ORDER BY`, `GROUP BY`, `DISTINCT`, conditions of joins and of
    /// `CASE`, limits, comparisons anywhere, set operations but `UNION ALL`, and calls that return so many
    /// rows. Where it does so by a name that a subquery gives its results, these count as what they are
    /// made of. By the answer they can be found out, though none is shown.
    pub deciding: BTreeSet<String>,
    /// True when all columns of some relation may decide: a whole row that is compared, `NATURAL
    /// JOIN`.
    pub all_deciding: bool,
    /// Of those named, the ones that are assigned.
    pub written: BTreeSet<String>,
    /// Of those assigned, the ones that the text names nowhere else: their values are not read.
    pub unread: BTreeSet<String>,
    /// Of those assigned, the ones that are computed from themselves, other than by adding or subtracting a
    /// constant.
    pub reworked: BTreeSet<String>,
    /// True when columns may be assigned that are not named: a `DELETE`, an `INSERT` without a
    /// column list, a lock.
    pub all_written: bool,
}

/// Whether a `WHERE` limits a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Predicate {
    /// Not a statement that takes one.
    NotApplicable,
    /// It takes one and has none: every row is meant.
    Absent,
    /// It has one that names no column (`WHERE true`, `WHERE 1 = 1`) or only compares one with
    /// itself (`WHERE id = id`), or is a disjunction with such a branch. For `MERGE` this is about
    /// its `ON`.
    Trivial,
    /// It has one.
    Present,
}

/// What a command does besides reading and writing rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Changes the shape of the database.
    Ddl,
    /// Removes data or objects wholesale (`DROP`, `TRUNCATE`).
    Destroy,
    /// Changes who may do what, or who the session is.
    Privilege,
    /// Reads or writes files of the server (`COPY … FROM '/file'`, `pg_read_file`, `lo_export`).
    File,
    /// Runs a program on the server (`COPY … PROGRAM`).
    Program,
    /// Reaches out from the server (`dblink`, foreign servers, subscriptions).
    Network,
    /// Runs code that the text does not show (`DO`, `query_to_xml`, a language handler).
    DynamicCode,
    /// Writes rows derived from rows that it reads (`INSERT … SELECT`, `CREATE TABLE AS`,
    /// `UPDATE … SET x = y`), or defines what will (a view, a generated column): a masked value
    /// could be laundered through it. Not `SET n = n + 1`, which leaves a value where it was.
    Derives,
    /// Changes settings of the session or the server.
    Setting,
    /// Acts on other sessions (`pg_terminate_backend`, `pg_cancel_backend`).
    Session,
}

/// A set of [`Effect`]s.
pub type Effects = BTreeSet<Effect>;

/// How the rows of a `COPY … TO STDOUT` are written, as its options say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CopyForm {
    /// Lines of fields, with backslashes.
    Text {
        /// What is between fields.
        delimiter: u8,
    },
    /// Comma-separated values.
    Csv {
        /// What is between fields.
        delimiter: u8,
        /// What is around those that need it.
        quote: u8,
        /// What is before a quote that is of the value.
        escape: u8,
    },
    /// PostgreSQL's own.
    Binary,
}

/// What later messages of the same session depend on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub enum Control {
    /// Nothing.
    #[default]
    None,
    /// `PREPARE name AS statement`.
    Prepare {
        /// The statement's name, folded.
        name: String,
    },
    /// `EXECUTE name`.
    Execute {
        /// The statement's name, folded.
        name: String,
    },
    /// `DEALLOCATE name`, or `ALL`.
    Deallocate {
        /// The name, or `None` for `ALL`.
        name: Option<String>,
    },
    /// `DECLARE name CURSOR FOR query`.
    Declare {
        /// The cursor's name, folded.
        name: String,
    },
    /// `FETCH` or `MOVE` from a cursor.
    Fetch {
        /// The cursor's name, folded.
        name: String,
    },
    /// `CLOSE` of a cursor, or of all.
    Close {
        /// The cursor's name, folded, or `None` for `ALL`.
        name: Option<String>,
    },
    /// `SET name = value` and its relatives; `None` for `RESET` or a value that is no literal.
    Set {
        /// The setting's name, lower case.
        name: String,
        /// Its literal value.
        value: Option<String>,
    },
    /// `COPY … TO STDOUT`: rows that nothing else describes.
    Copy(CopyForm),
    /// `DISCARD ALL`, `DISCARD PLANS` …: whatever it drops, all prepared names may be gone.
    Discard,
}

impl Verb {
    /// The verb as policy, records and people read it: its snake-case name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Select => "select",
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Merge => "merge",
            Self::Truncate => "truncate",
            Self::CopyOut => "copy_out",
            Self::CopyIn => "copy_in",
            Self::Create => "create",
            Self::Alter => "alter",
            Self::Drop => "drop",
            Self::Comment => "comment",
            Self::Grant => "grant",
            Self::Revoke => "revoke",
            Self::Role => "role",
            Self::Assume => "assume",
            Self::System => "system",
            Self::Set => "set",
            Self::Show => "show",
            Self::Transaction => "transaction",
            Self::Explain => "explain",
            Self::Prepare => "prepare",
            Self::Execute => "execute",
            Self::Deallocate => "deallocate",
            Self::Declare => "declare",
            Self::Fetch => "fetch",
            Self::Close => "close",
            Self::Notify => "notify",
            Self::Lock => "lock",
            Self::Maintain => "maintain",
            Self::Call => "call",
            Self::Do => "do",
            Self::FunctionCall => "function_call",
            Self::Replicate => "replicate",
            Self::Empty => "empty",
        }
    }
}

impl std::fmt::Display for Verb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
