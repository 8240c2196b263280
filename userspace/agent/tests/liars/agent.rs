//! The agent's side, by hand: frames out, frames in, and all that it ever heard.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

use bytes::BytesMut;
use weir_wire::postgres::{
    Decoded, Frame, Limits,
    backend::{ErrorResponse, Severity, tag},
    decode_frame,
};

use crate::{common::Gate, messages};

/// How long anything may take before the test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Agent {
    stream: TcpStream,
    received: BytesMut,
    /// Every byte that weir ever sent.
    pub(crate) heard: Vec<u8>,
}

impl Agent {
    /// A connection, with nothing said.
    pub(crate) fn dial(gate: &Gate) -> Self {
        Self::dial_at(gate.address)
    }

    /// The same, wherever it leads.
    pub(crate) fn dial_at(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            received: BytesMut::new(),
            heard: Vec::new(),
        }
    }

    /// A session, ready for its first command.
    pub(crate) fn connect(gate: &Gate) -> Self {
        Self::connect_to(gate, "app")
    }

    pub(crate) fn connect_to(gate: &Gate, database: &str) -> Self {
        let mut agent = Self::dial(gate);
        agent.write(&messages::startup_in(database, &[]));
        let greeting = agent.until_ready();
        assert_eq!(greeting.first().map(Frame::tag), Some(tag::AUTHENTICATION));
        agent
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Sends all in one piece.
    pub(crate) fn send(&mut self, frames: &[Frame]) {
        let all: Vec<u8> = frames.iter().flat_map(|f| f.raw().to_vec()).collect();
        self.write(&all);
    }

    /// Like [`send`](Self::send), to somebody who may have hung up.
    pub(crate) fn try_send(&mut self, frames: &[Frame]) {
        let all: Vec<u8> = frames.iter().flat_map(|f| f.raw().to_vec()).collect();
        self.try_write(&all);
    }

    pub(crate) fn try_write(&mut self, bytes: &[u8]) {
        if let Err(error) = self.stream.write_all(bytes) {
            assert!(is_gone(error.kind()), "{error}");
        }
    }

    /// Writes the same again and again, until for a while none of it is taken.
    pub(crate) fn write_until_nobody_takes_it(&mut self, bytes: &[u8]) {
        const A_WHILE: Duration = Duration::from_millis(500);
        self.stream.set_write_timeout(Some(A_WHILE)).unwrap();
        let blocked = loop {
            if let Err(error) = self.stream.write_all(bytes) {
                break error;
            }
        };
        assert_eq!(blocked.kind(), ErrorKind::WouldBlock, "{blocked}");
        self.stream.set_write_timeout(Some(PATIENCE)).unwrap();
    }

    /// Hears exactly so many bytes and forgets them.
    pub(crate) fn swallow(&mut self, count: u64) {
        assert!(self.received.is_empty());
        let mut bytes = Read::by_ref(&mut self.stream).take(count);
        assert_eq!(
            std::io::copy(&mut bytes, &mut std::io::sink()).unwrap(),
            count
        );
    }

    /// Sends all in one piece and hears the answers up to the first ReadyForQuery.
    pub(crate) fn ask(&mut self, frames: &[Frame]) -> Vec<Frame> {
        self.send(frames);
        self.until_ready()
    }

    /// The next message; nothing when weir has closed the connection.
    pub(crate) fn receive(&mut self) -> Option<Frame> {
        loop {
            match decode_frame(&mut self.received, &Limits::default()).unwrap() {
                Decoded::Complete(frame) => return Some(frame),
                Decoded::Incomplete { .. } => {
                    if !self.fill() {
                        assert!(self.received.is_empty(), "half a message at the end");
                        return None;
                    }
                }
            }
        }
    }

    /// One byte, as after an encryption request.
    pub(crate) fn receive_byte(&mut self) -> Option<u8> {
        if self.received.is_empty() && !self.fill() {
            return None;
        }
        self.received.split_to(1).first().copied()
    }

    fn fill(&mut self) -> bool {
        let mut chunk = [0; 16 * 1024];
        match self.stream.read(&mut chunk) {
            Ok(0) => false,
            Ok(count) => {
                let fresh = &chunk[..count];
                self.received.extend_from_slice(fresh);
                self.heard.extend_from_slice(fresh);
                true
            }
            Err(error) if is_gone(error.kind()) => false,
            Err(error) => panic!("nothing from weir: {error}"),
        }
    }

    pub(crate) fn until_ready(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        loop {
            let Some(frame) = self.receive() else {
                let last = frames.last().and_then(|f| field(f, b'M'));
                panic!("weir hung up after {}: {last:?}", tags(&frames));
            };
            let last = frame.tag() == tag::READY_FOR_QUERY;
            frames.push(frame);
            if last {
                return frames;
            }
        }
    }

    /// Everything up to the connection's end.
    pub(crate) fn rest(&mut self) -> Vec<Frame> {
        std::iter::from_fn(|| self.receive()).collect()
    }

    /// All bytes up to the connection's end, whatever they are.
    pub(crate) fn rest_raw(&mut self) -> Vec<u8> {
        while self.fill() {}
        self.received.split().to_vec()
    }

    /// Everything up to the connection's end, which must come with a FATAL error of this code.
    pub(crate) fn fatal(&mut self, code: &str) -> Vec<Frame> {
        let frames = self.rest();
        let Some(last) = frames.last() else {
            panic!("weir hung up without a word");
        };
        assert_eq!(last.tag(), tag::ERROR_RESPONSE, "{}", tags(&frames));
        let error = ErrorResponse::decode(last.clone()).unwrap();
        let severity = error.diagnostic().severity();
        assert_eq!(
            (severity, field(last, b'C').as_deref()),
            (Some(Severity::Fatal), Some(code)),
            "{:?}",
            field(last, b'M')
        );
        frames
    }

    pub(crate) fn hang_up(self) {
        self.stream.shutdown(Shutdown::Both).unwrap();
    }

    /// Ends its side only.
    pub(crate) fn close_write(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    pub(crate) fn never_heard(&self, secret: &str) {
        assert!(
            !contains(&self.heard, secret.as_bytes()),
            "the agent was told {secret}"
        );
    }
}

fn is_gone(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted
    )
}

pub(crate) fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// The type bytes, as a word.
pub(crate) fn tags(frames: &[Frame]) -> String {
    frames.iter().map(|f| char::from(f.tag())).collect()
}

/// A field of an error or a notice.
pub(crate) fn field(frame: &Frame, code: u8) -> Option<String> {
    frame
        .body()
        .split(|byte| *byte == 0)
        .find_map(|text| text.strip_prefix(&[code]))
        .map(|text| String::from_utf8_lossy(text).into_owned())
}

/// A row's values, as text.
pub(crate) fn values(frame: &Frame) -> Vec<Option<String>> {
    let row = weir_wire::postgres::backend::DataRow::decode(frame.clone()).unwrap();
    row.columns()
        .map(|value| value.map(|value| String::from_utf8_lossy(value).into_owned()))
        .collect()
}

/// The rows among the messages.
pub(crate) fn rows(frames: &[Frame]) -> Vec<Vec<Option<String>>> {
    frames
        .iter()
        .filter(|f| f.tag() == tag::DATA_ROW)
        .map(values)
        .collect()
}

/// The only error among the messages.
pub(crate) fn the_error(frames: &[Frame]) -> &Frame {
    let errors: Vec<&Frame> = frames
        .iter()
        .filter(|f| f.tag() == tag::ERROR_RESPONSE)
        .collect();
    let [error] = errors.as_slice() else {
        panic!("{} errors in {}", errors.len(), tags(frames));
    };
    error
}
