//! What a statement could show beyond its plain result columns.
//!
//! RowDescription names the source of a column that is one. An expression has no source, an error
//! may quote a row, a copy has no description at all: for these, what the statement *names*
//! decides. Doubt counts as exposure.

use weir_command::{Access, Command, Effect, Object, Statement, Verb};
use weir_policy::{Clear, Named, Permit, PolicyVersion, Refusal, WouldBe};

use super::lineage::{Lineage, Sensitive};
use crate::approve::{self, Unheld};

/// The exposure of one statement, or of several taken together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exposure {
    /// It may compute with values of this sort: its untraceable columns are treated so, and
    /// nothing may be derived or copied from it.
    pub computes: Option<Sensitive>,
    /// It names a relation that has such columns: an error's details may quote a row.
    pub touches: bool,
    /// It computes such a value anew from itself, so that its mask would show another part.
    pub reworks: bool,
    /// Relations may have changed since the catalogue was read: what a view shows isn't known.
    pub reshaped: bool,
}

impl Exposure {
    /// The exposure of a statement.
    #[must_use]
    pub fn of<'a>(statement: impl Into<Named<'a>>, lineage: &Lineage, clear: &Clear) -> Self {
        let Named { statement, names } = statement.into();
        match statement {
            Statement::Command(command) => {
                let objects = names.map_or(&command.objects, |names| &names.objects);
                Self::of_command(command, objects, lineage, clear)
            }
            // A policy that permits what weir can't read still doesn't permit a reveal.
            Statement::Opaque(_) => Self::everything(lineage, clear),
        }
    }

    /// The exposure of something that can read anything.
    #[must_use]
    pub fn everything(lineage: &Lineage, clear: &Clear) -> Self {
        match lineage.any_hidden(clear) {
            Some(sensitive) => Self {
                computes: Some(sensitive.clone()),
                touches: true,
                ..Self::default()
            },
            None => Self::default(),
        }
    }

    /// The exposure of something that can read anything, by names that may mean anything.
    #[must_use]
    pub fn reshaped(lineage: &Lineage, clear: &Clear) -> Self {
        Self {
            reshaped: true,
            ..Self::everything(lineage, clear)
        }
    }

    fn of_command(command: &Command, objects: &[Object], lineage: &Lineage, clear: &Clear) -> Self {
        let mut exposure = Self::default();
        if runs_code(command, lineage) {
            exposure.join(Self::everything(lineage, clear));
        }
        for object in objects.iter().filter(|o| o.access != Access::Define) {
            let schema = object.schema.as_deref();
            let mut relations = lineage.named(schema, &object.name).peekable();
            // What is read and nobody knows may hold anything: a toast table does, or what isn't there for
            // others yet. In another encoding than the text seems to be in, other letters mean another name.
            let is_known = relations.peek().is_some();
            if !is_known && (object.access == Access::Read || !object.name.is_ascii()) {
                exposure.join(Self::everything(lineage, clear));
            }
            for relation in relations {
                if object.access == Access::Write {
                    if relation.is_reactive() {
                        exposure.join(Self::everything(lineage, clear));
                    }
                    exposure.touches |= relation.behind().any(|class| !clear.shows(class));
                }
                let hidden = relation.sensitive().filter(|(_, s)| !clear.shows(&s.class));
                for (column, sensitive) in hidden {
                    exposure.touches = true;
                    exposure.reworks |= command.columns.reworked.contains(column);
                    if command.columns.all || command.columns.named.contains(column) {
                        exposure.computes.get_or_insert_with(|| sensitive.clone());
                    }
                }
            }
        }
        exposure
    }

    /// Takes the stricter of both, in each respect.
    pub fn join(&mut self, other: Self) {
        self.touches |= other.touches;
        self.reworks |= other.reworks;
        self.reshaped |= other.reshaped;
        if self.computes.is_none() {
            self.computes = other.computes;
        }
    }

    /// Whether the statement would carry sensitive values where no mask reaches.
    #[must_use]
    pub fn escapes(&self, command: &Command, version: &PolicyVersion) -> Option<Refusal> {
        let class = &self.computes.as_ref()?.class;
        let refusal = |rule: &str, message: String| {
            Some(Refusal {
                rule: rule.to_owned(),
                message,
                deciding: Vec::new(),
                version: version.clone(),
            })
        };
        if command.copies_out() {
            let message = format!(
                "COPY would show values of class `{class}`, which can't be masked in a copy; \
                 select the rows instead, or name only other columns"
            );
            return refusal("mask-copy", message);
        }
        if self.reworks {
            let message = format!(
                "the statement would compute values of class `{class}` anew from themselves, so that their mask \
                 shows another part of them"
            );
            return refusal("mask-derive", message);
        }
        if command.effects.contains(&Effect::Derives) || carries_away(command) {
            let message = format!(
                "the statement would write values derived from class `{class}` to where no mask \
                 follows them"
            );
            return refusal("mask-derive", message);
        }
        None
    }
}

/// The refusal that holds though its workload is only observed: what would have been refused and
/// could carry sensitive values out of the reach of every mask, by code that weir doesn't see or by
/// another name for what masking rules name.
#[must_use]
pub fn stands<'a>(
    permit: &Permit,
    mut statements: impl Iterator<Item = &'a Statement>,
    lineage: &Lineage,
) -> Option<Refusal> {
    let would_be = permit.would_be()?;
    let class = &Exposure::everything(lineage, permit.clear())
        .computes?
        .class;
    let hides = |statement: &Statement| match statement {
        Statement::Opaque(_) => true,
        Statement::Command(command) => {
            command.effects.contains(&Effect::DynamicCode)
                || matches!(
                    command.verb,
                    Verb::Alter | Verb::Call | Verb::Do | Verb::FunctionCall
                )
        }
    };
    if !statements.any(hides) {
        return None;
    }
    let refusal = match would_be {
        WouldBe::Deny(refusal) => refusal.clone(),
        WouldBe::Ask(ask) => approve::unheld(ask, Unheld::Observed),
    };
    let message = format!(
        "{}; this holds for an observed workload too, since values of class `{class}` might escape \
         their mask",
        refusal.message
    );
    Some(Refusal { message, ..refusal })
}

/// Functions that put what they are given where it can be had again: a notification goes to all
/// that listen, a large object and a sequence can be read, the keys of advisory locks are listed, and so
/// are statistics, slots and origins. The number of a large object and the place in an open one are values
/// too, and what follows a seed tells the seed.
const KEEPERS: [&str; 7] = [
    "loread",
    "lowrite",
    "pg_logical_emit_message",
    "pg_notify",
    "set_limit",
    "setseed",
    "setval",
];
/// The same, by how their names begin.
const KEEPERS_BEGIN: [&str; 7] = [
    "lo_",
    "pg_advisory_",
    "pg_clear_",
    "pg_create_",
    "pg_replication_origin_",
    "pg_restore_",
    "pg_try_advisory_",
];

/// Whether `command` may hand a value that it computes to where it can be had from again. A
/// setting comes back by `SHOW`, and is reported when it changes.
fn carries_away(command: &Command) -> bool {
    let keeps = |name: &String| {
        let name = name.rsplit('.').next().unwrap_or(name);
        KEEPERS.contains(&name) || KEEPERS_BEGIN.iter().any(|begin| name.starts_with(begin))
    };
    command.effects.contains(&Effect::Setting) || command.functions.iter().any(keeps)
}

/// Whether `command` runs code that its text does not show, and which may read tables.
#[must_use]
pub fn runs_code(command: &Command, lineage: &Lineage) -> bool {
    let mut functions = command.functions.iter();
    functions.any(|name| lineage.may_read_tables(name))
        || command.columns.named.iter().any(|c| lineage.may_be_call(c))
        || lineage.may_operate(&command.operators)
        || command.effects.contains(&Effect::DynamicCode)
        || matches!(command.verb, Verb::Call | Verb::Do | Verb::FunctionCall)
}

#[cfg(test)]
mod tests;
