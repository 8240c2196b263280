//! One session of weir's with the target, seen from the target: messages in, messages out, and the
//! truth about the catalogue.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    sync::atomic::{AtomicUsize, Ordering},
};

use bytes::BytesMut;
use weir_wire::postgres::{
    CancelRequest, Decoded, Frame, Limits, Startup, StartupFrame,
    backend::{AuthenticationRequest, BackendKeyData},
    decode_frame, decode_startup, frontend,
};

use crate::{
    messages::{authentication, column, complete, described, parameter, parse, query, ready, row},
    target::{ORDERS, PEOPLE},
};

/// The key that cancels at the target, of process 4711.
pub(crate) const CANCEL_KEY: [u8; 4] = *b"\xde\xad\xbe\xef";
/// The process id that the target gives each session.
pub(crate) const PID: u32 = 4711;

/// The relations of the catalogue, with their columns by number.
const RELATIONS: [(u32, &str, &str); 2] = [
    (
        PEOPLE,
        "people",
        r#"{ "1" : "id", "2" : "name", "3" : "email", "4" : "ssn" }"#,
    ),
    (
        ORDERS,
        "orders",
        r#"{ "1" : "id", "2" : "total", "3" : "note" }"#,
    ),
];

/// What weir opened a connection for.
pub(crate) enum Opened {
    Session(Peer),
    /// With the connection, whose end is all the answer that there is.
    Cancel(CancelRequest, TcpStream),
    Nothing,
}

/// One session of weir's with the target, seen from the target.
pub(crate) struct Peer {
    stream: TcpStream,
    received: BytesMut,
    pub(crate) startup: Startup,
}

impl Peer {
    /// Reads on to what the connection is for.
    pub(crate) fn open(mut stream: TcpStream) -> Opened {
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
                    return Opened::Cancel(request, stream);
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

    /// Whether it is the connection on which weir reads the catalogue.
    pub(crate) fn is_weirs_own(&self) -> bool {
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
pub(crate) fn answer_catalogue(peer: &mut Peer, looks: &AtomicUsize) {
    while answer_question(peer, looks) {}
}

/// Answers one of them; false once there are no more.
pub(crate) fn answer_question(peer: &mut Peer, looks: &AtomicUsize) -> bool {
    if let Some(frontend::Message::Query(question)) = peer.receive() {
        let question = String::from_utf8_lossy(question.text()).into_owned();
        let mut answer = vec![described(&[column("oid", 0, 0)])];
        if question.starts_with("EXECUTE weir_look") {
            looks.fetch_add(1, Ordering::SeqCst);
            answer.push(row(&[Some("7:7:"), Some("5"), Some("now")]));
            answer.extend((0..18).map(|_| row(&[Some("pg_class"), Some("9"), None])));
        }
        if question.contains("json_object_agg") {
            answer.extend(RELATIONS.iter().map(|(oid, relation, columns)| {
                row(&[
                    Some(&oid.to_string()),
                    Some("public"),
                    Some(relation),
                    Some("f"),
                    Some(columns),
                ])
            }));
        }
        if question.starts_with("SELECT p.proname") {
            answer.push(row(&[Some("reads_tables"), Some("f")]));
        }
        answer.extend([complete("SELECT"), ready()]);
        peer.send(&answer);
        return true;
    }
    false
}
