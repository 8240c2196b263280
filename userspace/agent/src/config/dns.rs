//! `[dns]`: how names are looked up for workloads.

use std::time::Duration;

use super::{invalid::InvalidValue, table::Table, value::Value};

/// How names are looked up for workloads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dns {
    /// How long one resolver is waited for, before the next is asked.
    pub timeout: Duration,
    /// How long an address is known by the name that it was given for, after its TTL.
    pub remember: Duration,
}

impl Default for Dns {
    fn default() -> Self {
        Self {
            timeout: Duration::from_millis(1500),
            remember: Duration::from_secs(60 * 60),
        }
    }
}

pub(super) fn read(mut table: Table<'_>) -> Dns {
    let default = Dns::default();
    let timeout = table
        .optional("timeout_ms")
        .and_then(|v| within(&v, 100, 4000));
    let remember = table
        .optional("remember_minutes")
        .and_then(|v| within(&v, 0, 24 * 60));
    table.finish();
    Dns {
        timeout: timeout.map_or(default.timeout, Duration::from_millis),
        remember: remember.map_or(default.remember, |minutes| {
            Duration::from_secs(minutes.saturating_mul(60))
        }),
    }
}

/// An integer between these bounds.
fn within(value: &Value<'_>, least: u64, most: u64) -> Option<u64> {
    let Some(number) = value.integer() else {
        return value.mistyped("an integer");
    };
    if !(least..=most).contains(&number) {
        value.wrong(
            InvalidValue::new(format!("{number} is out of bounds"))
                .help(format!("from {least} to {most} can be had")),
        );
        return None;
    }
    Some(number)
}
