//! Whole sessions over the codecs alone: a client that a seed makes, a server as the protocol describes
//! it, and no sockets between them.
//!
//! However their bytes are cut and whoever's turn it is, the same messages are seen. What a liar makes of
//! them ends in an error or waits for more, and nothing piles up. A failure names its seed;
//! `WEIR_SIMULATION_SEEDS` says how many are run.
//!
//! The agent simulates its own sessions with the same client, server and liar.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "how a test fails, also in its helpers"
)]

mod chance;
mod client;
mod liar;
mod server;

use bytes::{Bytes, BytesMut};
use weir_wire::postgres::{
    CancelRequest, Decoded, EncryptionAnswer, Frame, Limits, ProtocolVersion, Startup,
    StartupFrame,
    backend::{
        self, Authentication, AuthenticationRequest, BackendKeyData, NegotiateProtocolVersion,
        ParameterStatus, ReadyForQuery, TransactionStatus,
    },
    decode_frame, decode_startup, frontend,
    frontend::{Password, Terminate},
};

use chance::{Chance, with_each};
use client::Step;
use server::Server;

const LIMITS: Limits = Limits {
    startup: 10_000,
    message: 64 * 1024,
};

/// One session: what each side sends.
struct Session {
    packets: Vec<StartupFrame>,
    /// Past the packets.
    client: Vec<Frame>,
    /// One byte each, to what was asked before the session.
    answers: Vec<u8>,
    server: Vec<Frame>,
}

impl Session {
    fn new(seed: u64, most: usize) -> Self {
        let mut chance = Chance::new(seed);
        let (mut packets, mut answers) = (Vec::new(), Vec::new());
        if chance.one_in(2) {
            packets.push(StartupFrame::GssEncRequest);
            answers.push(EncryptionAnswer::Refused.for_gssenc_request());
        }
        if chance.one_in(2) {
            packets.push(StartupFrame::SslRequest);
            answers.push(EncryptionAnswer::Refused.for_ssl_request());
        }
        if chance.one_in(5) {
            let length = [4, 32, 256][chance.below(3)];
            packets.push(StartupFrame::Cancel(CancelRequest {
                pid: 7,
                key: vec![b'k'; length].into(),
            }));
            return Self {
                packets,
                client: Vec::new(),
                answers,
                server: Vec::new(),
            };
        }
        let version = [ProtocolVersion::V3_0, ProtocolVersion::V3_2][chance.below(2)];
        let newer = chance.one_in(3);
        let named = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut parameters = vec![named("user", "agent"), named("database", "shop")];
        if newer {
            parameters.push(named("_pq_.unheard_of", "1"));
        }
        packets.push(StartupFrame::Startup(Startup {
            version,
            parameters,
        }));
        let mut client = vec![
            Password::sasl_initial(b"SCRAM-SHA-256", b"n,,n=,r=nonce")
                .unwrap()
                .into_frame(),
            Password::sasl(b"c=biws,r=nonce,p=proof")
                .unwrap()
                .into_frame(),
        ];
        let mut server = Vec::new();
        if newer {
            let options: [&[u8]; 1] = [b"_pq_.unheard_of"];
            let message = NegotiateProtocolVersion::new(version, &options);
            server.push(message.unwrap().into_frame());
        }
        for request in [
            AuthenticationRequest::Sasl {
                mechanisms: vec![Bytes::from_static(b"SCRAM-SHA-256")],
            },
            AuthenticationRequest::SaslContinue(Bytes::from_static(b"r=nonce")),
            AuthenticationRequest::SaslFinal(Bytes::from_static(b"v=proof")),
            AuthenticationRequest::Ok,
        ] {
            server.push(Authentication::new(&request).unwrap().into_frame());
        }
        server.push(
            ParameterStatus::new(b"client_encoding", b"UTF8")
                .unwrap()
                .into_frame(),
        );
        let key = if version == ProtocolVersion::V3_2 {
            32
        } else {
            4
        };
        server.push(
            BackendKeyData::new(7, &vec![b'k'; key])
                .unwrap()
                .into_frame(),
        );
        server.push(ReadyForQuery::new(TransactionStatus::Idle).into_frame());

        let steps = Step::session(&mut chance, most);
        let mut asked = client::frames(&steps);
        asked.push(Terminate::new().into_frame());
        let mut peer = Server::new();
        for frame in &asked {
            peer.hears(frame.raw());
        }
        assert_eq!(peer.fatal, None, "{steps:?}");
        assert!(peer.over, "the server waits for more: {steps:?}");
        client.extend(asked);
        server.extend(peer.said);
        Self {
            packets,
            client,
            answers,
            server,
        }
    }

    fn clients_bytes(&self) -> Vec<u8> {
        let mut bytes = BytesMut::new();
        for packet in &self.packets {
            packet.encode(&mut bytes).unwrap();
        }
        bytes.extend(self.client.iter().flat_map(|frame| frame.raw().to_vec()));
        bytes.to_vec()
    }

    fn servers_bytes(&self) -> Vec<u8> {
        let frames = self.server.iter().flat_map(|frame| frame.raw().to_vec());
        self.answers.iter().copied().chain(frames).collect()
    }

    /// Both streams, each cut as `cut` says, are read as what was sent.
    fn reads_as_sent(&self, mut cut: impl FnMut(usize, &[u8]) -> usize) {
        let mut reader = Reader::of_a_client();
        reader.hears(&self.clients_bytes(), &mut cut).unwrap();
        assert_eq!(reader.packets, self.packets);
        assert_eq!(reader.frames, self.client);
        assert!(reader.buffer.is_empty());
        let mut reader = Reader::of_a_server(self.answers.len());
        reader.hears(&self.servers_bytes(), &mut cut).unwrap();
        assert_eq!(reader.answers, self.answers);
        assert_eq!(reader.frames, self.server);
        assert!(reader.buffer.is_empty());
    }
}

/// One side's stream as the other side reads it.
struct Reader {
    buffer: BytesMut,
    starting: bool,
    is_client: bool,
    /// Answers of one byte that are still to come.
    owed: usize,
    packets: Vec<StartupFrame>,
    answers: Vec<u8>,
    frames: Vec<Frame>,
}

impl Reader {
    fn of_a_client() -> Self {
        Self {
            buffer: BytesMut::new(),
            starting: true,
            is_client: true,
            owed: 0,
            packets: Vec::new(),
            answers: Vec::new(),
            frames: Vec::new(),
        }
    }

    fn of_a_server(owed: usize) -> Self {
        Self {
            starting: false,
            is_client: false,
            owed,
            ..Self::of_a_client()
        }
    }

    /// In pieces: `cut` is told how much was heard before, and what is left.
    fn hears(
        &mut self,
        all: &[u8],
        mut cut: impl FnMut(usize, &[u8]) -> usize,
    ) -> Result<(), String> {
        let mut at = 0;
        while at < all.len() {
            let rest = &all[at..];
            let piece = &rest[..cut(at, rest).clamp(1, rest.len())];
            self.buffer.extend_from_slice(piece);
            self.reads()?;
            let most = LIMITS.message.max(LIMITS.startup) + 5;
            assert!(self.buffer.len() <= most, "more waits than one message");
            at += piece.len();
        }
        Ok(())
    }

    fn reads(&mut self) -> Result<(), String> {
        let text = |error: weir_wire::WireError| error.to_string();
        while self.owed > 0 && !self.buffer.is_empty() {
            self.owed -= 1;
            self.answers.push(self.buffer.split_to(1)[0]);
        }
        while self.starting {
            match decode_startup(&mut self.buffer, &LIMITS).map_err(text)? {
                Decoded::Complete(packet) => {
                    self.starting = matches!(
                        packet,
                        StartupFrame::SslRequest | StartupFrame::GssEncRequest
                    );
                    self.packets.push(packet);
                }
                Decoded::Incomplete { .. } => return Ok(()),
            }
        }
        while let Decoded::Complete(frame) =
            decode_frame(&mut self.buffer, &LIMITS).map_err(text)?
        {
            let read = if self.is_client {
                let message = frontend::decode(frame.clone()).map_err(text)?;
                assert!(!format!("{message:?}").is_empty());
                message.into_frame()
            } else {
                let message = backend::decode(frame.clone()).map_err(text)?;
                assert!(!format!("{message:?}").is_empty());
                message.into_frame()
            };
            assert_eq!(read, frame, "what is read goes out as it came");
            self.frames.push(frame);
        }
        Ok(())
    }
}

#[test]
fn whatever_the_pieces_the_same_messages_are_seen() {
    with_each(400, |seed| {
        let session = Session::new(seed, 12);
        session.reads_as_sent(|_, rest| rest.len());
        session.reads_as_sent(|_, _| 1);
        for most in [7, 100, 2000] {
            let mut chance = Chance::new(seed ^ 1);
            session.reads_as_sent(|_, _| 1 + chance.below(most));
        }
    });
}

#[test]
fn a_cut_at_any_place_changes_nothing() {
    with_each(12, |seed| {
        let session = Session::new(seed, 2);
        let longest = session
            .clients_bytes()
            .len()
            .max(session.servers_bytes().len());
        for place in 1..longest {
            session.reads_as_sent(|at, rest| if at == 0 { place } else { rest.len() });
        }
    });
}

/// The server hears the client in pieces, and each side goes on whenever it likes.
#[test]
fn whoever_goes_on_first_the_same_is_said() {
    with_each(200, |seed| {
        let mut chance = Chance::new(seed);
        let asked = client::frames(&Step::session(&mut chance, 12));
        let bytes: Vec<u8> = asked
            .iter()
            .flat_map(|frame| frame.raw().to_vec())
            .collect();
        let mut whole = Server::new();
        whole.hears(&bytes);
        let mut peer = Server::new();
        let mut reader = Reader::of_a_server(0);
        let (mut rest, mut shown) = (&bytes[..], 0);
        while !rest.is_empty() || shown < peer.said.len() {
            if chance.one_in(2) {
                let most = [3, 500][chance.below(2)];
                let (piece, later) = rest.split_at((1 + chance.below(most)).min(rest.len()));
                peer.hears(piece);
                rest = later;
            } else if let Some(frame) = peer.said.get(shown) {
                shown += 1;
                reader
                    .hears(frame.raw(), |_, _| 1 + chance.below(9))
                    .unwrap();
            }
        }
        assert_eq!(peer.fatal, None);
        assert_eq!(reader.frames, whole.said);
        assert_eq!(peer.place(), whole.place());
        assert!(peer.statements().eq(whole.statements()));
    });
}

#[test]
fn a_lie_ends_in_an_error_or_waits_for_more() {
    let (mut errors, mut lies) = (0, 0);
    for seed in chance::seeds(4000) {
        let session = Session::new(seed, 6);
        for (is_client, honest) in [(true, &session.client), (false, &session.server)] {
            let mut chance = Chance::new(seed ^ 2);
            let mut frames: Vec<Vec<u8>> = honest.iter().map(|f| f.raw().to_vec()).collect();
            let what = liar::lies(&mut chance, &mut frames);
            println!("seed {seed}: {what}");
            let mut reader = Reader::of_a_server(0);
            reader.is_client = is_client;
            let outcome = reader.hears(&frames.concat(), |_, _| 1 + chance.below(2000));
            errors += usize::from(outcome.is_err());
            lies += 1;
        }
    }
    // Most lies are of a sort that only who knows the session can see.
    assert!(errors * 10 > lies, "{errors} of {lies} lies were seen");
    assert!(errors < lies);
}

/// The packets before a session have no type byte to go by.
#[test]
fn a_lie_before_the_session_is_no_other_session() {
    with_each(2000, |seed| {
        let session = Session::new(seed, 1);
        let mut chance = Chance::new(seed ^ 3);
        let mut bytes = session.clients_bytes();
        let place = chance.below(bytes.len().min(60));
        bytes[place] = chance.next().to_be_bytes()[0];
        let mut reader = Reader::of_a_client();
        let outcome = reader.hears(&bytes, |_, _| 1 + chance.below(30));
        // What was read is what was sent: nothing is lost between two packets.
        let mut read = BytesMut::new();
        for packet in &reader.packets {
            packet.encode(&mut read).unwrap();
        }
        let whole = [&read[..], &frames_of(&reader.frames), &reader.buffer].concat();
        if outcome.is_ok() {
            assert_eq!(whole, bytes);
        } else {
            assert_eq!(bytes[..read.len()], read[..]);
        }
    });
}

fn frames_of(frames: &[Frame]) -> Vec<u8> {
    frames
        .iter()
        .flat_map(|frame| frame.raw().to_vec())
        .collect()
}
