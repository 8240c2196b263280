//! The agent's first bytes.

use bytes::{Bytes, BytesMut};
use weir_record::{End, Side};
use weir_wire::postgres::{CancelRequest, ProtocolVersion, Startup, StartupFrame};

use crate::{
    agent::{Agent, contains, tags},
    common::Gate,
    honest::ALIVE,
    messages::{query, startup},
    peer::{CANCEL_KEY, PID},
    record::{blames, end_of, end_of_nth},
    target::Target,
};

fn untouched() -> Target {
    Target::from_startup(|_, _| panic!("weir dialled the target"))
}

fn packet(code: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 8).unwrap();
    [&length.to_be_bytes()[..], &code.to_be_bytes(), body].concat()
}

fn encoded(frame: &StartupFrame) -> BytesMut {
    let mut packet = BytesMut::new();
    frame.encode(&mut packet).unwrap();
    packet
}

/// First bytes that get a FATAL error of this code and nothing else.
fn refused_with(code: &str, first: &[u8]) {
    let target = untouched();
    let gate = target.gate();
    let mut agent = Agent::dial(&gate);
    agent.write(first);
    let heard = agent.fatal(code);
    assert_eq!(tags(&heard), "E");
    blames(&gate, Side::Client);
}

#[test]
fn versions_that_weir_does_not_speak() {
    let parameters = b"user\0agent\0\0";
    for code in [2 << 16, 4 << 16, 0, u32::MAX, 1 << 16, 1234 << 16 | 1] {
        refused_with("0A000", &packet(code, parameters));
    }
}

#[test]
fn lengths_that_lie() {
    for length in [0_u32, 3, 4, 7, 10_005, 0x7fff_ffff, 0x8000_0000, u32::MAX] {
        refused_with("08P01", &length.to_be_bytes());
    }
    // Longer than what it holds, shorter than what it holds.
    refused_with("08P01", &packet(3 << 16, b"user\0agent\0\0\0\0"));
    refused_with("08P01", &packet(3 << 16, b"user\0agent"));
    refused_with("08P01", &packet(3 << 16, b"user\0agent\0"));
    refused_with("08P01", &packet(3 << 16, b""));
}

#[test]
fn parameters_that_cannot_be_read_one_way_only() {
    refused_with("08P01", &packet(3 << 16, b"user\0agent\0user\0root\0\0"));
    refused_with(
        "08P01",
        &packet(3 << 16, b"user\0agent\0database\0\xff\xfe\0\0"),
    );
}

#[test]
fn nobody() {
    refused_with("28000", &packet(3 << 16, b"\0"));
    refused_with("28000", &packet(3 << 16, b"user\0\0\0"));
    refused_with("28000", &packet(3 << 16, b"database\0app\0\0"));
}

#[test]
fn a_newer_minor_version_is_talked_down() {
    let target = Target::honest(vec![]);
    let gate = target.gate();
    let mut agent = Agent::dial(&gate);
    let wish = StartupFrame::Startup(Startup {
        version: ProtocolVersion { major: 3, minor: 9 },
        parameters: [("user", "agent"), ("database", "app"), ("_pq_.wish", "on")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
    });
    agent.write(&encoded(&wish));
    let heard = agent.until_ready();
    assert_eq!(tags(&heard), "vRSSSKZ");
    assert_eq!(heard[0].body()[..4], [0, 3, 0, 2], "to 3.2");
    assert!(contains(&heard[0].body(), b"_pq_.wish"));
    assert_eq!(tags(&agent.ask(&[query(ALIVE)])), "CZ");
}

#[test]
fn encryption_is_asked_for_once() {
    let ssl = encoded(&StartupFrame::SslRequest);
    let gss = encoded(&StartupFrame::GssEncRequest);
    let target = Target::honest(vec![]);
    let gate = target.gate();

    let mut agent = Agent::dial(&gate);
    agent.write(&gss);
    assert_eq!(agent.receive_byte(), Some(b'N'));
    agent.write(&gss);
    agent.fatal("08P01");

    let mut agent = Agent::dial(&gate);
    agent.write(&gss);
    assert_eq!(agent.receive_byte(), Some(b'N'));
    agent.write(&ssl);
    assert_eq!(agent.receive_byte(), Some(b'S'));
    // What follows must be TLS.
    agent.write(&ssl);
    let heard = agent.rest_raw();
    assert!(!contains(&heard, b"FATAL"), "no word in clear inside TLS");

    let mut agent = Agent::dial(&gate);
    agent.write(&gss);
    assert_eq!(agent.receive_byte(), Some(b'N'));
    agent.write(&startup(&[]));
    agent.until_ready();
    for session in 0..2 {
        let end = end_of_nth(&gate, session);
        assert!(
            matches!(
                end,
                End::ProtocolError {
                    side: Side::Client,
                    ..
                }
            ),
            "{end:?}"
        );
    }
}

/// Bytes that somebody put behind the request in clear must not be taken for bytes that came over
/// TLS.
#[test]
fn nothing_may_follow_the_request_for_encryption() {
    let mut both = encoded(&StartupFrame::SslRequest);
    both.extend_from_slice(&startup(&[]));
    refused_with("08P01", &both);
}

#[test]
fn a_startup_in_two_pieces_is_a_startup() {
    let target = Target::honest(vec![]);
    let gate = target.gate();
    for cut in [1, 4, 7, 8, 20] {
        let mut agent = Agent::dial(&gate);
        let whole = startup(&[]);
        agent.write(&whole[..cut]);
        std::thread::sleep(std::time::Duration::from_millis(5));
        agent.write(&whole[cut..]);
        assert!(tags(&agent.until_ready()).ends_with('Z'));
    }
}

#[test]
fn who_vanishes_during_startup_is_gone() {
    let target = untouched();
    let gate = target.gate();
    for (session, cut) in [0, 1, 4, 9].into_iter().enumerate() {
        let mut agent = Agent::dial(&gate);
        agent.write(&startup(&[])[..cut]);
        agent.hang_up();
        assert_eq!(end_of_nth(&gate, session), End::ClientGone);
    }
}

fn cancel(gate: &Gate, pid: u32, key: &[u8]) {
    let mut agent = Agent::dial(gate);
    agent.write(&encoded(&StartupFrame::Cancel(CancelRequest {
        pid,
        key: Bytes::copy_from_slice(key),
    })));
    assert_eq!(agent.rest(), [], "a cancel request is never answered");
}

#[test]
fn a_cancel_key_that_no_session_has_cancels_nothing() {
    let target = Target::scripted(|peer| drop(peer.rest()));
    let gate = target.gate();
    let mut agent = Agent::dial(&gate);
    agent.write(&startup(&[]));
    let greeting = agent.until_ready();
    let key = greeting.iter().find(|frame| frame.tag() == b'K').unwrap();
    let given = key.body()[4..].to_vec();
    assert_ne!(given, CANCEL_KEY, "the target's own key is not the agent's");
    let mut flipped = given.clone();
    flipped[3] ^= 1;
    let tries: [(u32, &[u8]); 5] = [
        (PID, &CANCEL_KEY),
        (PID, &flipped),
        (PID + 1, &given),
        (PID, &[&given[..], &[0]].concat()),
        (0, &[0; 256]),
    ];
    for (number, (pid, key)) in tries.into_iter().enumerate() {
        cancel(&gate, pid, key);
        let end = end_of_nth(&gate, number + 1);
        let End::Refused { rule, .. } = &end else {
            panic!("{end:?}");
        };
        assert_eq!(rule, "unknown-cancel-key");
    }
}

#[test]
fn a_key_that_a_session_was_given_cancels_at_the_target_with_the_targets_own() {
    let (heard, told) = std::sync::mpsc::channel();
    let target = Target::hearing_cancels(heard);
    let gate = target.gate();
    let mut agent = Agent::dial(&gate);
    agent.write(&startup(&[]));
    let greeting = agent.until_ready();
    let key = greeting.iter().find(|frame| frame.tag() == b'K').unwrap();
    cancel(&gate, PID, &key.body()[4..]);
    // The end of its connection tells the agent that what it sends from now on isn't cancelled.
    let cancelled = told.try_recv().expect("the target heard it first");
    assert_eq!((cancelled.pid, &cancelled.key[..]), (PID, &CANCEL_KEY[..]));
    assert_eq!(end_of_nth(&gate, 1), End::Closed);
    // The key is as short-lived as its session.
    agent.hang_up();
    assert_eq!(end_of(&gate), End::ClientGone);
    cancel(&gate, PID, &key.body()[4..]);
    assert!(matches!(end_of_nth(&gate, 2), End::Refused { .. }));
    assert!(told.try_recv().is_err());
}
