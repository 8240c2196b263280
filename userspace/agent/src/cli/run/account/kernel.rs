//! What the kernel refused by itself, each call once.
//!
//! The C library finds out which of a name's addresses it would reach best by connecting a UDP
//! socket to each, and sends nothing (glibc's `getaddrinfo`, RFC 6724, section 5). Such probes are
//! counted, not told one by one. Known limit: the first connect of a client of QUIC looks the same.
//! The audit log has every one of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::SocketAddr,
};

use jiff::{SignedDuration, Timestamp};

use super::super::super::{
    line::{Line, Tone},
    out::Out,
    sessions::story::count,
};
use crate::{dns, engine::KernelRefusal};

/// How many different calls are shown; the rest is counted.
const CALLS_SHOWN: usize = 20;
/// How long after its question a process probes the addresses that it was given. The kernel's
/// refusal may be heard of late.
const PROBING: SignedDuration = SignedDuration::from_secs(10);
/// What a refusal calls a connect, and UDP.
const CONNECT: &str = "connect";
const UDP: &str = "udp";

/// When which process, by its id, asked the DNS and was not refused.
pub(super) type Asked = BTreeSet<(u32, Timestamp)>;

/// What the kernel refused during a run.
#[derive(Debug, Default)]
pub(super) struct Refused {
    calls: BTreeMap<Call, u64>,
    probes: u64,
    /// What the engine did not keep.
    forgotten: u64,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Call {
    protocol: String,
    destination: Option<String>,
    process: String,
    reason: String,
}

impl Refused {
    /// Gathers the refusals that the engine kept; `number` is how many there were.
    pub(super) fn gather(kept: &[KernelRefusal], number: u64, asked: &Asked) -> Self {
        let mut refused = Self {
            forgotten: number.saturating_sub(u64::try_from(kept.len()).unwrap_or(u64::MAX)),
            ..Self::default()
        };
        for refusal in kept {
            if is_probe(refusal, asked) {
                refused.probes += 1;
            } else {
                *refused.calls.entry(Call::of(refusal)).or_default() += 1;
            }
        }
        refused
    }

    /// Prints it.
    pub(super) fn print(&self, out: &mut Out) -> io::Result<()> {
        for (call, times) in self.calls.iter().take(CALLS_SHOWN) {
            out.line(&call.line(*times))?;
        }
        let more: u64 = self.calls.values().skip(CALLS_SHOWN).sum();
        let more = more.saturating_add(self.forgotten);
        if more > 0 {
            let more = count(more, "more call");
            let line =
                Line::plain("  ").and(Tone::Bad, format!("and {more} refused by the kernel"));
            out.line(&line)?;
        }
        if self.probes > 0 {
            let probes = count(self.probes, "probe");
            let line = format!("  {probes} for a source address (UDP, right after a look-up)");
            out.line(&Line::of(Tone::Dim, line))?;
        }
        Ok(())
    }
}

/// Whether this is what the C library does with the addresses that it was given.
fn is_probe(refusal: &KernelRefusal, asked: &Asked) -> bool {
    let destination = refusal.destination.as_deref();
    let port = destination
        .and_then(|to| to.parse().ok())
        .map(|to: SocketAddr| to.port());
    let after = refusal.at.checked_sub(PROBING).unwrap_or(Timestamp::MIN);
    refusal.hook == CONNECT
        && refusal.protocol == UDP
        && port.is_some_and(|port| port != dns::PORT)
        && asked
            .range((refusal.pid, after)..=(refusal.pid, refusal.at))
            .next()
            .is_some()
}

impl Call {
    fn of(refusal: &KernelRefusal) -> Self {
        Self {
            protocol: refusal.protocol.clone(),
            destination: refusal.destination.clone(),
            process: refusal.process.clone(),
            reason: refusal.reason.clone(),
        }
    }

    fn line(&self, times: u64) -> Line {
        let destination = self
            .destination
            .as_ref()
            .map(|to| format!(" to {to}"))
            .unwrap_or_default();
        let times = if times > 1 {
            format!(", {times} times")
        } else {
            String::new()
        };
        Line::plain("  ")
            .and(Tone::Bad, "refused by the kernel")
            .text(format!(
                ": {}{destination} by {}{times} ({})",
                self.protocol, self.process, self.reason
            ))
    }
}
