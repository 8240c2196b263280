//! How a sink stands.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A sink, as the API and the CLI show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkStatus {
    /// Its name.
    pub name: String,
    /// `journald`, `file`, `syslog`, `http` or `s3`.
    pub kind: String,
    /// How many events, or records, were delivered since the daemon started.
    pub delivered: u64,
    /// How many the receiver will never take; they are kept beside the cursor.
    pub parked: u64,
    /// How many were sent of which the receiver may not be sure yet, or wait for it.
    pub under_way: u64,
    /// Sessions that wait to be told, or records that wait to be uploaded.
    pub waiting: u64,
    /// How old the oldest is that is under way, in seconds; 0 where nothing is.
    pub lag_seconds: u64,
    /// When something was delivered last.
    pub last_success: Option<Timestamp>,
    /// Why nothing is delivered now.
    pub error: Option<String>,
    /// Since when.
    pub failing_since: Option<Timestamp>,
}

impl SinkStatus {
    /// Whether it can deliver, as far as is known.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.error.is_none()
    }
}

/// The state of one sink, shared by what runs it and whoever asks.
#[derive(Debug)]
pub(crate) struct State(Mutex<SinkStatus>);

impl State {
    pub(crate) fn new(name: &str, kind: &str) -> Self {
        Self(Mutex::new(SinkStatus {
            name: name.to_owned(),
            kind: kind.to_owned(),
            delivered: 0,
            parked: 0,
            under_way: 0,
            waiting: 0,
            lag_seconds: 0,
            last_success: None,
            error: None,
            failing_since: None,
        }))
    }

    /// As it is at `now`.
    pub(crate) fn status(&self) -> SinkStatus {
        self.lock().clone()
    }

    pub(crate) fn delivered(&self, number: usize) {
        let mut state = self.lock();
        state.delivered += number as u64;
        state.last_success = Some(Timestamp::now());
        if let Some(error) = state.error.take() {
            tracing::info!(sink = %state.name, after = error, "it delivers again");
        }
        state.failing_since = None;
    }

    pub(crate) fn parked(&self, why: &str) {
        let mut state = self.lock();
        state.parked += 1;
        tracing::error!(sink = %state.name, why, "an event is parked: its receiver will never take it");
    }

    /// Tells the log when it begins to fail, and when the reason becomes another.
    pub(crate) fn failed(&self, why: &str) {
        let mut state = self.lock();
        if state.error.as_deref() != Some(why) {
            tracing::warn!(sink = %state.name, why, "nothing is delivered; it is tried again");
        }
        state.error = Some(why.to_owned());
        state.failing_since.get_or_insert_with(Timestamp::now);
    }

    /// What waits: under way since `oldest`, and not even read.
    pub(crate) fn queue(&self, under_way: usize, oldest: Option<Timestamp>, waiting: usize) {
        let lag = oldest.map(|oldest| Timestamp::now().as_second() - oldest.as_second());
        let mut state = self.lock();
        state.under_way = under_way as u64;
        state.waiting = waiting as u64;
        state.lag_seconds = lag.and_then(|lag| lag.try_into().ok()).unwrap_or(0);
    }

    fn lock(&self) -> MutexGuard<'_, SinkStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An error and what led to it, in a line: why nothing is delivered.
pub(crate) fn in_a_line(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
