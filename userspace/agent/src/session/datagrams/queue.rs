//! What an agent has sent in one flow and the target was not yet sent, bounded twice: in datagrams
//! for the flow, in bytes for all flows that share the same room. What finds no room is dropped, as
//! by a network that is too busy, and counted.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::{
    OwnedSemaphorePermit, Semaphore,
    mpsc::{self, error::TrySendError},
};

/// Most datagrams of one flow that wait.
const MOST: usize = 64;

/// The room for the waiting datagrams of several flows. Clones are the same room.
#[derive(Clone, Debug)]
pub struct Room(Arc<Semaphore>);

/// Where the datagrams of a flow are put in.
#[derive(Debug)]
pub struct Inlet {
    queue: mpsc::Sender<Waiting>,
    room: Room,
    dropped: Arc<AtomicU64>,
}

/// Where they come out.
#[derive(Debug)]
pub struct Outlet {
    queue: mpsc::Receiver<Waiting>,
    dropped: Arc<AtomicU64>,
}

/// The flow has ended: the datagram comes back.
#[derive(Debug)]
pub struct Over(pub Vec<u8>);

#[derive(Debug)]
struct Waiting {
    payload: Vec<u8>,
    _room: OwnedSemaphorePermit,
}

impl Room {
    /// Room for this many bytes.
    #[must_use]
    pub fn of(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes)))
    }
}

/// A flow's queue, whose datagrams wait in this room.
#[must_use]
pub fn queue(room: Room) -> (Inlet, Outlet) {
    let (sender, receiver) = mpsc::channel(MOST);
    let dropped = Arc::new(AtomicU64::new(0));
    let inlet = Inlet {
        queue: sender,
        room,
        dropped: Arc::clone(&dropped),
    };
    let outlet = Outlet {
        queue: receiver,
        dropped,
    };
    (inlet, outlet)
}

impl Inlet {
    /// Puts a datagram in, or drops it where there is no room.
    ///
    /// # Errors
    /// When nobody takes them out any more.
    pub fn put(&self, payload: Vec<u8>) -> Result<(), Over> {
        let bytes = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let Ok(room) = Arc::clone(&self.room.0).try_acquire_many_owned(bytes) else {
            return self.drop_one(payload);
        };
        let waiting = Waiting {
            payload,
            _room: room,
        };
        match self.queue.try_send(waiting) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(waiting)) => self.drop_one(waiting.payload),
            Err(TrySendError::Closed(waiting)) => Err(Over(waiting.payload)),
        }
    }

    /// Whether nobody takes them out any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.queue.is_closed()
    }

    fn drop_one(&self, payload: Vec<u8>) -> Result<(), Over> {
        if self.is_over() {
            return Err(Over(payload));
        }
        self.dropped.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

impl Outlet {
    /// The next datagram; `None` once no more will be put in. Safe to cancel.
    pub async fn next(&mut self) -> Option<Vec<u8>> {
        self.queue.recv().await.map(|waiting| waiting.payload)
    }

    /// Whether none waits.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// How many found no room.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_finds_no_room_is_dropped_and_counted() {
        let (inlet, mut outlet) = queue(Room::of(1 << 20));
        for number in 0..100 {
            inlet.put(vec![number; 3]).unwrap();
        }
        assert_eq!(outlet.dropped(), 36);
        for number in 0..64 {
            assert_eq!(outlet.next().await, Some(vec![number; 3]));
        }
        assert!(outlet.is_empty());
        // An empty datagram is one, too.
        inlet.put(Vec::new()).unwrap();
        assert_eq!(outlet.next().await, Some(Vec::new()));
    }

    #[tokio::test]
    async fn flows_share_their_room_and_give_it_back() {
        let room = Room::of(1000);
        let (one, mut out) = queue(room.clone());
        let (other, other_out) = queue(room);
        one.put(vec![0; 600]).unwrap();
        other.put(vec![0; 600]).unwrap();
        assert_eq!(other_out.dropped(), 1);
        out.next().await.unwrap();
        other.put(vec![0; 600]).unwrap();
        assert_eq!(other_out.dropped(), 1);
        drop(other);
        drop(other_out);
        one.put(vec![0; 1000]).unwrap();
        assert_eq!(out.dropped(), 0);
    }

    #[test]
    fn a_flow_that_is_over_gives_the_datagram_back() {
        let (inlet, outlet) = queue(Room::of(4));
        drop(outlet);
        assert!(inlet.is_over());
        for payload in [vec![1; 4], vec![1; 5]] {
            let Err(Over(back)) = inlet.put(payload.clone()) else {
                panic!("it was taken");
            };
            assert_eq!(back, payload);
        }
    }
}
