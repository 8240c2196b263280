//! What the kernel refused by itself: no connection came of it, so no session records it. The
//! newest are kept for the CLI, all go to the audit log.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use jiff::Timestamp;
use weir_intercept::Refusals;

use super::status::KernelRefusal;
use crate::audit::{Audit, AuditEvent};

/// How many are kept.
const KEPT: usize = 1000;

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

/// Collects until the stream ends with its engine.
pub(super) async fn collect(mut stream: Refusals, log: Arc<RefusalLog>, audit: Arc<Audit>) {
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
        tracing::info!(?refusal, "the kernel refused a socket");
        audit.write(&AuditEvent::KernelRefused {
            refusal: &refusal,
            lost: heard.lost,
        });
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
