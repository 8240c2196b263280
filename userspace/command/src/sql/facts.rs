//! What has been learnt of one statement, on its way to a [`Command`].

use std::collections::BTreeSet;

use crate::model::{
    Access, ColumnUse, Command, Control, Effect, Effects, Object, Predicate, RowLimit, Statement,
    Verb,
};

use super::made::Makings;
use super::unread::Unread;

/// What has been learnt of one statement.
#[derive(Default)]
pub(super) struct Facts {
    objects: Vec<Object>,
    known: BTreeSet<Object>,
    /// The columns named.
    pub(super) columns: ColumnUse,
    /// The effects beside rows.
    pub(super) effects: Effects,
    /// The functions called.
    pub(super) functions: BTreeSet<String>,
    /// What an identifier may name to mean a whole row: relations and their aliases.
    pub(super) rows: BTreeSet<String>,
    /// Of those, the ones that aren't merely a function's: what it returns, often one value and no row,
    /// holds nothing but what was made of its arguments.
    pub(super) relations: BTreeSet<String>,
    /// Identifiers without a qualifier that decide: one of them may be a whole row.
    pub(super) deciding: BTreeSet<String>,
    /// What values are made of, and results of subqueries are called.
    pub(super) makings: Makings,
    /// True once rows of a relation are read, a common table expression's included.
    pub(super) reads: bool,
    /// The strictest of the statement's writes.
    pub(super) write: Option<(Verb, Predicate)>,
    /// How many rows the query as a whole may return.
    pub(super) row_limit: RowLimit,
    /// True once a query stands in the place of a value.
    pub(super) gathers: bool,
    /// True for `SELECT … INTO`.
    pub(super) makes_table: bool,
    /// The settings that functions change.
    pub(super) settings: Vec<Control>,
}

impl Facts {
    /// Notes an object, once for each way of using it.
    pub(super) fn object(&mut self, object: Object) {
        if self.known.insert(object.clone()) {
            self.objects.push(object);
        }
    }

    /// Notes a write. Of several the strictest verb and the strictest predicate stay.
    pub(super) fn wrote(&mut self, verb: Verb, predicate: Predicate) {
        let (other, least) = self.write.unwrap_or((verb, predicate));
        let verb = if severity(verb) > severity(other) {
            verb
        } else {
            other
        };
        let predicate = if laxity(predicate) > laxity(least) {
            predicate
        } else {
            least
        };
        self.write = Some((verb, predicate));
    }

    /// Takes over what another part of the statement taught.
    pub(super) fn absorb(&mut self, other: Self) {
        for object in other.objects {
            self.object(object);
        }
        self.columns.named.extend(other.columns.named);
        self.columns.all |= other.columns.all;
        self.columns.deciding.extend(other.columns.deciding);
        self.columns.all_deciding |= other.columns.all_deciding;
        self.deciding.extend(other.deciding);
        self.makings.absorb(other.makings);
        self.columns.written.extend(other.columns.written);
        self.columns.reworked.extend(other.columns.reworked);
        self.columns.all_written |= other.columns.all_written;
        self.effects.extend(other.effects);
        self.functions.extend(other.functions);
        self.rows.extend(other.rows);
        self.relations.extend(other.relations);
        self.reads |= other.reads;
        self.gathers |= other.gathers;
        self.makes_table |= other.makes_table;
        if let Some((verb, predicate)) = other.write {
            self.wrote(verb, predicate);
        }
        self.settings.extend(other.settings);
    }

    /// Takes over all that another command does.
    pub(super) fn include(&mut self, other: Command) {
        let ColumnUse {
            named,
            all,
            deciding,
            all_deciding,
            written,
            unread,
            reworked,
            all_written,
        } = other.columns;
        for object in other.objects {
            self.object(object);
        }
        let columns = &mut self.columns;
        columns.named.extend(named.difference(&unread).cloned());
        columns.all |= all;
        columns.deciding.extend(deciding);
        columns.all_deciding |= all_deciding;
        columns.written.extend(written);
        columns.reworked.extend(reworked);
        columns.all_written |= all_written;
        self.effects.extend(other.effects);
        self.functions.extend(other.functions);
        self.gathers |= other.gathers;
    }

    /// The verb and the predicate of a query that stands for itself.
    pub(super) fn asked(&self) -> (Verb, Predicate) {
        match self.write {
            Some(write) => write,
            None if self.makes_table => (Verb::Create, Predicate::NotApplicable),
            None => (Verb::Select, Predicate::NotApplicable),
        }
    }

    /// The command of a query that stands for itself.
    pub(super) fn asked_command(self) -> Result<Statement, Unread> {
        if self.makes_table && self.write.is_some() {
            return Err(Unread::Unsupported("SELECT INTO together with a write"));
        }
        let (verb, predicate) = self.asked();
        self.command(verb, predicate, Control::None)
    }

    /// A command that takes no predicate and on which nothing depends.
    pub(super) fn done(self, verb: Verb) -> Result<Statement, Unread> {
        self.command(verb, Predicate::NotApplicable, Control::None)
    }

    /// How many rows a statement of this verb answers with. What writes does so whatever it
    /// returns, and a parameter is the statement's own only where it is run as it stands.
    fn limit_of(&self, verb: Verb) -> RowLimit {
        let answers = match verb {
            Verb::Select => true,
            Verb::CopyOut | Verb::Declare | Verb::Prepare | Verb::Fetch => {
                !matches!(self.row_limit, RowLimit::Parameter(_))
            }
            _ => false,
        };
        if answers && self.write.is_none() {
            self.row_limit
        } else {
            RowLimit::Unknown
        }
    }

    /// Until here what is assigned was kept apart from what is named.
    fn tell_written(&mut self) {
        let ColumnUse {
            named,
            written,
            unread,
            all_written,
            ..
        } = &mut self.columns;
        let writes = |object: &Object| object.access == Access::Write;
        *all_written |= written.is_empty() && self.objects.iter().any(writes);
        *unread = written.difference(named).cloned().collect();
        named.extend(written.iter().cloned());
    }

    /// What decides by the name of a result decides by what that is made of.
    fn look_behind(&mut self) {
        let deciding = self.makings.deciding(&self.columns.deciding);
        self.columns.deciding.extend(deciding.columns);
        self.columns.all_deciding |= deciding.all;
        self.deciding.extend(deciding.idents);
    }

    /// All that is named decides.
    pub(super) fn all_decides(&mut self) {
        self.columns
            .deciding
            .extend(self.columns.named.iter().cloned());
        self.deciding.extend(self.columns.named.iter().cloned());
        self.columns.all_deciding |= self.columns.all;
    }

    /// Notes what an identifier may name to mean a relation's whole row.
    pub(super) fn row(&mut self, name: String) {
        self.relations.insert(name.clone());
        self.rows.insert(name);
    }

    /// Notes effects.
    pub(super) fn has<const N: usize>(&mut self, effects: [Effect; N]) {
        self.effects.extend(effects);
    }

    /// The command.
    pub(super) fn command(
        mut self,
        verb: Verb,
        predicate: Predicate,
        control: Control,
    ) -> Result<Statement, Unread> {
        let mut controls = self
            .settings
            .drain(..)
            .chain((control != Control::None).then_some(control));
        let control = controls.next().unwrap_or_default();
        if controls.any(|other| other != control) {
            return Err(Unread::Unsupported(
                "several changes of what later requests depend on",
            ));
        }
        drop(controls);
        self.row_limit = self.limit_of(verb);
        self.tell_written();
        self.look_behind();
        // an identifier equal to a relation's name or alias may mean its whole row
        self.columns.all |= !self.columns.named.is_disjoint(&self.rows);
        self.columns.all_deciding |= !self.deciding.is_disjoint(&self.relations);
        for object in &self.objects {
            if object.access == Access::Write && is_catalogue(object) {
                self.effects.extend([Effect::Ddl, Effect::Privilege]);
            }
        }
        Ok(Statement::Command(Box::new(Command {
            verb,
            objects: self.objects,
            columns: self.columns,
            predicate,
            effects: self.effects,
            operators: BTreeSet::new(),
            row_limit: self.row_limit,
            gathers: self.gathers || !self.functions.is_empty(),
            functions: self.functions,
            control,
        })))
    }
}

/// True for a table in which the server keeps its own shape. Large objects are data.
fn is_catalogue(object: &Object) -> bool {
    if object.name == "pg_largeobject" {
        return false;
    }
    match object.schema.as_deref() {
        Some("pg_catalog" | "pg_toast" | "information_schema") => true,
        Some(_) => false,
        None => object.name.starts_with("pg_"),
    }
}

fn severity(verb: Verb) -> u8 {
    match verb {
        Verb::Delete => 3,
        Verb::Merge => 2,
        Verb::Update => 1,
        _ => 0,
    }
}

fn laxity(predicate: Predicate) -> u8 {
    match predicate {
        Predicate::NotApplicable => 0,
        Predicate::Present => 1,
        Predicate::Trivial => 2,
        Predicate::Absent => 3,
    }
}
