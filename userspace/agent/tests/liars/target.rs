//! The target's side, by hand: a PostgreSQL that says what a test's script says. Weir's own
//! catalogue connection is always answered truthfully.

use std::{
    any::Any,
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::Sender,
    },
    thread::{self, JoinHandle},
};

use bytes::BytesMut;
use weir_policy::Policies;
use weir_wire::postgres::{
    CancelRequest, Decoded, Frame, Limits, Startup, StartupFrame,
    backend::{AuthenticationRequest, BackendKeyData},
    decode_frame, decode_startup, frontend,
};

use crate::{
    agent::PATIENCE,
    common::Gate,
    honest::{self, Known},
    messages::{authentication, column, complete, described, parameter, parse, query, ready, row},
};

/// `public.people(id, name, email, ssn)`: the last two are sensitive.
pub(crate) const PEOPLE: u32 = 16_400;
/// `public.orders(id, total, note)`: nothing in it is.
pub(crate) const ORDERS: u32 = 16_410;
/// What no agent may see.
pub(crate) const SECRET: &str = "alice@example.com";
/// The password that weir logs in with.
pub(crate) const PASSWORD: &str = "correct horse battery staple";
/// The key that cancels at the target, of process 4711.
pub(crate) const CANCEL_KEY: [u8; 4] = *b"\xde\xad\xbe\xef";
/// The process id that the target gives each session.
pub(crate) const PID: u32 = 4711;

/// A column of the catalogue that says what a relation's column is called.
const COLUMNS: [(u32, &str, &str, &str); 7] = [
    (PEOPLE, "people", "1", "id"),
    (PEOPLE, "people", "2", "name"),
    (PEOPLE, "people", "3", "email"),
    (PEOPLE, "people", "4", "ssn"),
    (ORDERS, "orders", "1", "id"),
    (ORDERS, "orders", "2", "total"),
    (ORDERS, "orders", "3", "note"),
];

type Handler = dyn Fn(TcpStream) + Send + Sync;
type Failure = Box<dyn Any + Send>;

/// A listener with a script. Dropping it waits for its connections and fails the test with them.
pub(crate) struct Target {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
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
        let handler = move |stream| match Peer::open(stream) {
            Opened::Session(mut peer) if peer.is_weirs_own() => {
                counted.fetch_add(1, Ordering::SeqCst);
                peer.welcome();
                answer_catalogue(&mut peer);
            }
            Opened::Session(mut peer) => {
                script(&mut peer, sessions.fetch_add(1, Ordering::SeqCst));
            }
            Opened::Cancel(_) => panic!("weir cancels"),
            Opened::Nothing => {}
        };
        Self::listen(Box::new(handler), catalogues)
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
            Opened::Cancel(_) => panic!("weir cancels"),
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
                    answer_catalogue(&mut peer);
                }
                peer.rest();
            }
            Opened::Cancel(request) => heard.send(request).unwrap(),
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
        }
    }

    /// A gate in front of it, with the shipped policies.
    pub(crate) fn gate(&self) -> Gate {
        self.gate_with(Policies::shipped().unwrap())
    }

    pub(crate) fn gate_with(&self, policies: Policies) -> Gate {
        Gate::with(self.address, "mode = \"disable\"", PASSWORD, policies)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How often weir has read the catalogue.
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

enum Opened {
    Session(Peer),
    Cancel(CancelRequest),
    Nothing,
}

/// One session of weir's with the target, seen from the target.
pub(crate) struct Peer {
    stream: TcpStream,
    received: BytesMut,
    pub(crate) startup: Startup,
}

impl Peer {
    fn open(mut stream: TcpStream) -> Opened {
        let mut received = BytesMut::new();
        loop {
            match decode_startup(&mut received, &Limits::default()).unwrap() {
                Decoded::Complete(StartupFrame::Startup(startup)) => {
                    return Opened::Session(Self {
                        stream,
                        received,
                        startup,
                    });
                }
                Decoded::Complete(StartupFrame::Cancel(request)) => {
                    return Opened::Cancel(request);
                }
                Decoded::Complete(other) => panic!("{other:?} where a session begins"),
                Decoded::Incomplete { .. } => {
                    if !fill(&mut stream, &mut received) {
                        return Opened::Nothing;
                    }
                }
            }
        }
    }

    fn is_weirs_own(&self) -> bool {
        self.startup.get("application_name") == Some("weir catalogue")
    }

    /// Lets weir in without a password.
    pub(crate) fn welcome(&mut self) {
        self.welcome_saying(&[
            ("server_version", "15.0"),
            ("client_encoding", "UTF8"),
            ("standard_conforming_strings", "on"),
        ]);
    }

    pub(crate) fn welcome_saying(&mut self, parameters: &[(&str, &str)]) {
        let mut frames = vec![authentication(&AuthenticationRequest::Ok)];
        frames.extend(
            parameters
                .iter()
                .map(|(name, value)| parameter(name, value)),
        );
        let key = BackendKeyData::new(PID, &CANCEL_KEY).unwrap();
        frames.push(key.into_frame());
        frames.push(ready());
        self.send(&frames);
    }

    pub(crate) fn send(&mut self, frames: &[Frame]) {
        let all: Vec<u8> = frames.iter().flat_map(|f| f.raw().to_vec()).collect();
        self.write(&all);
    }

    /// Writes to weir, which may have hung up on a liar.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        if let Err(error) = self.stream.write_all(bytes) {
            let gone = [
                ErrorKind::BrokenPipe,
                ErrorKind::ConnectionReset,
                ErrorKind::ConnectionAborted,
            ];
            assert!(gone.contains(&error.kind()), "{error}");
        }
    }

    /// The next message; nothing when weir has hung up.
    pub(crate) fn receive(&mut self) -> Option<frontend::Message> {
        loop {
            match decode_frame(&mut self.received, &Limits::default()).unwrap() {
                Decoded::Complete(frame) => return Some(frontend::decode(frame).unwrap()),
                Decoded::Incomplete { .. } => {
                    if !fill(&mut self.stream, &mut self.received) {
                        return None;
                    }
                }
            }
        }
    }

    /// The next message, which must be this one.
    pub(crate) fn expect(&mut self, frame: &Frame) {
        let message = self.receive();
        let found = message.as_ref().map(frontend::Message::frame);
        assert_eq!(
            found.map(Frame::raw),
            Some(frame.raw()),
            "{:?} came",
            message.as_ref().map(frontend::Message::name)
        );
    }

    pub(crate) fn expect_query(&mut self, text: &str) {
        self.expect(&query(text));
    }

    /// The statement that weir sends in the place of a refused Query.
    pub(crate) fn expect_stand_in(&mut self) {
        self.expect_query("weir refused a statement here");
    }

    /// The statement that weir sends in the place of a refused message of the extended protocol.
    pub(crate) fn expect_extended_stand_in(&mut self) {
        self.expect(&parse("weir_refused", "weir refused a statement here"));
    }

    /// All that comes until weir hangs up, by name.
    pub(crate) fn rest(&mut self) -> Vec<&'static str> {
        std::iter::from_fn(|| self.receive())
            .map(|message| message.name())
            .collect()
    }
}

fn fill(stream: &mut TcpStream, received: &mut BytesMut) -> bool {
    let mut chunk = [0; 16 * 1024];
    match stream.read(&mut chunk) {
        Ok(count) => {
            received.extend_from_slice(&chunk[..count]);
            count > 0
        }
        Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
        Err(error) => panic!("nothing from weir: {error}"),
    }
}

/// Answers weir's questions: the columns, and one function whose code may read tables. There is
/// nothing else in the database.
fn answer_catalogue(peer: &mut Peer) {
    while let Some(frontend::Message::Query(question)) = peer.receive() {
        let question = String::from_utf8_lossy(question.text()).into_owned();
        let mut answer = vec![described(&[column("oid", 0, 0)])];
        if question.contains("a.attname") {
            answer.extend(COLUMNS.iter().map(|(oid, relation, number, name)| {
                row(&[
                    Some(&oid.to_string()),
                    Some("public"),
                    Some(relation),
                    Some(number),
                    Some(name),
                ])
            }));
        }
        if question.starts_with("SELECT p.proname") {
            answer.push(row(&[Some("reads_tables"), Some("f")]));
        }
        answer.extend([complete("SELECT"), ready()]);
        peer.send(&answer);
    }
}
