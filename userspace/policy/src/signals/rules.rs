//! The signals that a bundle declares, checked.

use std::{fmt, sync::Arc};

use jiff::{civil::Weekday, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::{Name, moment::UnixMillis, span::Span};

/// The signals of one bundle, at most [`MOST_SIGNALS`](super::MOST_SIGNALS).
#[derive(Clone, Debug, Default)]
pub struct SignalRules {
    pub(super) all: Vec<Signal>,
}

/// One signal.
#[derive(Clone, Debug)]
pub(super) struct Signal {
    pub(super) name: Name,
    pub(super) rule: Rule,
}

/// When a signal is raised.
#[derive(Clone, Debug)]
pub(super) enum Rule {
    Budget(Arc<Budget>),
    Schedule(Arc<Schedule>),
    Novelty(Novelty),
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum What {
    Statements,
    Rows,
    Bytes,
    Tables,
    Refusals,
    Sessions,
}

/// Who has a counter or a profile of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Per {
    #[serde(rename = "subject")]
    Subject,
    #[serde(rename = "subject+target")]
    SubjectTarget,
    #[serde(rename = "workload")]
    Workload,
}

/// So much within so long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Budget {
    pub(super) what: What,
    pub(super) per: Per,
    /// The actions that count, groups spelled out; `None` are all but the DNS's.
    pub(super) actions: Option<Box<[Box<str>]>>,
    pub(super) limit: u64,
    pub(super) window: Span,
    /// Whether a result ends where it exceeds the budget.
    pub(super) cut: bool,
}

/// The hours outside of which it is raised.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    /// Names; none means every workload.
    pub(super) workloads: Vec<String>,
    pub(super) zone: TimeZone,
    pub(super) zone_name: String,
    pub(super) days: Vec<Weekday>,
    /// Minutes of the day, from the first to before the second.
    pub(super) hours: Vec<Hours>,
}

/// From one minute of the day to before another, which may be the next day's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hours {
    pub(super) from: u16,
    pub(super) to: u16,
}

/// What is new against a learned profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Novelty {
    pub(super) what: Kind,
    pub(super) per: Per,
    pub(super) learn: Learn,
}

/// A kind of thing that can be new.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Table,
    Verb,
    Function,
    Target,
}

/// How long a profile is learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Learn {
    For(Span),
    Messages(u64),
}

impl SignalRules {
    /// Whether none is declared.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Their names, as declared.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|signal| &*signal.name)
    }
}

impl Schedule {
    /// Whether the moment is within the hours.
    pub(super) fn holds(&self, now: UnixMillis) -> bool {
        let Some(timestamp) = now.timestamp() else {
            return false;
        };
        let local = timestamp.to_zoned(self.zone.clone());
        let minute =
            u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
        let today = local.weekday();
        let on = |day: Weekday| self.days.contains(&day);
        self.hours.iter().any(|Hours { from, to }| {
            if from < to {
                on(today) && (*from..*to).contains(&minute)
            } else {
                // Over midnight: what begins on a day belongs to that day.
                on(today) && minute >= *from || on(today.previous()) && minute < *to
            }
        })
    }

    /// Whether it is about this workload.
    pub(super) fn concerns(&self, workload: &str) -> bool {
        self.workloads.is_empty() || self.workloads.iter().any(|name| name == workload)
    }

    /// The local time, for people.
    pub(super) fn local(&self, now: UnixMillis) -> String {
        now.timestamp().map_or_else(String::new, |timestamp| {
            let local = timestamp.to_zoned(self.zone.clone());
            let day = format!("{:?}", local.weekday());
            let (hour, minute) = (local.hour(), local.minute());
            format!("{day} {hour:02}:{minute:02} {}", self.zone_name)
        })
    }
}

impl What {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Statements => "statements",
            Self::Rows => "rows",
            Self::Bytes => "bytes",
            Self::Tables => "tables",
            Self::Refusals => "refusals",
            Self::Sessions => "sessions",
        }
    }
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Verb => "verb",
            Self::Function => "function",
            Self::Target => "target",
        }
    }
}

impl fmt::Display for Learn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::For(span) => span.fmt(f),
            Self::Messages(1) => f.write_str("1 message"),
            Self::Messages(count) => write!(f, "{count} messages"),
        }
    }
}

impl fmt::Display for Per {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Subject => "subject",
            Self::SubjectTarget => "subject+target",
            Self::Workload => "workload",
        })
    }
}
