//! Signals: what policy is told about how much a subject has done, when, and whether that is new.
//!
//! Job: `signals.toml` to [`SignalRules`], and the counters, windows and profiles that say which of
//! them are raised. Time is an argument everywhere; what is raised is a fact for policy
//! (`context.signals`), never a verdict.
//!
//! Not its job: to read a clock, to keep anything on disk, to know a protocol (the agent's
//! `signals` room).
//!
//! **A budget only ever errs towards being raised.** A window counts up to one sixtieth longer than
//! it says. A counter is forgotten only once nothing in it is within its window; where there are
//! more than are kept, newcomers share one counter. A profile is never forgotten to make room: who
//! finds none is always new.
//!
//! Known limits: a table that a statement names without its schema counts as one table, whatever
//! the search path; what a view or a function reads is not seen. What runs by a name or hidden code
//! (`EXECUTE`, `FETCH`, `CALL`) counts for every budget, whatever its `actions`.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

mod check;
mod distinct;
mod footprint;
mod ledger;
mod meter;
mod moment;
mod profile;
mod raw;
mod rules;
mod snapshot;
mod span;
mod watch;

#[cfg(test)]
mod tests;

pub(crate) use check::read;
pub use footprint::Footprint;
pub use ledger::{BudgetStanding, Ledger, Who};
pub use moment::UnixMillis;
pub use profile::ProfileStanding;
pub use rules::SignalRules;
pub use snapshot::Snapshot;
pub use watch::{Amount, Raised, Watch};

/// Most signals of one bundle: a set of them is one word.
pub(crate) const MOST_SIGNALS: usize = 64;

/// One raised signal, with what raised it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RaisedSignal {
    /// Its name in `signals.toml`.
    pub name: String,
    /// The figures, for a person: `rows: 12,400 in 10m of at most 10,000, for unix:bot on orders`.
    pub figures: String,
    /// What was counted, where it is a count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// The most that it may be, where it is a count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

impl fmt::Display for RaisedSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.figures)
    }
}

/// A name of a signal, shared.
type Name = Arc<str>;
