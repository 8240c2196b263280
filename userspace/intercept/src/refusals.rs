//! What the kernel refused on its own, as a stream of events.

use std::net::SocketAddr;

use weir_abi::{Hook, Reason};

use crate::Facts;

/// A call or packet that the programs refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelRefusal {
    /// Who tried.
    pub facts: Facts,
    /// Where it was stopped.
    pub hook: Hook,
    /// Why.
    pub reason: Reason,
    /// Where it was to go, if it named a destination.
    pub destination: Option<SocketAddr>,
    /// The protocol number (`IPPROTO_*`; 6 TCP, 17 UDP, 1 ICMP, 132 SCTP, 255 raw, 262 MPTCP).
    pub protocol: u16,
    /// The socket's type (`SOCK_*`; 1 stream, 2 datagram, 3 raw).
    pub kind: u8,
    /// How many refusals could not be told since the one before this, because nobody read.
    pub lost: u64,
}

/// The refusals of one engine, in the order the kernel made them.
#[derive(Debug)]
pub struct Refusals(());

impl Refusals {
    /// Waits for the next one. `None` when the engine is gone.
    pub async fn next(&mut self) -> Option<KernelRefusal> {
        std::future::pending().await
    }
}
