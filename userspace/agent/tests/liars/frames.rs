//! Messages of the agent's that are none, or have no place where they come, and an agent that
//! vanishes.

use bytes::BytesMut;
use weir_record::{End, Side, Status};
use weir_wire::postgres::{
    Format, Formats,
    frontend::{FunctionCall, Password},
};

use crate::{
    agent::{Agent, field, tags, the_error},
    honest::{self, ALIVE},
    messages::{bind, complete, error, execute, parse, query, raw, ready, sync},
    record::{Record, blames, end_of, end_of_nth},
    target::Target,
};

/// Bytes after which the session ends as the agent's fault, and nothing reached the target.
fn ends_it(bytes: &[u8]) {
    let target = Target::from_startup(|peer, session| {
        peer.welcome();
        if session == 0 {
            assert_eq!(peer.rest(), [""; 0], "it reached the target");
        } else {
            honest::serve(peer, &[]);
        }
    });
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    agent.write(bytes);
    agent.fatal("08P01");
    blames(&gate, Side::Client);
    assert_eq!(tags(&Agent::connect(&gate).ask(&[query(ALIVE)])), "CZ");
}

#[test]
fn lengths_that_lie() {
    for length in [0_u32, 3, 0x7fff_ffff, 0x8000_0000, u32::MAX] {
        ends_it(&[&b"Q"[..], &length.to_be_bytes()].concat());
    }
}

#[test]
fn lengths_that_do_not_fit_what_is_inside() {
    let frames = [
        raw(b'Q', b"SELECT 1"),
        raw(b'Q', b"SELECT 1\0more\0"),
        raw(b'Q', b""),
        raw(b'P', b"s\0SELECT 1\0\0\x01"),
        raw(b'P', b"s\0SELECT 1\0\xff\xff"),
        raw(b'B', b"\0\0\0\0\0\x01\0\0\0\x09short"),
        raw(b'B', b"\0\0\0\0\0\x01\xff\xff\xff\xfe\0\0"),
        raw(b'B', b"\0\0\0\x02\0\0\0\x01\0\0\0\0"),
        raw(b'E', b"\0\0\0"),
        raw(b'D', b"X\0"),
        raw(b'D', b"S"),
        raw(b'C', b"P"),
        raw(b'S', b"\0"),
        raw(b'H', b"\0"),
        raw(b'X', b"\0"),
        raw(b'F', b"\0\0"),
        raw(b'f', b"no end"),
    ];
    for frame in frames {
        ends_it(frame.raw());
    }
}

#[test]
fn type_bytes_that_no_client_sends() {
    for tag in [0, 1, b' ', b'T', b'Z', b'R', b'!', 0x16, 0x80, 0xff] {
        ends_it(raw(tag, b"").raw());
    }
}

#[test]
fn messages_of_the_startup_after_it() {
    ends_it(Password::new(b"hunter2").unwrap().frame().raw());
    ends_it(raw(b'p', b"").raw());
}

#[test]
fn a_password_is_not_on_record() {
    let target = Target::scripted(|peer| drop(peer.rest()));
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    agent.send(&[Password::new(b"hunter2").unwrap().into_frame()]);
    agent.fatal("08P01");
    agent.never_heard("hunter2");
    let end = end_of(&gate);
    assert!(!format!("{end:?}").contains("hunter2"));
}

#[test]
fn a_fast_path_call_is_refused_in_its_place() {
    let call = |function| {
        FunctionCall::new(function, &Formats::None, &[Some(b"1")], Format::Binary)
            .unwrap()
            .into_frame()
    };
    let target = Target::scripted(|peer| {
        peer.expect_stand_in();
        peer.send(&[error("42601", "syntax error"), ready()]);
        peer.expect_query(ALIVE);
        peer.send(&[complete("SELECT 0"), ready()]);
        peer.rest();
    });
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    let answer = agent.ask(&[call(1598)]);
    assert_eq!(field(the_error(&answer), b'C').as_deref(), Some("42501"));
    assert_eq!(tags(&answer), "EZ");
    assert_eq!(tags(&agent.ask(&[query(ALIVE)])), "CZ");
}

#[test]
fn texts_that_are_no_text_are_refused_and_the_session_goes_on() {
    let target = Target::honest(vec![]);
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    let long = vec![b' '; 2 << 20];
    for text in [
        &b"SELECT '\xff'"[..],
        b"SELECT '\xc0\xa7'",
        b"\xed\xa0\x80",
        &long,
    ] {
        let terminated = [text, b"\0"].concat();
        let answer = agent.ask(&[raw(b'Q', &terminated)]);
        assert_eq!(tags(&answer), "EZ");
        let parsed = [b"\0", &terminated[..], b"\0\0"].concat();
        let answer = agent.ask(&[raw(b'P', &parsed), sync()]);
        assert_eq!(tags(&answer), "EZ");
    }
    assert_eq!(tags(&agent.ask(&[query(ALIVE)])), "CZ");
}

#[test]
fn who_vanishes_in_the_middle_of_a_message_is_gone() {
    let target = Target::from_startup(|peer, session| {
        peer.welcome();
        if session < 3 {
            assert_eq!(peer.rest(), [""; 0], "half a message reached the target");
        } else {
            honest::serve(peer, &[]);
        }
    });
    let gate = target.gate();
    let whole = query("DELETE FROM orders WHERE id = 1");
    for (session, cut) in [1, 4, 20].into_iter().enumerate() {
        let mut agent = Agent::connect(&gate);
        agent.write(&whole.raw()[..cut]);
        agent.hang_up();
        assert_eq!(end_of_nth(&gate, session), End::ClientGone);
        assert_eq!(Record::read(&gate, session).commands(), []);
    }
    assert_eq!(tags(&Agent::connect(&gate).ask(&[query(ALIVE)])), "CZ");
}

#[test]
fn who_vanishes_before_the_answer_leaves_it_lost() {
    let target = Target::scripted(|peer| {
        peer.expect_query(ALIVE);
        peer.rest();
    });
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    agent.send(&[query(ALIVE)]);
    while Record::read(&gate, 0).commands().is_empty() {
        std::thread::yield_now();
    }
    agent.hang_up();
    assert_eq!(end_of(&gate), End::ClientGone);
    assert_eq!(Record::read(&gate, 0).statuses(), [&Status::Lost]);
}

#[test]
fn a_message_byte_by_byte_is_a_message() {
    let target = Target::honest(vec![]);
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    for byte in query(ALIVE).raw() {
        agent.write(&[*byte]);
    }
    assert_eq!(tags(&agent.until_ready()), "CZ");
}

/// Whatever bytes come, weir neither hangs nor falls, and serves the next.
#[test]
fn noise() {
    let target = Target::scripted(|peer| honest::serve(peer, &[]));
    let gate = target.gate();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let tags_known = b"QPBDECSHXFdcfp";
    for _ in 0..60 {
        let mut agent = Agent::connect(&gate);
        let mut bytes = BytesMut::new();
        for _ in 0..next() % 8 + 1 {
            let body: Vec<u8> = (0..next() % 24)
                .map(|_| {
                    u8::try_from(next() % 256).unwrap() & if next() % 2 == 0 { 3 } else { 0x7f }
                })
                .collect();
            let tag = tags_known[usize::try_from(next()).unwrap() % tags_known.len()];
            bytes.extend_from_slice(raw(tag, &body).raw());
        }
        agent.try_write(&bytes);
        agent.close_write();
        agent.rest();
    }
    let mut agent = Agent::connect(&gate);
    assert!(
        tags(&agent.ask(&[parse("", ALIVE), bind("", ""), execute(""), sync()])).ends_with('Z')
    );
}
