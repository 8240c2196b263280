//! A query text as weir reads it.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use weir_command::{Control, Effect, Object, Statement, Verb, sql};
use weir_policy::Footprint;
use weir_record::Circumstances;

use super::{
    held::{Held, Lease},
    plans::Plans,
    portal::Behind,
    reading::{By, Judgement, Reading},
    replication,
    traits::Traits,
};
use crate::mask::lineage::Lineage;

/// A query text, read.
#[derive(Debug)]
pub(super) struct Prepared {
    text: Bytes,
    /// The types that its parameters were declared with, by their oids.
    types: Box<[u32]>,
    reading: Arc<Reading>,
    /// What the text counts as among what the session holds.
    lease: OnceLock<Arc<Lease>>,
}

/// What a name of a prepared statement was given to.
#[derive(Clone, Debug)]
pub(super) struct Defined {
    /// The statement.
    pub prepared: Arc<Prepared>,
    /// When, as [`Governed::turn`](super::governed::Governed) counts.
    pub turn: u64,
    /// By a Parse, and not by `PREPARE`.
    pub parsed: bool,
}

impl Prepared {
    /// Reads `text`.
    #[must_use]
    #[cfg(test)]
    pub(super) fn read(text: Bytes) -> Self {
        let statements = sql::statements(&text, &sql::Limits::default());
        Self::of(text, statements)
    }

    /// A text whose statements were read elsewhere.
    #[must_use]
    pub(super) fn of(text: Bytes, statements: Vec<Statement>) -> Self {
        Self::new(text, &[], Arc::new(Reading::of(statements)))
    }

    /// A text with the types that its parameters were declared with.
    #[must_use]
    pub(super) fn new(text: Bytes, types: &[u32], reading: Arc<Reading>) -> Self {
        Self {
            text,
            types: types.into(),
            reading,
            lease: OnceLock::new(),
        }
    }

    /// Some statements of it that are to be held by themselves. They share its text.
    #[must_use]
    pub(super) fn part(&self, statements: Vec<Statement>, held: &Held) -> Self {
        Self {
            lease: Arc::clone(self.leased(held)).into(),
            ..Self::of(self.text.clone(), statements)
        }
    }

    /// Counts it as held by its session from now on.
    pub(super) fn hold(&self, held: &Held) {
        self.leased(held);
        self.reading.hold(held);
    }

    fn leased(&self, held: &Held) -> &Arc<Lease> {
        self.lease.get_or_init(|| {
            let own = self.text.len() + size_of_val(&*self.types);
            Arc::new(held.lease(own))
        })
    }

    /// The text, as it was sent.
    #[must_use]
    pub(super) fn text(&self) -> &Bytes {
        &self.text
    }

    /// The types that its parameters were declared with.
    #[must_use]
    pub(super) fn types(&self) -> &[u32] {
        &self.types
    }

    /// Its statements.
    #[must_use]
    pub(super) fn statements(&self) -> &[Statement] {
        self.reading.statements()
    }

    /// Its statements as they were judged last: with the relations that their names meant, and those
    /// behind them.
    #[must_use]
    pub(super) fn meant(&self) -> Arc<[Statement]> {
        self.reading.meant()
    }

    /// What the catalogue says of its statements.
    #[must_use]
    pub(super) fn traits(&self, lineage: &Arc<Lineage>) -> Traits {
        self.reading.traits(lineage)
    }

    /// How its portals' columns were treated.
    #[must_use]
    pub(super) fn plans(&self) -> &Plans {
        self.reading.plans()
    }

    /// What tells what it means from what others of the same text would.
    #[must_use]
    pub(super) fn meaning(&self) -> String {
        let meant = self.meant();
        let mut meaning = String::new();
        for (statement, meant) in self.statements().iter().zip(&*meant) {
            if let (Statement::Command(command), Statement::Command(meant)) = (statement, meant) {
                let resolved = meant
                    .objects
                    .iter()
                    .filter(|o| !command.objects.contains(o));
                for Object { schema, name, .. } in resolved {
                    let schema = schema.as_deref().unwrap_or_default();
                    meaning.push_str(&format!(" {schema:?}.{name:?}"));
                }
            }
        }
        meaning
    }

    /// The shape of its text, and of what its names mean.
    #[must_use]
    pub(super) fn shape(&self) -> Option<String> {
        let mut shape = sql::shape(&self.text, &sql::Limits::default())?;
        let meaning = self.meaning();
        if !meaning.is_empty() {
            shape.push_str(" --");
            shape.push_str(&meaning);
        }
        Some(shape)
    }

    /// What signals count it as.
    #[must_use]
    pub(super) fn footprint(&self) -> &Footprint {
        self.reading.footprint()
    }

    /// What else is carried out with it: what `EXECUTE` and `FETCH` name.
    pub(super) fn controls(&self) -> impl Iterator<Item = &Control> {
        self.statements().iter().map(|statement| match statement {
            Statement::Command(command) => &command.control,
            Statement::Opaque(_) => &Control::None,
        })
    }

    /// Whether it finds what it runs by a name.
    #[must_use]
    pub(super) fn looks_up_names(&self) -> bool {
        self.controls()
            .any(|control| matches!(control, Control::Execute { .. } | Control::Fetch { .. }))
    }

    /// Whether it says that it changes what relations and columns there are, or what they are called.
    #[must_use]
    pub(super) fn changes_shape(&self) -> bool {
        self.statements().iter().any(|statement| match statement {
            Statement::Command(command) => {
                command.effects.contains(&Effect::Ddl)
                    // What was prepared another session may have said, long ago.
                    || command.verb == Verb::Transaction && self.has_word(b"prepared")
            }
            Statement::Opaque(_) => true,
        })
    }

    /// The same, or whether it runs code that may.
    #[must_use]
    pub(super) fn may_reshape(&self, lineage: &Arc<Lineage>) -> bool {
        self.changes_shape() || self.traits(lineage).reshapes
    }

    fn has_word(&self, word: &[u8]) -> bool {
        let mut parts = self.text.windows(word.len());
        parts.any(|part| part.eq_ignore_ascii_case(word))
    }

    /// Whether it may ask for this. What weir could not read may ask for anything.
    #[must_use]
    pub(super) fn may(&self, verb: Verb) -> bool {
        self.statements().iter().any(|statement| match statement {
            Statement::Command(command) => command.verb == verb,
            Statement::Opaque(_) => true,
        })
    }

    /// Whether rows may leave it by a `COPY`.
    #[must_use]
    pub(super) fn copies_out(&self) -> bool {
        self.statements().iter().any(|statement| match statement {
            Statement::Command(command) => command.copies_out(),
            Statement::Opaque(_) => true,
        })
    }

    /// Whether it is a command of streaming replication.
    #[must_use]
    pub(super) fn replicates(&self) -> bool {
        self.statements().iter().any(replication::is_command)
    }

    /// Whether carrying it out may do what earlier statements have put off.
    #[must_use]
    pub(super) fn settles_transaction(&self) -> bool {
        // SET CONSTRAINTS … IMMEDIATE, too, checks what was deferred.
        self.may(Verb::Transaction) || self.may(Verb::Set)
    }

    /// Judges it, together with the statements `behind` the names in it (see [`Reading::judge`]).
    #[must_use]
    pub(super) fn judge(
        &self,
        by: By<'_>,
        circumstances: Circumstances,
        behind: &Behind,
    ) -> Judgement {
        self.reading.judge(by, circumstances, behind)
    }
}
