//! What workloads ask resolvers and send to declared targets: datagrams that the programs sent to the
//! engine, each with where it was going and who sent it, and the way back for an answer.
//!
//! Not its job: DNS. What a datagram carries is bytes here.
//!
//! Known limits: see `ebpf/programs/src/datagram.rs` and `source.rs`. A datagram that finds the sockets' buffers full
//! is lost, as on any network, and what was noted of it stays until later ones need the room; until
//! then a process outside every workload that sends from the same port under the same DNS id is taken
//! for the one that was noted.

mod arrival;
mod sockets;
mod way_back;

use std::{fmt, io, net::SocketAddr, sync::Arc};

use weir_abi::{Address, ConnectFacts, DNS_PORT, DatagramKey, SourceKey};

pub(crate) use sockets::{Arrived, MAX_QUESTION, Sockets, bind_v4, bind_v6};
pub use way_back::WayBack;

use crate::{
    AcceptError, Facts, InterceptError, Namespace, OrigDst, SocketCookie, Tier, attribute::Caller,
    kernel::maps::Maps,
};

/// One datagram that came in over the weir. Only [`Interceptor::datagram`] makes one, so holding it
/// means the destination and the caller are the kernel's word.
///
/// [`Interceptor::datagram`]: crate::Interceptor::datagram
pub struct Datagram {
    /// What it carries, chosen by the workload: at most 65,527 bytes, or none; of a question at most
    /// 4096, at least 4.
    pub payload: Vec<u8>,
    /// Where it was going. A link-local address is without its interface.
    pub orig_dst: OrigDst,
    /// The client's socket.
    pub cookie: SocketCookie,
    /// Who sent it; for a connected socket, who connected it.
    pub facts: Facts,
    /// The process that sent it, likewise, as the kernel noted it; `None` where it can't.
    pub caller: Option<Caller>,
    /// Where the client's socket is, and where one to its destination belongs.
    pub namespace: Namespace,
    way_back: WayBack,
}

impl fmt::Debug for Datagram {
    /// Without the payload, which is the workload's choice and may steer a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Datagram")
            .field("bytes", &self.payload.len())
            .field("orig_dst", &self.orig_dst)
            .field("facts", &self.facts)
            .finish_non_exhaustive()
    }
}

impl Datagram {
    /// Whether it is for a resolver. If not, it is for a target that
    /// [was declared](crate::Interceptor::set_datagram_targets).
    pub fn is_question(&self) -> bool {
        self.orig_dst.get().port() == DNS_PORT
    }

    /// The sender, as the engine sees it: an address of loopback. What comes from one, in one
    /// namespace, for one destination belongs together.
    pub fn client(&self) -> SocketAddr {
        self.way_back.client()
    }

    /// The way back, to keep for answers to come.
    pub fn way_back(&self) -> WayBack {
        self.way_back.clone()
    }

    /// Sends an answer, as [`WayBack::send`] does.
    pub async fn reply(&self, answer: &[u8]) -> io::Result<()> {
        self.way_back.send(answer).await
    }
}

/// Looks up who sent a datagram that arrived in this namespace. What was noted of a question is good
/// for one datagram, and forgotten. `None`: nobody's, to be dropped without an answer.
pub(crate) fn attribute(
    maps: &Arc<Maps>,
    tier: Tier,
    namespace: &Namespace,
    arrived: Arrived,
) -> Result<Option<Datagram>, AcceptError> {
    let netns = match tier {
        Tier::Full => namespace.cookie().get(),
        Tier::Compatible | Tier::None => 0,
    };
    let source = source(netns, &arrived);
    let raw = match look_up(maps, netns, source, &arrived) {
        Ok(Some(raw)) => raw,
        Ok(None) => return Ok(None),
        Err(error) => {
            tracing::warn!(%error, "who sent a datagram can't be told: it was dropped");
            return Ok(None);
        }
    };
    let facts = Facts::from(&raw);
    if raw.port == DNS_PORT && arrived.payload.len() > MAX_QUESTION {
        return Err(AcceptError::TooLong {
            workload: facts.workload,
            pid: facts.pid,
        });
    }
    // One socket may send more of them on the strength of one connect: it is not taken out.
    let caller = Caller::told(maps.process(&raw));
    Ok(Some(Datagram {
        payload: arrived.payload,
        orig_dst: OrigDst::new((raw.address.to_ip(), raw.port).into()),
        cookie: facts.cookie,
        facts,
        caller,
        namespace: namespace.clone(),
        way_back: WayBack::new(arrived.socket, arrived.from, maps, source, raw),
    }))
}

/// What the programs noted of it: under its source if that sends to a declared target, else under
/// the question's own name.
fn look_up(
    maps: &Maps,
    netns: u64,
    source: SourceKey,
    arrived: &Arrived,
) -> Result<Option<ConnectFacts>, InterceptError> {
    match maps.source(source)? {
        Some(note) if note.facts.port != DNS_PORT => {
            let fits = arrived.at.is_some_and(|at| at.fits(&note));
            Ok(fits.then_some(note.facts))
        }
        _ => match question(netns, arrived) {
            Some(key) => maps.take_datagram(key),
            None => Ok(None),
        },
    }
}

fn source(netns: u64, arrived: &Arrived) -> SourceKey {
    SourceKey {
        netns,
        address: Address::from(arrived.from.ip()),
        port: arrived.from.port(),
        padding: [0; 6],
    }
}

/// The name under which the programs left a question. `None`: too short for them to have left
/// anything.
fn question(netns: u64, arrived: &Arrived) -> Option<DatagramKey> {
    let &[first, second, _, _, ..] = arrived.payload.as_slice() else {
        return None;
    };
    Some(DatagramKey {
        netns,
        source: Address::from(arrived.from.ip()),
        source_port: arrived.from.port(),
        lead: [first, second],
        padding: 0,
    })
}
