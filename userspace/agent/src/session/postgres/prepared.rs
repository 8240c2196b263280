//! A query text as weir reads it, and what policy last said of it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use bytes::Bytes;
use weir_command::{Control, Effect, Object, Statement, Verb, sql};
use weir_policy::{Ask, Footprint, Named, Names, Permit, Raised, Refusal, Verdict};
use weir_record::Circumstances;

use super::{
    plans::Plans,
    portal::Behind,
    replication,
    traits::{Seen, Traits},
};
use crate::{
    mask::{
        exposure::{self, Exposure},
        lineage::{Lineage, Sight},
    },
    session::judge::Judge,
};

/// Most texts that a session remembers the reading of; past it the memory starts anew.
const REMEMBERED_TEXTS: usize = 512;
/// Longest text that is remembered, in bytes.
const REMEMBERED_BYTES: usize = 16 * 1024;

/// A query text, read.
#[derive(Debug)]
pub(super) struct Prepared {
    text: Bytes,
    /// The types that its parameters were declared with, by their oids.
    types: Box<[u32]>,
    statements: Arc<[Statement]>,
    footprint: OnceLock<Footprint>,
    last: Mutex<Option<Remembered>>,
    seen: Seen,
    plans: Plans,
}

#[derive(Debug)]
struct Remembered {
    /// By whom, and for whom, as [`Judge::changes`] counts.
    by: u64,
    lineage: Arc<Lineage>,
    sight: Sight,
    raised: Raised,
    circumstances: Circumstances,
    judgement: Judgement,
    meant: Arc<[Statement]>,
}

/// What a message is judged by beside its text: policy, the catalogue, and how well names are known.
type By<'a> = (&'a Judge, &'a Arc<Lineage>, &'a Sight);

/// What policy and masking say of one message.
#[derive(Clone, Debug)]
pub(super) enum Judgement {
    /// It may go on, and may show this much.
    Allowed(Permit, Arc<Exposure>),
    /// It may once people say so, and may show this much then.
    Asks(Box<Ask>, Arc<Exposure>),
    /// It may not.
    Refused(Refusal),
}

impl Prepared {
    /// Reads `text`.
    #[must_use]
    pub(super) fn read(text: Bytes) -> Self {
        let statements = sql::statements(&text, &sql::Limits::default());
        Self::of(text, statements)
    }

    /// A text whose statements were read elsewhere.
    #[must_use]
    pub(super) fn of(text: Bytes, statements: Vec<Statement>) -> Self {
        Self {
            text,
            types: Box::default(),
            statements: statements.into(),
            footprint: OnceLock::new(),
            last: Mutex::default(),
            seen: Seen::default(),
            plans: Plans::default(),
        }
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
        &self.statements
    }

    /// Its statements as they were judged last: with the relations that their names meant, and those
    /// behind them.
    #[must_use]
    pub(super) fn meant(&self) -> Arc<[Statement]> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let meant = last.as_ref().map_or(&self.statements, |last| &last.meant);
        Arc::clone(meant)
    }

    /// What the catalogue says of its statements.
    #[must_use]
    pub(super) fn traits(&self, lineage: &Arc<Lineage>) -> Traits {
        self.seen.traits(&self.statements, lineage)
    }

    /// How its portals' columns were treated.
    #[must_use]
    pub(super) fn plans(&self) -> &Plans {
        &self.plans
    }

    /// What tells what it means from what others of the same text would.
    #[must_use]
    pub(super) fn meaning(&self) -> String {
        let meant = self.meant();
        let mut meaning = String::new();
        for (statement, meant) in self.statements.iter().zip(&*meant) {
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
        self.footprint
            .get_or_init(|| Footprint::of(&*self.statements))
    }

    /// What else is carried out with it: what `EXECUTE` and `FETCH` name.
    pub(super) fn controls(&self) -> impl Iterator<Item = &Control> {
        self.statements.iter().map(|statement| match statement {
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
        self.statements.iter().any(|statement| match statement {
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
        self.statements.iter().any(|statement| match statement {
            Statement::Command(command) => command.verb == verb,
            Statement::Opaque(_) => true,
        })
    }

    /// Whether rows may leave it by a `COPY`.
    #[must_use]
    pub(super) fn copies_out(&self) -> bool {
        self.statements.iter().any(|statement| match statement {
            Statement::Command(command) => command.copies_out(),
            Statement::Opaque(_) => true,
        })
    }

    /// Whether it is a command of streaming replication.
    #[must_use]
    pub(super) fn replicates(&self) -> bool {
        self.statements.iter().any(replication::is_command)
    }

    /// Whether carrying it out may do what earlier statements have put off.
    #[must_use]
    pub(super) fn settles_transaction(&self) -> bool {
        // SET CONSTRAINTS … IMMEDIATE, too, checks what was deferred.
        self.may(Verb::Transaction) || self.may(Verb::Set)
    }

    /// Judges it, together with the statements `behind` the names in it. The answer is remembered
    /// as long as policy, signals, catalogue and circumstances stay the same and nothing is behind
    /// it.
    #[must_use]
    pub(super) fn judge(
        &self,
        (judge, lineage, sight): By<'_>,
        circumstances: Circumstances,
        behind: &Behind,
    ) -> Judgement {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if behind.any {
            *last = None;
            return self
                .judge_anew((judge, lineage, sight), circumstances, behind)
                .0;
        }
        if let Some(remembered) = &*last
            && remembered.by == judge.changes()
            && remembered.raised == judge.raised()
            && remembered.circumstances == circumstances
            && remembered.sight == *sight
            && Arc::ptr_eq(&remembered.lineage, lineage)
        {
            return remembered.judgement.clone();
        }
        let by = (judge, lineage, sight);
        let (judgement, meant) = self.judge_anew(by, circumstances, behind);
        *last = Some(Remembered {
            by: judge.changes(),
            lineage: Arc::clone(lineage),
            sight: sight.clone(),
            raised: judge.raised(),
            circumstances,
            judgement: judgement.clone(),
            meant,
        });
        judgement
    }

    fn judge_anew(
        &self,
        (judge, lineage, sight): By<'_>,
        circumstances: Circumstances,
        behind: &Behind,
    ) -> (Judgement, Arc<[Statement]>) {
        let all = || {
            self.statements
                .iter()
                .chain(behind.statements.iter().flat_map(|p| &*p.statements))
        };
        let names: Vec<Option<Names>> = all().map(|s| lineage.names(s, sight)).collect();
        let judgement = self.judged((judge, lineage), circumstances, behind, &names);
        (judgement, self.with_names(&names))
    }

    /// Its statements with these names; themselves where the names say nothing new.
    fn with_names(&self, names: &[Option<Names>]) -> Arc<[Statement]> {
        let tells = |(statement, names): (&Statement, &Option<Names>)| match (statement, names) {
            (Statement::Command(command), Some(names)) => {
                !names.behind.is_empty() || names.objects != command.objects
            }
            _ => false,
        };
        if !self.statements.iter().zip(names).any(tells) {
            return Arc::clone(&self.statements);
        }
        let meant = self.statements.iter().zip(names);
        let meant = meant.map(|(statement, names)| match (statement.clone(), names) {
            (Statement::Command(mut command), Some(names)) => {
                command.objects.clone_from(&names.objects);
                for behind in &names.behind {
                    if !command.objects.contains(&behind.object) {
                        command.objects.push(behind.object.clone());
                    }
                }
                Statement::Command(command)
            }
            (statement, _) => statement,
        });
        meant.collect()
    }

    fn judged(
        &self,
        (judge, lineage): (&Judge, &Lineage),
        circumstances: Circumstances,
        behind: &Behind,
        names: &[Option<Names>],
    ) -> Judgement {
        let all = || {
            self.statements
                .iter()
                .chain(behind.statements.iter().flat_map(|p| &*p.statements))
        };
        let named = all().zip(names).map(|(statement, names)| Named {
            statement,
            names: names.as_ref(),
        });
        let verdict = judge.judge_in(circumstances, named.clone());
        let clear = match &verdict {
            Verdict::Allow(permit) => permit.clear(),
            Verdict::Ask(ask) => ask.clear(),
            Verdict::Deny(refusal) => return Judgement::Refused(refusal.clone()),
        };
        if let Verdict::Allow(permit) = &verdict
            && let Some(refusal) = exposure::stands(permit, all(), lineage)
        {
            return Judgement::Refused(refusal);
        }
        if all().any(replication::is_command)
            && let Some(refusal) = replication::masked(judge, clear)
        {
            return Judgement::Refused(refusal);
        }
        let mut exposure = behind.exposure.clone();
        for named in named {
            exposure.join(Exposure::of(named, lineage, clear));
        }
        for statement in all() {
            if let Statement::Command(command) = statement
                && let Some(refusal) = exposure.escapes(command, judge.version())
            {
                return Judgement::Refused(refusal);
            }
        }
        let exposure = Arc::new(exposure);
        match verdict {
            Verdict::Allow(permit) => Judgement::Allowed(permit, exposure),
            // What masking refuses is refused above: nobody is asked for it in vain.
            Verdict::Ask(ask) => Judgement::Asks(Box::new(ask), exposure),
            Verdict::Deny(refusal) => Judgement::Refused(refusal),
        }
    }
}

/// The texts that a session has read.
#[derive(Debug, Default)]
pub(super) struct Texts(HashMap<Bytes, Arc<Prepared>>);

impl Texts {
    /// The reading of `text`, whose parameters are declared with these `types`.
    pub(super) fn read(&mut self, text: &Bytes, types: &[u32]) -> Arc<Prepared> {
        if let Some(known) = self.0.get(text)
            && *known.types == *types
        {
            return Arc::clone(known);
        }
        // A copy: the text shares its buffer with whatever else was read with it.
        let prepared = Arc::new(Prepared {
            types: types.into(),
            ..Prepared::read(Bytes::copy_from_slice(text))
        });
        if text.len() <= REMEMBERED_BYTES {
            if self.0.len() >= REMEMBERED_TEXTS {
                self.0.clear();
            }
            self.0.insert(prepared.text.clone(), Arc::clone(&prepared));
        }
        prepared
    }
}
