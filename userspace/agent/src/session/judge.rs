//! What a live session asks of policy: who it is, where it goes, and the bundle that is in force.
//! What it counts for signals is in [`counted`](super::counted).

use std::{collections::BTreeSet, sync::Arc};

use jiff::{Timestamp, civil, tz::TimeZone};
use weir_command::{ColumnUse, Command, Control, Predicate, Statement, Verb};
use weir_policy::{
    Clear, Context, Mode, Moment, Policies, PolicyVersion, Raised, Refusal, Request, Subject,
    Target, Verdict, Watch, Weekday, Who, WouldBe,
};

use crate::signals::Signals;

/// The standing facts of a session and the policies that judge it.
pub struct Judge {
    policies: Arc<Policies>,
    subject: Subject,
    target: Target,
    context: Context,
    mode: Mode,
    pub(super) signals: Arc<Signals>,
    pub(super) watch: Watch,
    /// Raised as of the last look; the context has their names.
    pub(super) raised: Raised,
}

/// The command that opening a session or a connection is.
#[must_use]
pub fn connect() -> Statement {
    Statement::Command(Box::new(Command {
        verb: Verb::Connect,
        objects: Vec::new(),
        columns: ColumnUse::default(),
        predicate: Predicate::NotApplicable,
        effects: BTreeSet::new(),
        functions: BTreeSet::new(),
        control: Control::None,
    }))
}

/// How strict a verdict is; the greater, the stricter. What would have stopped an observed command
/// is the stricter the less could have been done about it.
fn strictness(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Allow(permit) => match permit.would_be() {
            None => 0,
            Some(WouldBe::Ask(_)) => 1,
            Some(WouldBe::Deny(_)) => 2,
        },
        Verdict::Ask(_) => 3,
        Verdict::Deny(_) => 4,
    }
}

/// This moment as policy has it.
fn now() -> Moment {
    let now = Timestamp::now().to_zoned(TimeZone::UTC);
    Moment {
        hour: now.hour().unsigned_abs(),
        weekday: match now.weekday() {
            civil::Weekday::Monday => Weekday::Monday,
            civil::Weekday::Tuesday => Weekday::Tuesday,
            civil::Weekday::Wednesday => Weekday::Wednesday,
            civil::Weekday::Thursday => Weekday::Thursday,
            civil::Weekday::Friday => Weekday::Friday,
            civil::Weekday::Saturday => Weekday::Saturday,
            civil::Weekday::Sunday => Weekday::Sunday,
        },
    }
}

impl Judge {
    /// A judge for one session.
    #[must_use]
    pub fn new(
        policies: Arc<Policies>,
        subject: Subject,
        target: Target,
        workload: String,
        mode: Mode,
        signals: Arc<Signals>,
    ) -> Self {
        let context = Context {
            workload,
            ..Context::default()
        };
        let mut judge = Self {
            policies,
            subject,
            target,
            context,
            mode,
            signals,
            watch: Watch::default(),
            raised: Raised::default(),
        };
        judge.watch = judge.signals.watch(&judge.policies, judge.who());
        judge
    }

    /// The bundle in force.
    #[must_use]
    pub fn policies(&self) -> &Arc<Policies> {
        &self.policies
    }

    /// Who is judged.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Of which target.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> &PolicyVersion {
        self.policies.version()
    }

    /// Puts another bundle in force, with its signals.
    pub fn replace(&mut self, policies: Arc<Policies>) {
        self.policies = policies;
        self.watch = self.signals.watch(&self.policies, self.who());
        self.raised = Raised::default();
        self.context.signals.clear();
        self.look();
    }

    /// Who the session is of, and where it goes.
    pub(super) fn who(&self) -> Who<'_> {
        let target = self.target.name.as_str();
        Who {
            subject: &self.subject.id,
            workload: &self.context.workload,
            target: (!target.is_empty()).then_some(target),
        }
    }

    /// Tells policy of these.
    pub(super) fn tell_policy(&mut self, raised: Raised) {
        // Most often nothing has changed, and nothing is made.
        if raised != self.raised {
            self.raised = raised;
            self.context.signals = self.watch.names(raised).map(str::to_owned).collect();
        }
    }

    fn context(&self, in_transaction: bool) -> Context {
        Context {
            in_transaction,
            moment: now(),
            ..self.context.clone()
        }
    }

    /// Which classes the subject may see clear.
    #[must_use]
    pub fn clear(&self) -> Clear {
        self.policies
            .clear(&self.subject, &self.target, &self.context(false))
    }

    /// Judges all that one message holds; the strictest verdict is the message's. A message that
    /// holds nothing is refused: that it could not be read is the only explanation.
    #[must_use]
    pub fn judge<'a>(
        &self,
        statements: impl IntoIterator<Item = &'a Statement>,
        in_transaction: bool,
    ) -> Verdict {
        let context = self.context(in_transaction);
        let mut strictest: Option<Verdict> = None;
        for statement in statements {
            let request = Request {
                subject: &self.subject,
                target: &self.target,
                statement,
                context: &context,
            };
            let verdict = self.policies.judge_in(self.mode, &request);
            if matches!(verdict, Verdict::Deny(_)) {
                return verdict;
            }
            strictest = Some(match (strictest, verdict) {
                // What each statement asks must be met.
                (Some(Verdict::Ask(known)), Verdict::Ask(ask)) => Verdict::Ask(known.and(ask)),
                // Among allows the first stands: each says the same of the whole.
                (Some(known), verdict) if strictness(&verdict) <= strictness(&known) => known,
                (_, verdict) => verdict,
            });
        }
        strictest.unwrap_or_else(|| {
            Verdict::Deny(Refusal {
                rule: "default-deny".to_owned(),
                message: "the message holds no statement that weir could read".to_owned(),
                deciding: Vec::new(),
                version: self.version().clone(),
            })
        })
    }
}
