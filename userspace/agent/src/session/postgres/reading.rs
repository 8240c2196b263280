//! What texts were read as, and what policy last said of it.
//!
//! Nothing of a text is judged but the statements that it was read as: texts that differ in a literal
//! have one reading, and one judgement.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use weir_command::Statement;
use weir_policy::{Ask, Footprint, Named, Names, Permit, Raised, Refusal, Verdict};
use weir_record::Circumstances;

use super::{
    held::{Held, Lease, weight},
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

/// What a message is judged by beside its text: policy, the catalogue, and how well names are known.
pub(super) type By<'a> = (&'a Judge, &'a Arc<Lineage>, &'a Sight);

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

/// What texts have in common that are read as the same statements: all that is judged. Texts that
/// differ in a literal are read alike.
#[derive(Debug)]
pub(super) struct Reading {
    statements: Arc<[Statement]>,
    footprint: OnceLock<Footprint>,
    last: Mutex<Option<Remembered>>,
    seen: Seen,
    plans: Plans,
    /// What it counts as among what the session holds.
    lease: OnceLock<Lease>,
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

impl Reading {
    /// Of these statements, as nobody has judged them yet.
    pub(super) fn of(statements: Vec<Statement>) -> Self {
        Self {
            statements: statements.into(),
            footprint: OnceLock::new(),
            last: Mutex::default(),
            seen: Seen::default(),
            plans: Plans::default(),
            lease: OnceLock::new(),
        }
    }

    /// Counts it as held by its session from now on: as it was read, as signals count it, and as it was
    /// judged.
    pub(super) fn hold(&self, held: &Held) {
        self.lease
            .get_or_init(|| held.lease(2 * weight(&self.statements) + weight(&self.meant())));
    }

    /// Its statements.
    pub(super) fn statements(&self) -> &Arc<[Statement]> {
        &self.statements
    }

    /// Whether all of it was read as commands.
    pub(super) fn is_of_commands(&self) -> bool {
        let mut statements = self.statements.iter();
        statements.all(|statement| matches!(statement, Statement::Command(_)))
    }

    /// What the catalogue says of them.
    pub(super) fn traits(&self, lineage: &Arc<Lineage>) -> Traits {
        self.seen.traits(&self.statements, lineage)
    }

    /// How the columns of portals were treated.
    pub(super) fn plans(&self) -> &Plans {
        &self.plans
    }

    /// What signals count them as.
    pub(super) fn footprint(&self) -> &Footprint {
        self.footprint
            .get_or_init(|| Footprint::of(&*self.statements))
    }

    /// They as they were judged last.
    pub(super) fn meant(&self) -> Arc<[Statement]> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let meant = last.as_ref().map_or(&self.statements, |last| &last.meant);
        Arc::clone(meant)
    }

    /// Judges them, together with the statements `behind` the names in it. The answer is remembered
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
                .chain(behind.statements.iter().flat_map(|p| p.statements()))
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
                .chain(behind.statements.iter().flat_map(|p| p.statements()))
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
