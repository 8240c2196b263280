//! What the kernel refused by itself: no connection came of it, so no session records it. The
//! newest are kept for the CLI, all are counted, and so many a second go to the audit log: an agent
//! is refused as often as it likes, and must not fill the disk that records need.
//!
//! Known limit: how many a flood held beyond that is told with the next refusal.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::Timestamp;
use weir_intercept::Refusals;

use super::status::KernelRefusal;
use crate::audit::{Audit, AuditEvent};

/// How many are kept.
const KEPT: usize = 1000;
/// How many are told in [`WINDOW`].
const TOLD: u32 = 100;
/// See [`TOLD`].
const WINDOW: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct RefusalLog {
    kept: Mutex<VecDeque<KernelRefusal>>,
    count: AtomicU64,
}

impl RefusalLog {
    pub(super) fn all(&self) -> Vec<KernelRefusal> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().cloned().collect()
    }

    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    fn add(&self, refusal: KernelRefusal, lost: u64) {
        self.count.fetch_add(1 + lost, Ordering::Relaxed);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back(refusal);
    }
}

/// How many may still be told. Time is an argument.
struct Budget {
    since: Instant,
    told: u32,
    /// Refused since the last that was told.
    untold: u64,
}

impl Budget {
    fn new(now: Instant) -> Self {
        Self {
            since: now,
            told: 0,
            untold: 0,
        }
    }

    /// Whether one more is told, with how many before it were not; `lost` is how many the kernel
    /// side had no room for.
    fn take(&mut self, lost: u64, now: Instant) -> Option<u64> {
        if now.duration_since(self.since) >= WINDOW {
            (self.since, self.told) = (now, 0);
        }
        self.untold = self.untold.saturating_add(lost);
        if self.told >= TOLD {
            self.untold = self.untold.saturating_add(1);
            return None;
        }
        self.told += 1;
        Some(std::mem::take(&mut self.untold))
    }
}

/// Collects until the stream ends with its engine.
pub(super) async fn collect(mut stream: Refusals, log: Arc<RefusalLog>, audit: Arc<Audit>) {
    let mut budget = Budget::new(Instant::now());
    while let Some(heard) = stream.next().await {
        let refusal = KernelRefusal {
            at: Timestamp::now(),
            hook: heard.hook.to_string(),
            reason: heard.reason.to_string(),
            protocol: protocol(heard.protocol),
            destination: heard.destination.map(|destination| destination.to_string()),
            process: heard.facts.comm.clone(),
            pid: heard.facts.pid.map_or(0, weir_intercept::Pid::get),
        };
        if let Some(lost) = budget.take(heard.lost, Instant::now()) {
            tracing::info!(?refusal, lost, "the kernel refused a socket");
            audit.write(&AuditEvent::KernelRefused {
                refusal: &refusal,
                lost,
            });
        }
        log.add(refusal, heard.lost);
    }
}

/// The name of a protocol number (IANA, "Assigned Internet Protocol Numbers").
fn protocol(number: u16) -> String {
    match number {
        1 => "icmp".to_owned(),
        6 => "tcp".to_owned(),
        17 => "udp".to_owned(),
        58 => "icmpv6".to_owned(),
        132 => "sctp".to_owned(),
        136 => "udplite".to_owned(),
        255 => "raw".to_owned(),
        262 => "mptcp".to_owned(),
        other => format!("protocol {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_and_not_written_out() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        let told = (0..1000).filter_map(|_| budget.take(2, start)).count();
        assert_eq!(told, usize::try_from(TOLD).unwrap());
        // 900 that were heard of, each with two that were not, and the last one's own.
        let later = start + WINDOW;
        assert_eq!(budget.take(7, later), Some(900 * 3 + 7));
        assert_eq!(budget.take(0, later), Some(0));
    }
}
