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
