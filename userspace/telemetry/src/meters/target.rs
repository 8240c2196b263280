//! What is counted of one target.

use crate::{
    instrument::{Counter, Histogram, Level, Named, OPERATION, ROWS, VERDICT},
    meters::Declared,
};

/// Most operations of a target that are told apart; there are fewer verbs.
const MOST_OPERATIONS: usize = 64;
/// Most ends; there are fewer.
const MOST_ENDS: usize = 24;

/// A target.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) declared: Declared,
    pub(crate) workloads: Box<[Workload]>,
    verdicts: [Counter; Verdict::ALL.len()],
    pub(crate) judged: Histogram,
    pub(crate) operations: Named<Operation>,
    pub(crate) rows: Histogram,
    pub(crate) received: Counter,
    pub(crate) sent: Counter,
    pub(crate) masked: Counter,
    pub(crate) reached: Histogram,
    pub(crate) unreached: Histogram,
}

/// What is counted of the sessions of one workload.
#[derive(Debug)]
pub(crate) struct Workload {
    pub(crate) active: Level,
    pub(crate) opened: Counter,
    pub(crate) ended: Named<Counter>,
}

/// How long the target took for one operation.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) done: Histogram,
    pub(crate) failed: Histogram,
    pub(crate) lost: Histogram,
}

/// A verdict, by the name that it is counted under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Permit,
    /// It goes on only because its workload is observed.
    Observed,
    Ask,
    Deny,
}

impl Verdict {
    pub(crate) const ALL: [Self; 4] = [Self::Permit, Self::Observed, Self::Ask, Self::Deny];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Permit => "permit",
            Self::Observed => "observed",
            Self::Ask => "ask",
            Self::Deny => "deny",
        }
    }
}

impl Target {
    pub(super) fn new(declared: Declared, workloads: usize) -> Self {
        let workload = || Workload {
            active: Level::default(),
            opened: Counter::default(),
            ended: Named::new(MOST_ENDS, Counter::default),
        };
        let operation = || Operation {
            done: Histogram::new(&OPERATION),
            failed: Histogram::new(&OPERATION),
            lost: Histogram::new(&OPERATION),
        };
        Self {
            declared,
            workloads: (0..workloads).map(|_| workload()).collect(),
            verdicts: Default::default(),
            judged: Histogram::new(&VERDICT),
            operations: Named::new(MOST_OPERATIONS, operation),
            rows: Histogram::new(&ROWS),
            received: Counter::default(),
            sent: Counter::default(),
            masked: Counter::default(),
            reached: Histogram::new(&OPERATION),
            unreached: Histogram::new(&OPERATION),
        }
    }

    pub(crate) fn verdict(&self, verdict: Verdict) -> &Counter {
        let [permit, observed, ask, deny] = &self.verdicts;
        match verdict {
            Verdict::Permit => permit,
            Verdict::Observed => observed,
            Verdict::Ask => ask,
            Verdict::Deny => deny,
        }
    }

    /// Whether it is the questions to the DNS.
    pub(crate) fn is_dns(&self) -> bool {
        self.declared.protocol == super::DNS
    }

    /// The database system, as OpenTelemetry calls it.
    pub(crate) fn system(&self) -> Option<&'static str> {
        (self.declared.protocol == "postgres").then_some("postgresql")
    }
}
