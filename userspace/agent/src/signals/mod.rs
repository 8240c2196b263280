//! Signals of an engine: the counters and profiles of all sessions, a clock for them, a file that
//! keeps them over a restart, and the audit log that hears when one is raised.
//!
//! Not its job: to say what is raised (`weir-policy`) and what follows (policy).
//!
//! **What a crash loses.** The file is written every five seconds, at once when a signal is raised,
//! and when the engine stops. Whoever kills weir has at most the counts of the last five seconds
//! back, and never a budget that was used up.

mod file;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio::{sync::Notify, time::sleep};
use weir_policy::{
    BudgetStanding, Ledger, Policies, ProfileStanding, RaisedSignal, UnixMillis, Watch, Who,
};

pub use self::file::SignalsError;
use crate::audit::{Audit, AuditEvent};

/// How often the file is written.
const EVERY: Duration = Duration::from_secs(5);
/// How long it is left alone after that.
const REST: Duration = Duration::from_millis(200);

/// The signals of an engine.
pub struct Signals {
    ledger: Ledger,
    clock: Clock,
    /// Where they are kept; `None` keeps nothing.
    file: Option<PathBuf>,
    audit: Option<Arc<Audit>>,
    /// Something happened that must not be forgotten.
    urgent: Notify,
}

/// A clock that the host's administrator can set only while weir is down.
#[derive(Debug)]
struct Clock {
    began: UnixMillis,
    since: Instant,
}

impl Clock {
    fn new() -> Self {
        let millis = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0);
        Self {
            began: UnixMillis::from_millis(millis),
            since: Instant::now(),
        }
    }

    fn now(&self) -> UnixMillis {
        let passed = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        UnixMillis::from_millis(self.began.as_millis().saturating_add(passed))
    }
}

impl Signals {
    /// Signals that are kept nowhere and told to nobody.
    #[must_use]
    pub fn unkept() -> Self {
        Self {
            ledger: Ledger::default(),
            clock: Clock::new(),
            file: None,
            audit: None,
            urgent: Notify::new(),
        }
    }

    /// Goes on where the file was written last.
    ///
    /// # Errors
    /// When the file is there and can't be read: without it every budget would begin anew.
    pub fn open(path: PathBuf, audit: Arc<Audit>) -> Result<Self, SignalsError> {
        let clock = Clock::new();
        let ledger = match file::read(&path)? {
            Some(snapshot) => Ledger::restored(&snapshot, clock.now()),
            None => Ledger::default(),
        };
        Ok(Self {
            ledger,
            clock,
            file: Some(path),
            audit: Some(audit),
            urgent: Notify::new(),
        })
    }

    /// The moment.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    /// The signals of one session.
    #[must_use]
    pub fn watch(&self, policies: &Policies, who: Who<'_>) -> Watch {
        self.ledger.watch(policies.signals(), who, self.now())
    }

    /// Tells that signals were raised that were not before.
    pub fn tell(&self, raised: &[RaisedSignal], who: Who<'_>) {
        for signal in raised {
            tracing::info!(subject = who.subject, target = who.target, %signal, "a signal is raised");
            if let Some(audit) = &self.audit {
                audit.write(&AuditEvent::SignalRaised {
                    signal,
                    subject: who.subject,
                    workload: who.workload,
                    target: who.target,
                });
            }
        }
        self.urgent.notify_one();
    }

    /// How the budgets of a bundle stand.
    #[must_use]
    pub fn budgets(&self, policies: &Policies) -> Vec<BudgetStanding> {
        self.ledger.budgets(policies.signals(), self.now())
    }

    /// Every profile, as it stands.
    #[must_use]
    pub fn profiles(&self) -> Vec<ProfileStanding> {
        self.ledger.profiles(self.now())
    }

    /// One profile, and what is usual by it.
    #[must_use]
    pub fn profile(&self, signal: &str, of: &str) -> Option<(ProfileStanding, Vec<String>)> {
        self.ledger.profile_of(signal, of, self.now())
    }

    /// Has profiles learned anew, of a signal and of one that it is of, where they are said, since
    /// `by` wants it. How many there were.
    pub fn reset_profiles(&self, signal: Option<&str>, of: Option<&str>, by: &str) -> usize {
        let reset = self.ledger.reset_profiles(signal, of, self.now());
        if reset > 0 {
            tracing::info!(signal, of, by, reset, "profiles are learned anew");
            if let Some(audit) = &self.audit {
                audit.write(&AuditEvent::ProfilesReset {
                    signal,
                    of,
                    by,
                    reset,
                });
            }
            self.urgent.notify_one();
        }
        reset
    }

    /// Keeps the file up to date, until it is dropped.
    pub async fn keep(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = sleep(EVERY) => {}
                () = self.urgent.notified() => {}
            }
            let this = Arc::clone(&self);
            // Only a panic could end it otherwise, and that is told.
            let _ended = tokio::task::spawn_blocking(move || this.save()).await;
            // An agent that has signals raised all the time must not keep the disk busy.
            sleep(REST).await;
        }
    }

    /// Writes the file. Where that fails, weir says so and goes on: what is lost is lost only to a
    /// restart.
    pub fn save(&self) {
        let Some(path) = &self.file else { return };
        if let Err(error) = file::write(path, &self.ledger.snapshot(self.now())) {
            tracing::error!(%error, "what signals have counted can't be kept");
        }
    }
}
