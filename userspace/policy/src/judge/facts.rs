//! A statement, read or not, in the terms that policy asks about.

use std::collections::BTreeSet;

use weir_command::{
    Access, Command, Control, Effect, Object, OpaqueReason, Predicate, RowLimit, Statement, Verb,
};

use crate::{Behind, DataClass, Named, Names, Request, vocabulary::OPAQUE};

/// Most objects of one statement.
const MAX_OBJECTS: usize = 1000;

/// Most functions of one statement.
const MAX_FUNCTIONS: usize = 256;

/// Most pairs of an object and a named column: each is looked up in the masking rules.
const MAX_COLUMN_LOOKUPS: usize = 20_000;

/// The statement to be judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts<'a> {
    read: Read<'a>,
    names: Option<&'a Names>,
}

#[derive(Clone, Copy, Debug)]
enum Read<'a> {
    Command(&'a Command),
    Opaque(OpaqueReason),
}

impl<'a> Facts<'a> {
    pub(crate) fn of(said: impl Into<Named<'a>>) -> Self {
        let Named { statement, names } = said.into();
        let read = match statement {
            Statement::Command(command) => Read::Command(command),
            Statement::Opaque(opaque) => Read::Opaque(opaque.reason),
        };
        Self { read, names }
    }

    /// The facts of a request.
    pub(crate) fn asked(request: &Request<'a>) -> Self {
        Self::of(Named {
            statement: request.statement,
            names: request.names,
        })
    }

    /// What the statement has more of than is judged, if so.
    pub(super) fn too_many(self) -> Option<&'static str> {
        let Read::Command(command) = self.read else {
            return None;
        };
        let objects = self.objects().len() + self.behind().len();
        if objects > MAX_OBJECTS {
            Some("objects")
        } else if command.functions.len() > MAX_FUNCTIONS {
            Some("functions")
        } else if objects.saturating_mul(command.columns.named.len()) > MAX_COLUMN_LOOKUPS {
            Some("columns")
        } else {
            None
        }
    }

    /// The action that the statement as a whole is.
    pub(crate) fn action(self) -> &'static str {
        match self.read {
            Read::Command(command) => command.verb.as_str(),
            Read::Opaque(_) => OPAQUE,
        }
    }

    /// The action that a use of an object is: the statement's own, or where that is about
    /// something else, what it amounts to. What an `INSERT` reads needs `select`, what a `PREPARE`
    /// will change needs `write`.
    pub(crate) fn action_on(self, access: Access) -> &'static str {
        match self.read {
            Read::Command(command) if !covers(command.verb, access) => match access {
                // What a write within a COPY returns leaves as any copy does.
                Access::Read if command.copies_out() => Verb::CopyOut.as_str(),
                Access::Read => "select",
                Access::Write => "write",
                Access::Define => "ddl",
            },
            _ => self.action(),
        }
    }

    pub(super) fn objects(self) -> &'a [Object] {
        match (self.read, self.names) {
            (Read::Command(_), Some(names)) => &names.objects,
            (Read::Command(command), None) => &command.objects,
            (Read::Opaque(_), _) => &[],
        }
    }

    /// What is used without being named.
    pub(super) fn behind(self) -> &'a [Behind] {
        self.names.map_or(&[], |names| &names.behind)
    }

    /// Whether the text has this name of a relation without a schema, and a catalogue the schema.
    pub(super) fn is_resolved(self, object: &Object) -> bool {
        let told = |names: &Names| names.unqualified.contains(&object.name);
        object.schema.is_some() && self.names.is_some_and(told)
    }

    /// The classes of the columns that are named, and of those that decide, as a catalogue has them.
    pub(super) fn traced(self) -> Option<(&'a BTreeSet<DataClass>, &'a BTreeSet<DataClass>)> {
        self.names.map(|names| (&names.named, &names.deciding))
    }

    /// The columns by whose values the text decides.
    pub(super) fn deciding(self) -> Option<&'a BTreeSet<String>> {
        match self.read {
            Read::Command(command) => Some(&command.columns.deciding),
            Read::Opaque(_) => None,
        }
    }

    /// Whether it may decide by columns that it does not name, and no catalogue says which those are. What could not
    /// be read may.
    pub(super) fn all_deciding(self) -> bool {
        let known = self.names.is_some_and(|names| names.complete);
        match self.read {
            Read::Command(command) => command.columns.all_deciding && !known,
            Read::Opaque(_) => true,
        }
    }

    /// The columns that the text names.
    pub(super) fn columns(self) -> Option<&'a BTreeSet<String>> {
        match self.read {
            Read::Command(command) => Some(&command.columns.named),
            Read::Opaque(_) => None,
        }
    }

    /// Those whose values it may read.
    pub(super) fn columns_read(self) -> impl Iterator<Item = &'a str> {
        let columns = match self.read {
            Read::Command(command) => Some(&command.columns),
            Read::Opaque(_) => None,
        };
        let read = columns
            .into_iter()
            .flat_map(|columns| columns.named.difference(&columns.unread));
        read.map(String::as_str)
    }

    /// Those that it assigns.
    pub(super) fn columns_written(self) -> impl Iterator<Item = &'a str> {
        let columns = match self.read {
            Read::Command(command) => Some(&command.columns.written),
            Read::Opaque(_) => None,
        };
        columns.into_iter().flatten().map(String::as_str)
    }

    /// Whether it may assign columns that it does not name. What could not be read may.
    pub(super) fn all_columns_written(self) -> bool {
        match self.read {
            Read::Command(command) => command.columns.all_written,
            Read::Opaque(_) => true,
        }
    }

    /// How the statement may use a column of an object that it uses so. Where two relations have a
    /// column of one name, either may be meant.
    pub(super) fn uses_of(self, access: Access, column: &str) -> impl Iterator<Item = Access> {
        let (reads, writes) = match self.read {
            Read::Command(command) => {
                let columns = &command.columns;
                let named = columns.named.contains(column) && !columns.unread.contains(column);
                (
                    columns.all || named,
                    columns.all_written || columns.written.contains(column),
                )
            }
            Read::Opaque(_) => (true, true),
        };
        let uses = match access {
            Access::Read => [reads.then_some(Access::Read), None],
            Access::Write => [
                reads.then_some(Access::Read),
                writes.then_some(Access::Write),
            ],
            Access::Define => [Some(Access::Define), None],
        };
        uses.into_iter().flatten()
    }

    /// Whether the text may mean columns that it does not name. What could not be read may.
    pub(super) fn all_columns(self) -> bool {
        match self.read {
            Read::Command(command) => command.columns.all,
            Read::Opaque(_) => true,
        }
    }

    pub(super) fn predicate(self) -> &'static str {
        let predicate = match self.read {
            Read::Command(command) => command.predicate,
            Read::Opaque(_) => Predicate::NotApplicable,
        };
        match predicate {
            Predicate::NotApplicable => "not_applicable",
            Predicate::Absent => "absent",
            Predicate::Trivial => "trivial",
            Predicate::Present => "present",
        }
    }

    /// The most rows that it answers with; `known` is what the parameter says that limits it.
    pub(super) fn row_limit(self, known: Option<u64>) -> Option<i64> {
        let Read::Command(command) = self.read else {
            return None;
        };
        let limit = match command.row_limit {
            RowLimit::AtMost(limit) => Some(limit),
            RowLimit::Parameter(_) => known,
            RowLimit::Unknown => None,
        };
        limit.map(count)
    }

    /// Whether one row of its answer may hold what was in many. What could not be read may, and so
    /// may a view.
    pub(super) fn gathers(self) -> bool {
        match self.read {
            Read::Command(command) => command.gathers || !self.behind().is_empty(),
            Read::Opaque(_) => true,
        }
    }

    /// Whether its rows leave by a `COPY`. What could not be read may.
    pub(super) fn copies_out(self) -> bool {
        match self.read {
            Read::Command(command) => command.copies_out(),
            Read::Opaque(_) => true,
        }
    }

    pub(super) fn effects(self) -> Vec<&'static str> {
        match self.read {
            Read::Command(command) => command.effects.iter().copied().map(effect_name).collect(),
            Read::Opaque(_) => Vec::new(),
        }
    }

    pub(super) fn functions(self) -> impl Iterator<Item = &'a str> {
        let functions = match self.read {
            Read::Command(command) => Some(&command.functions),
            Read::Opaque(_) => None,
        };
        functions.into_iter().flatten().map(String::as_str)
    }

    pub(super) fn opaque_reason(self) -> Option<&'static str> {
        let Read::Opaque(reason) = self.read else {
            return None;
        };
        Some(match reason {
            OpaqueReason::Encoding => "encoding",
            OpaqueReason::Syntax => "syntax",
            OpaqueReason::TooLarge => "too_large",
            OpaqueReason::Unsupported => "unsupported",
            OpaqueReason::ChangesLexing => "changes_lexing",
        })
    }

    /// The setting that is changed, and its value where that is known.
    pub(super) fn setting(self) -> Option<(&'a str, Option<&'a str>)> {
        match self.read {
            Read::Command(Command {
                control: Control::Set { name, value },
                ..
            }) => Some((name, value.as_deref())),
            _ => None,
        }
    }
}

/// An effect as `context.effects` has it.
pub(crate) fn effect_name(effect: Effect) -> &'static str {
    match effect {
        Effect::Ddl => "ddl",
        Effect::Destroy => "destroy",
        Effect::Privilege => "privilege",
        Effect::File => "file",
        Effect::Program => "program",
        Effect::Network => "network",
        Effect::DynamicCode => "dynamic_code",
        Effect::Derives => "derives",
        Effect::Setting => "setting",
        Effect::Session => "session",
    }
}

/// A number of rows as Cedar counts.
pub(super) fn count(rows: u64) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// How an object is used, as `context.access`.
pub(super) fn access(access: Access) -> &'static str {
    match access {
        Access::Read => "read",
        Access::Write => "write",
        Access::Define => "define",
    }
}

/// Whether such a use of an object is what the verb is about.
fn covers(verb: Verb, access: Access) -> bool {
    match verb {
        Verb::Select | Verb::CopyOut => access == Access::Read,
        Verb::Insert | Verb::Update | Verb::Delete | Verb::Merge | Verb::CopyIn => {
            access == Access::Write
        }
        Verb::Create | Verb::Alter | Verb::Comment => access == Access::Define,
        Verb::Truncate | Verb::Drop => access != Access::Read,
        // An EXPLAIN writes nothing and makes nothing, but tells about what it would read.
        Verb::Explain => access != Access::Read,
        // About objects, but neither their rows nor their shape.
        Verb::Connect
        | Verb::Grant
        | Verb::Revoke
        | Verb::Role
        | Verb::Assume
        | Verb::System
        | Verb::Lock
        | Verb::Maintain => true,
        // Harmless by themselves, whatever they are about.
        Verb::Set
        | Verb::Show
        | Verb::Transaction
        | Verb::Prepare
        | Verb::Execute
        | Verb::Deallocate
        | Verb::Declare
        | Verb::Fetch
        | Verb::Close
        | Verb::Notify
        | Verb::Call
        | Verb::Do
        | Verb::FunctionCall
        | Verb::Replicate
        | Verb::Empty => false,
    }
}
