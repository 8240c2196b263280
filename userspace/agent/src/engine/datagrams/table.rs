//! The flows that are open, and which one a datagram belongs to.
//!
//! A flow is told by the workload and its socket, the port that the socket has, and where it sends
//! to. A port that comes from another socket has changed hands: the flows of the one before end, so
//! that no answer to it reaches the new one.
//!
//! Known limits: sockets that share a port (SO_REUSEPORT) end each other's flows.

use std::{
    collections::{HashMap, hash_map::Entry},
    mem,
    net::SocketAddr,
    sync::Arc,
};

use tokio::{sync::Semaphore, task::JoinSet};
use weir_intercept::{CgroupId, Datagram, NetnsCookie, SocketCookie};

use super::flow;
use crate::{
    engine::Engine,
    session::datagrams::{Inlet, Over, Room, queue},
};

/// Most flows of one workload.
const MOST_FLOWS: usize = 1024;
/// Most bytes of one workload's datagrams that wait to be sent on.
const MOST_BYTES: usize = 16 << 20;

/// The open flows of all workloads. Dropping it ends them.
#[derive(Default)]
pub(super) struct Flows {
    ports: HashMap<Port, Held>,
    shares: HashMap<CgroupId, Share>,
    tasks: JoinSet<Port>,
}

/// A client's port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Port {
    namespace: NetnsCookie,
    address: SocketAddr,
}

/// Who has a port, and the flows from it by where they go.
struct Held {
    holder: Holder,
    flows: HashMap<SocketAddr, Inlet>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Holder {
    workload: CgroupId,
    socket: SocketCookie,
}

/// What one workload may have at a time.
struct Share {
    flows: Arc<Semaphore>,
    room: Room,
    /// Datagrams that found no flow free, since that was last told.
    turned_away: u64,
}

impl Default for Share {
    fn default() -> Self {
        Self {
            flows: Arc::new(Semaphore::new(MOST_FLOWS)),
            room: Room::of(MOST_BYTES),
            turned_away: 0,
        }
    }
}

impl Flows {
    /// Puts a datagram into its flow, which it opens if it is the first.
    pub(super) fn take(&mut self, engine: &Engine, mut datagram: Datagram) {
        let holder = Holder {
            workload: datagram.facts.workload,
            socket: datagram.cookie,
        };
        let port = Port {
            namespace: datagram.namespace.cookie(),
            address: datagram.client(),
        };
        let destination = datagram.orig_dst.get();
        let mut payload = mem::take(&mut datagram.payload);
        if let Some(inlet) = self.open(port, holder, destination) {
            match inlet.put(payload) {
                Ok(()) => return,
                Err(Over(back)) => payload = back,
            }
        }
        let Some(workload) = engine.workload(holder.workload) else {
            tracing::error!(workload = %holder.workload, "a datagram of an unknown workload");
            return;
        };
        let share = self.shares.entry(holder.workload).or_default();
        let Ok(one_of_many) = Arc::clone(&share.flows).try_acquire_owned() else {
            share.turned_away = share.turned_away.saturating_add(1);
            return;
        };
        let (inlet, outlet) = queue(share.room.clone());
        // Nobody has taken the other end away, and where there is no room the flow waits for more.
        if inlet.put(payload).is_err() {
            return;
        }
        let flow = flow::serve(engine.clone(), workload, datagram, outlet);
        self.tasks.spawn(async move {
            flow.await;
            drop(one_of_many);
            port
        });
        let flows = HashMap::new();
        let held = self.ports.entry(port).or_insert(Held { holder, flows });
        held.flows.insert(destination, inlet);
    }

    /// The flow from this port to there. If the port has another holder now, all from it end.
    fn open(&mut self, port: Port, holder: Holder, destination: SocketAddr) -> Option<&Inlet> {
        match self.ports.entry(port) {
            Entry::Occupied(held) if held.get().holder == holder => {
                held.into_mut().flows.get(&destination)
            }
            Entry::Occupied(held) => {
                held.remove();
                None
            }
            Entry::Vacant(_) => None,
        }
    }

    /// Forgets flows that have ended.
    pub(super) fn reap(&mut self) {
        while let Some(done) = self.tasks.try_join_next() {
            match done {
                Ok(port) => self.forget(port),
                // It is found when it is tidied up.
                Err(error) => tracing::error!(%error, "a flow of datagrams broke off"),
            }
        }
    }

    fn forget(&mut self, port: Port) {
        if let Entry::Occupied(mut held) = self.ports.entry(port) {
            held.get_mut().flows.retain(|_, inlet| !inlet.is_over());
            if held.get().flows.is_empty() {
                held.remove();
            }
        }
    }

    /// Forgets what was left over, and tells what was turned away. To be called every minute or so.
    pub(super) fn tidy(&mut self) {
        self.ports.retain(|_, held| {
            held.flows.retain(|_, inlet| !inlet.is_over());
            !held.flows.is_empty()
        });
        for (workload, share) in &mut self.shares {
            let datagrams = mem::take(&mut share.turned_away);
            if datagrams > 0 {
                tracing::warn!(%workload, datagrams, "dropped, since the workload has too many flows of datagrams");
            }
        }
    }

    /// Waits until all have ended by themselves, as they do when the engine stops.
    pub(super) async fn ended(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::datagrams::Outlet;

    fn port(namespace: u64, number: u16) -> Port {
        Port {
            namespace: NetnsCookie::new(namespace),
            address: ([127, 0, 0, 1], number).into(),
        }
    }

    fn holder(workload: u64, socket: u64) -> Holder {
        Holder {
            workload: CgroupId::new(workload),
            socket: SocketCookie::new(socket),
        }
    }

    /// A flow from port 1000 of one namespace to each of these ports.
    fn flows(to: &[u16]) -> (Flows, Vec<Outlet>) {
        let mut flows = Flows::default();
        let (inlets, outlets): (HashMap<_, _>, Vec<_>) = to
            .iter()
            .map(|to| {
                let (inlet, outlet) = queue(Room::of(100));
                ((SocketAddr::from(([192, 0, 2, 1], *to)), inlet), outlet)
            })
            .unzip();
        let held = Held {
            holder: holder(1, 1),
            flows: inlets,
        };
        flows.ports.insert(port(1, 1000), held);
        (flows, outlets)
    }

    #[tokio::test]
    async fn a_port_that_changes_hands_ends_the_flows_of_the_one_before() {
        for taker in [holder(1, 2), holder(2, 1)] {
            let (mut flows, outlets) = flows(&[443, 444]);
            let to = ([192, 0, 2, 1], 443).into();
            assert!(flows.open(port(1, 1000), holder(1, 1), to).is_some());
            // Another's port, and the same number elsewhere.
            assert!(flows.open(port(1, 1001), taker, to).is_none());
            assert!(flows.open(port(2, 1000), taker, to).is_none());
            assert!(flows.open(port(1, 1000), holder(1, 1), to).is_some());
            assert!(flows.open(port(1, 1000), taker, to).is_none());
            for mut outlet in outlets {
                assert_eq!(outlet.next().await, None);
            }
            assert!(flows.open(port(1, 1000), holder(1, 1), to).is_none());
        }
    }

    #[test]
    fn what_has_ended_is_forgotten_and_the_rest_kept() {
        let (mut flows, mut outlets) = flows(&[443, 444]);
        let open = outlets.pop();
        outlets.clear();
        flows.forget(port(1, 1000));
        assert_eq!(flows.ports[&port(1, 1000)].flows.len(), 1);
        flows.tidy();
        assert_eq!(flows.ports.len(), 1);
        drop(open);
        flows.tidy();
        assert!(flows.ports.is_empty());
    }
}
