//! What workloads ask resolvers: datagrams that the programs sent to the engine, each with where it
//! was going and who asked, and the way back for an answer.
//!
//! Not its job: DNS. What a datagram carries is bytes here.
//!
//! Known limits: see `ebpf/programs/src/datagram.rs`. A datagram that finds the sockets' buffers full
//! is lost, as on any network, and what was noted of it stays until later ones need the room; until
//! then a process outside every workload that sends from the same port under the same DNS id is taken
//! for the one that was noted.

mod sockets;

use std::{fmt, io, net::SocketAddr, sync::Arc};

use tokio::net::UdpSocket;
use weir_abi::{Address, ConnectFacts, DatagramKey};

pub(crate) use sockets::{Arrived, MAX_QUESTION, Sockets, bind_v4, bind_v6};

use crate::{
    AcceptError, Facts, Namespace, OrigDst, SocketCookie, Tier, attribute::Caller,
    kernel::maps::Maps,
};

/// One datagram that came in over the weir. Only [`Interceptor::datagram`] makes one, so holding it
/// means the destination and the caller are the kernel's word.
///
/// [`Interceptor::datagram`]: crate::Interceptor::datagram
pub struct Datagram {
    /// What it carries: at most 4096 bytes, at least 4, and chosen by the workload.
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
    socket: Arc<UdpSocket>,
    client: SocketAddr,
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
    /// Sends an answer, which the client sees come from where it asked. Fails if the answer is
    /// longer than a datagram can be (65,507 bytes); that a client is gone is not told.
    pub async fn reply(&self, answer: &[u8]) -> io::Result<()> {
        self.socket.send_to(answer, self.client).await.map(drop)
    }
}

/// Looks up who sent a datagram that arrived in this namespace, and forgets it: what was noted is
/// good for one datagram. `None`: nobody's, to be dropped without an answer.
pub(crate) fn attribute(
    maps: &Maps,
    tier: Tier,
    namespace: &Namespace,
    arrived: Arrived,
) -> Result<Option<Datagram>, AcceptError> {
    let Some(key) = key(tier, namespace, &arrived) else {
        return Ok(None);
    };
    let raw = match maps.take_datagram(key) {
        Ok(Some(raw)) => raw,
        Ok(None) => return Ok(None),
        Err(error) => {
            tracing::warn!(%error, "who sent a datagram can't be told: it was dropped");
            return Ok(None);
        }
    };
    let facts = Facts::from(&raw);
    if arrived.payload.len() > MAX_QUESTION {
        return Err(AcceptError::TooLong {
            workload: facts.workload,
            pid: facts.pid,
        });
    }
    // One socket may send more of them on the strength of one connect: it is not taken out.
    let caller = Caller::told(maps.process(&raw));
    Ok(Some(handed_on(namespace, arrived, &raw, facts, caller)))
}

fn handed_on(
    namespace: &Namespace,
    arrived: Arrived,
    raw: &ConnectFacts,
    facts: Facts,
    caller: Option<Caller>,
) -> Datagram {
    Datagram {
        payload: arrived.payload,
        orig_dst: OrigDst::new((raw.address.to_ip(), raw.port).into()),
        cookie: facts.cookie,
        facts,
        caller,
        namespace: namespace.clone(),
        socket: arrived.socket,
        client: arrived.from,
    }
}

/// The name under which the programs left it. `None`: too short for them to have left anything.
fn key(tier: Tier, namespace: &Namespace, arrived: &Arrived) -> Option<DatagramKey> {
    let &[first, second, _, _, ..] = arrived.payload.as_slice() else {
        return None;
    };
    Some(DatagramKey {
        netns: match tier {
            Tier::Full => namespace.cookie().get(),
            Tier::Compatible | Tier::None => 0,
        },
        source: Address::from(arrived.from.ip()),
        source_port: arrived.from.port(),
        lead: [first, second],
        padding: 0,
    })
}
