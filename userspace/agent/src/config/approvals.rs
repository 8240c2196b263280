//! `[approvals]`: how long people are waited for, and how much may wait.

use std::time::Duration;

use super::{duration, invalid::InvalidValue, table::Table, value::Value};

/// How long people are waited for, and how much may wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approvals {
    /// How long an answer is waited for where no policy says (`@timeout`).
    pub timeout: Duration,
    /// Most commands that wait at once.
    pub most: usize,
    /// Most of one subject.
    pub most_of_subject: usize,
}

impl Default for Approvals {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(15 * 60),
            most: 1000,
            most_of_subject: 20,
        }
    }
}

pub(super) fn read(mut table: Table<'_>) -> Approvals {
    let default = Approvals::default();
    let timeout = table.optional("timeout").and_then(|v| duration::read(&v));
    let most = table.optional("max_pending").and_then(|v| count(&v));
    let most_of_subject = table
        .optional("max_pending_per_subject")
        .and_then(|v| count(&v));
    table.finish();
    Approvals {
        timeout: timeout.unwrap_or(default.timeout),
        most: most.unwrap_or(default.most),
        most_of_subject: most_of_subject.unwrap_or(default.most_of_subject),
    }
}

/// Each that waits is a session that is kept open and a request that somebody must read.
fn count(value: &Value<'_>) -> Option<usize> {
    const MOST: u64 = 10_000;
    let Some(number) = value.integer() else {
        return value.mistyped("an integer");
    };
    match usize::try_from(number) {
        Ok(count) if (1..=MOST).contains(&number) => Some(count),
        _ => {
            value.wrong(
                InvalidValue::new(format!("{number} is out of bounds"))
                    .help(format!("from 1 to {MOST} can be had")),
            );
            None
        }
    }
}
