//! What a live session asks of policy: who it is, where it goes, and the bundle that is in force.
//! What it counts for signals is in [`counted`](super::counted).

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use jiff::{Timestamp, civil, tz::TimeZone};
use weir_command::{ColumnUse, Command, Control, Predicate, RowLimit, Statement, Verb};
use weir_policy::{
    Asking, Clear, Context, Mode, Moment, Named, Policies, PolicyVersion, Raised, RowCounts,
    Subject, Target, Verdict, Watch, Weekday, Who,
};
use weir_record::Circumstances;

use super::{Change, Cut};
use crate::{admit::Terms, signals::Signals};

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
    /// How often something was changed.
    changes: u64,
    zone: TimeZone,
    /// The minute that was looked at last: no zone's hours begin within one.
    minute: Mutex<Option<(u64, Moment)>>,
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
        operators: BTreeSet::new(),
        row_limit: RowLimit::Unknown,
        gathers: false,
        control: Control::None,
    }))
}

/// A moment as policy has it.
fn moment(zone: &TimeZone, at: Timestamp) -> Moment {
    let now = zone.to_datetime(at);
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
            zone: TimeZone::UTC,
            minute: Mutex::new(None),
            watch: Watch::default(),
            raised: Raised::default(),
            changes: 0,
        };
        judge.watch = judge.signals.watch(&judge.policies, judge.who());
        judge
    }

    /// Takes what the admission knows of the connection beside who and where, and what the client
    /// calls itself.
    #[must_use]
    pub fn knowing(mut self, terms: &Terms, application_name: Option<&str>) -> Self {
        self.zone = terms.zone().clone();
        self.minute = Mutex::new(None);
        self.context.process = terms.program().cloned();
        self.context.application_name = application_name.map(str::to_owned);
        self
    }

    /// The moment by which it judges now.
    #[must_use]
    pub fn moment(&self) -> Moment {
        // Most often only the minute matters.
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let minute = since.map_or(0, |since| since.as_secs() / 60);
        let mut last = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
        match *last {
            Some((known, moment)) if known == minute => moment,
            _ => {
                let moment = moment(&self.zone, Timestamp::now());
                *last = Some((minute, moment));
                moment
            }
        }
    }

    /// The bundle in force.
    #[must_use]
    pub fn policies(&self) -> &Arc<Policies> {
        &self.policies
    }

    /// Whether verdicts are carried out.
    pub(super) fn mode(&self) -> Mode {
        self.mode
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

    /// Why the session ends with a change, whatever else allows it: what it does under a grant must
    /// not outlast the grant, also where that is under way at the target.
    #[must_use]
    pub fn ends_with(&self, change: &Change) -> Option<Cut> {
        let Change::Policies(next) = change else {
            return None;
        };
        let ended = self
            .policies
            .grant_that_ends(next, &self.subject, &self.target)?;
        (self.mode == Mode::Enforce).then(|| Cut::GrantEnded(ended.policy_id()))
    }

    /// Puts in force what has changed.
    pub fn change(&mut self, change: Change) {
        self.changes += 1;
        match change {
            Change::Policies(policies) => self.replace(policies),
            Change::Subject(subject) => self.subject = Subject::clone(&subject),
        }
    }

    /// How often who it is of, or what judges it, has changed: what was judged under another number
    /// was judged by others.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Puts another bundle in force, with its signals.
    fn replace(&mut self, policies: Arc<Policies>) {
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

    /// The circumstances in which it judges now, as the record has them.
    #[must_use]
    pub fn circumstances(&self, in_transaction: bool, rows: RowCounts) -> Circumstances {
        Circumstances {
            in_transaction,
            moment: self.moment(),
            rows,
        }
    }

    fn context(&self, circumstances: Circumstances) -> Context {
        let Circumstances {
            in_transaction,
            moment,
            rows,
        } = circumstances;
        Context {
            in_transaction,
            moment,
            rows,
            ..self.context.clone()
        }
    }

    /// Which classes the subject may see clear.
    #[must_use]
    pub fn clear(&self) -> Clear {
        let context = self.context(self.circumstances(false, RowCounts::default()));
        self.policies.clear(&self.subject, &self.target, &context)
    }

    /// Judges what tells nothing of rows: the opening of a session or a connection.
    #[must_use]
    pub fn judge<'a>(
        &self,
        statements: impl IntoIterator<Item = impl Into<Named<'a>>>,
        in_transaction: bool,
    ) -> Verdict {
        let circumstances = self.circumstances(in_transaction, RowCounts::default());
        self.judge_in(circumstances, statements)
    }

    /// Judges all that one message holds; the strictest verdict is the message's.
    #[must_use]
    pub fn judge_in<'a>(
        &self,
        circumstances: Circumstances,
        statements: impl IntoIterator<Item = impl Into<Named<'a>>>,
    ) -> Verdict {
        let context = self.context(circumstances);
        let asking = Asking {
            subject: &self.subject,
            target: &self.target,
            context: &context,
        };
        self.policies.judge_message(self.mode, asking, statements)
    }
}
