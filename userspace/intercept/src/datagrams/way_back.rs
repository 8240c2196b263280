//! The way back to whoever sent a datagram.

use std::{fmt, io, net::SocketAddr, sync::Arc};

use tokio::net::UdpSocket;
use weir_abi::{ConnectFacts, DNS_PORT, SourceKey};

use crate::kernel::maps::Maps;

/// Sends to the client of one [`Datagram`](crate::Datagram), for as long as it is kept.
///
/// Known limit: that the client is gone is not told, and who has its port next is sent to.
#[derive(Clone)]
pub struct WayBack {
    socket: Arc<UdpSocket>,
    client: SocketAddr,
    /// Of what no resolver was asked, since the client sees it come from wherever it has sent last.
    source: Option<Source>,
}

/// What the source must still be noted for.
#[derive(Clone)]
struct Source {
    maps: Arc<Maps>,
    key: SourceKey,
    facts: ConnectFacts,
}

impl fmt::Debug for WayBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WayBack")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

impl WayBack {
    pub(super) fn new(
        socket: Arc<UdpSocket>,
        client: SocketAddr,
        maps: &Arc<Maps>,
        key: SourceKey,
        facts: ConnectFacts,
    ) -> Self {
        let source = (facts.port != DNS_PORT).then(|| Source {
            maps: Arc::clone(maps),
            key,
            facts,
        });
        Self {
            socket,
            client,
            source,
        }
    }

    /// The sender, as the engine sees it: an address of loopback.
    pub(super) fn client(&self) -> SocketAddr {
        self.client
    }

    /// Sends to the client, which sees it come from where it had sent. Fails if it is longer than a
    /// datagram can be (65,507 bytes over IPv4), and with [`io::ErrorKind::NotConnected`], for good,
    /// if the client has sent elsewhere since, or another has its port: it would be taken for an
    /// answer from there.
    pub async fn send(&self, payload: &[u8]) -> io::Result<()> {
        if self.source.as_ref().is_some_and(|source| !source.stands()) {
            return Err(io::Error::from(io::ErrorKind::NotConnected));
        }
        self.socket.send_to(payload, self.client).await.map(drop)
    }
}

impl Source {
    fn stands(&self) -> bool {
        let noted = self.maps.source(self.key);
        noted.is_ok_and(|noted| {
            noted.is_some_and(|note| {
                note.facts.cookie == self.facts.cookie
                    && note.facts.workload == self.facts.workload
                    && (note.facts.address, note.facts.port)
                        == (self.facts.address, self.facts.port)
            })
        })
    }
}
