//! The target's side, by hand: a PostgreSQL that says what a test's script says. Weir's own
//! catalogue connection is always answered truthfully.

use std::{
    any::Any,
    net::{SocketAddr, TcpListener, TcpStream},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::Sender,
    },
    thread::{self, JoinHandle},
};

use weir_policy::{Policies, Source};
use weir_wire::postgres::{CancelRequest, Frame};

use crate::{
    agent::PATIENCE,
    common::Gate,
    honest::{self, Known},
    peer::{Opened, Peer, answer_catalogue},
};

/// `public.people(id, name, email, ssn)`: the last two are sensitive.
pub(crate) const PEOPLE: u32 = 16_400;
/// `public.orders(id, total, note)`: nothing in it is.
pub(crate) const ORDERS: u32 = 16_410;
/// What no agent may see.
pub(crate) const SECRET: &str = "alice@example.com";
/// The password that weir logs in with.
pub(crate) const PASSWORD: &str = "correct horse battery staple";
type Handler = dyn Fn(TcpStream) + Send + Sync;
type Failure = Box<dyn Any + Send>;

/// A listener with a script. Dropping it waits for its connections and fails the test with them.
pub(crate) struct Target {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
    /// Whether weir may cancel what is under way.
    cancels: Arc<AtomicBool>,
}

struct Shared {
    handler: Box<Handler>,
    stopped: AtomicBool,
    catalogues: Arc<AtomicUsize>,
    connections: Mutex<Vec<JoinHandle<Result<(), Failure>>>>,
}

impl Target {
    /// Hands every connection over from its first byte.
    pub(crate) fn raw(handler: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        Self::listen(Box::new(handler), Arc::default())
    }

    /// Runs `script` for each session, from behind its startup packet. It is given the number of
    /// the session, from 0.
    pub(crate) fn from_startup(script: impl Fn(&mut Peer, usize) + Send + Sync + 'static) -> Self {
        let catalogues = Arc::new(AtomicUsize::new(0));
        let (counted, sessions) = (Arc::clone(&catalogues), AtomicUsize::new(0));
        let cancels = Arc::new(AtomicBool::new(false));
        let may_cancel = Arc::clone(&cancels);
        let handler = move |stream| match Peer::open(stream) {
            Opened::Session(mut peer) if peer.is_weirs_own() => {
                peer.welcome();
                answer_catalogue(&mut peer, &counted);
            }
            Opened::Session(mut peer) => {
                script(&mut peer, sessions.fetch_add(1, Ordering::SeqCst));
            }
            Opened::Cancel(..) => assert!(may_cancel.load(Ordering::SeqCst), "weir cancels"),
            Opened::Nothing => {}
        };
        let mut target = Self::listen(Box::new(handler), catalogues);
        target.cancels = cancels;
        target
    }

    /// Runs `script` for each session, from behind its login.
    pub(crate) fn scripted(script: impl Fn(&mut Peer) + Send + Sync + 'static) -> Self {
        Self::from_startup(move |peer, _| {
            peer.welcome();
            script(peer);
        })
    }

    /// Runs `script` in the first session, and is honest in those after it.
    pub(crate) fn lying(script: impl Fn(&mut Peer) + Send + Sync + 'static) -> Self {
        Self::from_startup(move |peer, session| {
            peer.welcome();
            if session == 0 {
                script(peer);
            } else {
                honest::serve(peer, &[]);
            }
        })
    }

    /// Lets every session in, and runs `script` for weir's own catalogue connection.
    pub(crate) fn with_catalogue(script: impl Fn(&mut Peer) + Send + Sync + 'static) -> Self {
        let handler = move |stream| match Peer::open(stream) {
            Opened::Session(mut peer) => {
                peer.welcome();
                if peer.is_weirs_own() {
                    script(&mut peer);
                }
                peer.rest();
            }
            Opened::Cancel(..) => panic!("weir cancels"),
            Opened::Nothing => {}
        };
        Self::listen(Box::new(handler), Arc::default())
    }

    /// Lets every session in and listens to nothing but requests to cancel, which it passes on.
    pub(crate) fn hearing_cancels(heard: Sender<CancelRequest>) -> Self {
        let handler = move |stream| match Peer::open(stream) {
            Opened::Session(mut peer) => {
                peer.welcome();
                if peer.is_weirs_own() {
                    answer_catalogue(&mut peer, &AtomicUsize::default());
                }
                peer.rest();
            }
            Opened::Cancel(request, _answer) => heard.send(request).unwrap(),
            Opened::Nothing => {}
        };
        Self::listen(Box::new(handler), Arc::default())
    }

    /// In each session, takes so many messages of weir's and answers them so, step by step.
    pub(crate) fn answering(steps: Vec<(usize, Vec<Frame>)>) -> Self {
        Self::scripted(move |peer| {
            for (count, answer) in &steps {
                for _ in 0..*count {
                    peer.receive();
                }
                peer.send(answer);
            }
            peer.rest();
        })
    }

    /// Answers as a PostgreSQL that knows these statements would.
    pub(crate) fn honest(known: Vec<Known>) -> Self {
        Self::scripted(move |peer| honest::serve(peer, &known))
    }

    fn listen(handler: Box<Handler>, catalogues: Arc<AtomicUsize>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            handler,
            stopped: AtomicBool::new(false),
            catalogues,
            connections: Mutex::default(),
        });
        let accepting = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || accept(&listener, &shared))
        };
        Self {
            address,
            shared,
            accepting: Some(accepting),
            cancels: Arc::default(),
        }
    }

    /// From here on weir may end a session, and cancels what that has under way.
    pub(crate) fn may_be_cancelled(&self) {
        self.cancels.store(true, Ordering::SeqCst);
    }

    /// A gate in front of it, with the shipped policies.
    pub(crate) fn gate(&self) -> Gate {
        self.gate_with(Policies::shipped().unwrap())
    }

    /// One whose policy allows everything.
    pub(crate) fn lax_gate(&self) -> Gate {
        let all = Source {
            name: "all.cedar".to_owned(),
            text: "@id(\"all\") permit (principal, action, resource);".to_owned(),
        };
        self.gate_with(Policies::load(&[all]).unwrap())
    }

    fn gate_with(&self, policies: Policies) -> Gate {
        Gate::with(self.address, "mode = \"disable\"", PASSWORD, policies)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How often weir has looked whether the catalogue is what it was, or read it.
    pub(crate) fn catalogues(&self) -> usize {
        self.shared.catalogues.load(Ordering::SeqCst)
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    loop {
        let (stream, _) = listener.accept().unwrap();
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let served = Arc::clone(shared);
        let connection =
            thread::spawn(move || catch_unwind(AssertUnwindSafe(|| (served.handler)(stream))));
        shared.connections.lock().unwrap().push(connection);
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            accepting.join().unwrap();
        }
        let connections = std::mem::take(&mut *self.shared.connections.lock().unwrap());
        for connection in connections {
            if let Ok(Err(failure)) = connection.join()
                && !thread::panicking()
            {
                resume_unwind(failure);
            }
        }
    }
}
