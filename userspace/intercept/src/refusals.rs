//! What the kernel refused on its own, as a stream of events.

use std::{fmt, io, net::SocketAddr, sync::Arc};

use aya::maps::{MapData, PerCpuArray, RingBuf};
use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::Notify,
};
use weir_abi::{Address, Hook, Reason, Refusal};

use crate::{
    Facts, InterceptError, OrigDst,
    kernel::maps::{RefusalMaps, failed},
};

/// A call or packet that the programs refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelRefusal {
    /// Who tried.
    pub facts: Facts,
    /// Where it was stopped.
    pub hook: Hook,
    /// Why.
    pub reason: Reason,
    /// Where it was to go, if it named a destination. For [`Hook::Bind`], where it was to listen.
    pub destination: Option<SocketAddr>,
    /// The protocol number (`IPPROTO_*`; 6 TCP, 17 UDP, 1 ICMP, 132 SCTP, 255 raw, 262 MPTCP).
    pub protocol: u16,
    /// The socket's type (`SOCK_*`; 1 stream, 2 datagram, 3 raw; 0 for a packet).
    pub kind: u8,
    /// How many refusals the kernel could not tell, because nobody read, since the one before this
    /// was read; for the first one, since the instance was made.
    pub lost: u64,
}

/// The refusals of one engine, in the order the kernel made them. They are kept while no engine
/// reads, so the first ones may be of before this engine was started.
pub struct Refusals {
    events: AsyncFd<RingBuf<MapData>>,
    lost: PerCpuArray<MapData, u64>,
    told_lost: u64,
    /// Told when a namespace was refused that may have to be served.
    hint: Arc<Notify>,
}

impl fmt::Debug for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusals")
            .field("told_lost", &self.told_lost)
            .finish_non_exhaustive()
    }
}

impl Refusals {
    pub(crate) fn new(maps: RefusalMaps, hint: Arc<Notify>) -> Result<Self, InterceptError> {
        // SAFETY: the descriptor is the ring buffer map's, which it owns and never replaces.
        let events = unsafe { AsyncFd::register_with_interest(maps.events, Interest::READABLE) }
            .map_err(|error| failed(weir_abi::maps::REFUSALS)(io::Error::from(error).into()))?;
        Ok(Self {
            events,
            lost: maps.lost,
            told_lost: 0,
            hint,
        })
    }

    /// Waits for the next one. `None` when the runtime that would wake it is gone.
    pub async fn next(&mut self) -> Option<KernelRefusal> {
        let refusal = loop {
            let mut ready = self.events.readable_mut().await.ok()?;
            match ready
                .get_inner_mut()
                .next()
                .map(|bytes| Refusal::from_bytes(&bytes))
            {
                Some(Some(refusal)) => break refusal,
                // Not of this version; check_maps lets none such in.
                Some(None) => tracing::warn!("a refusal of a strange length was skipped"),
                None => ready.clear_ready(),
            }
        };
        let lost = self.lost_since();
        let refusal = told(&refusal, lost);
        if refusal.reason == Reason::ForeignNamespace {
            self.hint.notify_one();
        }
        Some(refusal)
    }

    fn lost_since(&mut self) -> u64 {
        let total = match self.lost.get(&0, 0) {
            Ok(each) => each.iter().copied().fold(0, u64::wrapping_add),
            Err(error) => {
                tracing::warn!(%error, "how many refusals were lost can't be told");
                self.told_lost
            }
        };
        let since = total.wrapping_sub(self.told_lost);
        self.told_lost = total;
        since
    }
}

fn told(raw: &Refusal, lost: u64) -> KernelRefusal {
    let facts = &raw.facts;
    let named = facts.address != Address::UNSPECIFIED || facts.port != 0;
    KernelRefusal {
        facts: Facts::from(facts),
        // A number that this version does not know comes from no program of this version.
        hook: Hook::from_number(raw.hook).unwrap_or(Hook::Egress),
        reason: Reason::from_number(raw.reason).unwrap_or(Reason::Protocol),
        destination: named
            .then(|| OrigDst::new(SocketAddr::new(facts.address.to_ip(), facts.port)).get()),
        protocol: facts.protocol,
        kind: facts.kind,
        lost,
    }
}
