//! The namespaces beside the engine's own: listening in each, and what arrives in all of them as one
//! stream.

use std::{collections::BTreeMap, fs::File, io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::TcpStream,
    sync::{Mutex, mpsc},
    task::JoinHandle,
    time::sleep,
};

use super::{Namespace, enter::NetnsInode, make::Made};
use crate::{NetnsCookie, datagrams::Arrived, kernel::maps::Maps, listen::Listeners};

/// How much may have been accepted and not been asked for. More waits in the listeners' queues.
const READY: usize = 64;

/// After an accept that failed, most likely for want of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

type Connection = io::Result<(TcpStream, SocketAddr, Namespace)>;
type Question = io::Result<(Arrived, Namespace)>;

/// Where what arrives is taken. Each lock is held by whoever waits for the next, and by nobody else:
/// several that wait take turns.
#[derive(Debug)]
pub(crate) struct Arrivals {
    connections: Mutex<mpsc::Receiver<Connection>>,
    questions: Mutex<mpsc::Receiver<Question>>,
}

impl Arrivals {
    /// The next connection. Cancelling it loses nothing.
    pub(crate) async fn connection(&self) -> Connection {
        match self.connections.lock().await.recv().await {
            Some(connection) => connection,
            // Nobody serves any more: the engine is being dropped.
            None => std::future::pending().await,
        }
    }

    /// The next datagram. Cancelling it loses nothing.
    pub(crate) async fn question(&self) -> Question {
        match self.questions.lock().await.recv().await {
            Some(question) => question,
            None => std::future::pending().await,
        }
    }
}

/// The namespaces that are served, and the way of what arrives in them.
pub(crate) struct Others {
    maps: Arc<Maps>,
    connections: mpsc::Sender<Connection>,
    questions: mpsc::Sender<Question>,
    served: BTreeMap<NetnsInode, Served>,
}

/// Listening in one namespace, until dropped.
struct Served {
    cookie: NetnsCookie,
    task: JoinHandle<()>,
    _held: File,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Others {
    /// None yet.
    pub(crate) fn new(maps: Arc<Maps>) -> (Self, Arrivals) {
        let (connections, taken_connections) = mpsc::channel(READY);
        let (questions, taken_questions) = mpsc::channel(READY);
        let others = Self {
            maps,
            connections,
            questions,
            served: BTreeMap::new(),
        };
        let arrivals = Arrivals {
            connections: Mutex::new(taken_connections),
            questions: Mutex::new(taken_questions),
        };
        (others, arrivals)
    }

    /// Those that are served.
    pub(crate) fn inodes(&self) -> impl Iterator<Item = NetnsInode> {
        self.served.keys().copied()
    }

    /// Serves a namespace: the programs are told only when its listeners are driven. Needs a tokio
    /// runtime.
    pub(crate) fn serve(&mut self, made: Made) -> io::Result<()> {
        let Made {
            inode,
            namespace,
            bound,
            cookie,
            held,
        } = made;
        let listeners = bound.drive()?;
        let ways = (self.connections.clone(), self.questions.clone());
        let task = tokio::spawn(serve(listeners, namespace, ways.0, ways.1));
        let served = Served {
            cookie,
            task,
            _held: held,
        };
        self.maps.serve(cookie.get()).map_err(io::Error::other)?;
        self.served.insert(inode, served);
        Ok(())
    }

    /// Lets a namespace go: connects from it are refused from now on, its listeners are closed, and
    /// if nobody else is in it, it ends.
    pub(crate) fn let_go(&mut self, inode: NetnsInode) {
        let Some(served) = self.served.remove(&inode) else {
            return;
        };
        let cookie = served.cookie;
        match self.maps.unserve(cookie.get()) {
            Ok(()) => {
                tracing::info!(namespace = %cookie, "nobody is in a network namespace any more");
            }
            // What is redirected there finds nobody listening, and is refused by that.
            Err(error) => tracing::warn!(namespace = %cookie, %error, "it is still told as served"),
        }
    }
}

async fn serve(
    listeners: Listeners,
    namespace: Namespace,
    connections: mpsc::Sender<Connection>,
    questions: mpsc::Sender<Question>,
) {
    let accept = async {
        loop {
            let accepted = listeners.accept().await;
            let failed = accepted.is_err();
            let accepted = accepted.map(|(io, peer)| (io, peer, namespace.clone()));
            if connections.send(accepted).await.is_err() {
                return;
            }
            if failed {
                sleep(PAUSE).await;
            }
        }
    };
    let read = async {
        loop {
            let arrived = listeners.datagrams().next().await;
            let failed = arrived.is_err();
            let arrived = arrived.map(|arrived| (arrived, namespace.clone()));
            if questions.send(arrived).await.is_err() {
                return;
            }
            if failed {
                sleep(PAUSE).await;
            }
        }
    };
    tokio::join!(accept, read);
}
