//! Which target the datagrams of one source are for.
//!
//! Unlike a question to a resolver, a datagram to a declared target bears nothing that says whose it
//! is, and one message may be cut into many (`UDP_SEGMENT`). So a source (address and port) is one
//! socket's, for one target, as long as it sends. Only after a silence may it be another's: what was
//! sent before is told apart by when it arrived.
//!
//! Known limits: a socket that sends to several targets in turn is refused those it was not sending
//! to, until it has been silent for that long. Of several threads that send by one socket at the very
//! same moment, the last call stands.

use aya_ebpf::helpers::generated::bpf_ktime_get_boot_ns;
use weir_abi::{ConnectFacts, DNS_PORT, QUIET_NS, Reason, SourceKey, SourceNote};

use crate::maps::DATAGRAM_SOURCES;

/// Makes the source these facts', for a datagram that is about to leave.
#[inline(always)]
pub fn claim(key: &SourceKey, facts: &ConnectFacts) -> Result<(), Reason> {
    // SAFETY: takes nothing, returns a number.
    let now = unsafe { bpf_ktime_get_boot_ns() };
    let mut since_ns = now;
    if let Some(held) = DATAGRAM_SOURCES.get_ptr_mut(key) {
        // SAFETY: a map value of this type, not null, alive while the program runs. Another
        // processor that sends from the same source writes nothing here but the time, too.
        let held = unsafe { &mut *held };
        if is_one(&held.facts, facts) {
            held.last_ns = now;
            if held.facts.boot_ns == facts.boot_ns || facts.port == DNS_PORT {
                return Ok(());
            }
            // Another call, and maybe another process.
            since_ns = held.since_ns;
        } else if now.wrapping_sub(held.last_ns) < QUIET_NS {
            return Err(Reason::OtherTarget);
        }
    }
    // By reference: a copy would take as much of the stack again.
    let note = &SourceNote {
        facts: *facts,
        since_ns,
        last_ns: now,
    };
    DATAGRAM_SOURCES
        .insert(key, note, 0)
        .map_err(|_full| Reason::NoRoom)
}

/// Whether both are of one socket that sends to one target for one workload. Questions are told apart
/// by other means, whoever asks.
#[inline(always)]
fn is_one(held: &ConnectFacts, facts: &ConnectFacts) -> bool {
    if facts.port == DNS_PORT {
        return held.port == DNS_PORT;
    }
    held.cookie == facts.cookie
        && held.workload == facts.workload
        && held.port == facts.port
        && held.address == facts.address
}
