//! Targets that lie before there is a session: about who they are, what they want, and how much.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{
        atomic::AtomicUsize,
        mpsc::{Receiver, Sender, channel},
    },
    time::{Duration, Instant},
};

use weir_policy::Policies;
use weir_record::End;
use weir_wire::postgres::{backend::AuthenticationRequest, frontend::Message};

use crate::{
    agent::{Agent, contains, field, tags},
    common::Gate,
    honest::{self, ALIVE},
    messages::{authentication, complete, fatal, parameter, query, raw, ready, startup},
    peer::{Peer, answer_question},
    record::{end_of, end_of_nth},
    target::{PASSWORD, SECRET, Target},
};

/// The agent gets no session: an error of its own protocol, and the record an end.
fn no_session(gate: &Gate) -> String {
    let mut agent = Agent::dial(gate);
    agent.write(&startup(&[]));
    let heard = agent.fatal("08006");
    assert_eq!(tags(&heard), "E", "nothing before it: no AuthenticationOk");
    agent.never_heard(PASSWORD);
    agent.never_heard(SECRET);
    let end = end_of(gate);
    assert!(matches!(end, End::Error { .. }), "{end:?}");
    assert!(!format!("{end:?}").contains(PASSWORD));
    field(&heard[0], b'M').unwrap()
}

/// A target that behaves so in its first session, and honestly after that.
fn at_first(script: impl Fn(&mut Peer) + Send + Sync + 'static) {
    let target = Target::from_startup(move |peer, session| {
        if session == 0 {
            script(peer);
        } else {
            peer.welcome();
            honest::serve(peer, &[]);
        }
    });
    let gate = target.gate();
    no_session(&gate);
    assert_eq!(tags(&Agent::connect(&gate).ask(&[query(ALIVE)])), "CZ");
}

#[test]
fn who_asks_for_the_password_in_clear_without_tls_does_not_get_it() {
    let (heard, told): (Sender<Vec<&'static str>>, Receiver<_>) = channel();
    at_first(move |peer| {
        peer.send(&[authentication(&AuthenticationRequest::CleartextPassword)]);
        heard.send(peer.rest()).unwrap();
    });
    assert_eq!(told.recv().unwrap(), [""; 0], "weir answered");
}

#[test]
fn who_offers_no_way_that_weir_speaks() {
    for code in [2_u32, 6, 7, 9, 13, 99] {
        at_first(move |peer| {
            peer.send(&[raw(b'R', &code.to_be_bytes())]);
            assert_eq!(peer.rest(), [""; 0]);
        });
    }
    for mechanism in [
        "PLAIN",
        "SCRAM-SHA-1",
        "SCRAM-SHA-256-PLUS",
        "scram-sha-256",
    ] {
        at_first(move |peer| {
            let mechanisms = vec![mechanism.into()];
            peer.send(&[authentication(&AuthenticationRequest::Sasl { mechanisms })]);
            assert_eq!(peer.rest(), [""; 0]);
        });
    }
}

/// Leads a SCRAM exchange up to weir's proof. `first` makes the server's first message of weir's
/// nonce.
fn scram(peer: &mut Peer, first: impl Fn(&str) -> String) {
    let mechanisms = vec!["SCRAM-SHA-256".into()];
    peer.send(&[authentication(&AuthenticationRequest::Sasl { mechanisms })]);
    let Some(Message::Password(initial)) = peer.receive() else {
        panic!("no first message");
    };
    let body = String::from_utf8_lossy(&initial.body()).into_owned();
    let nonce = body.rsplit_once("r=").unwrap().1.to_owned();
    let challenge = first(&nonce).into_bytes();
    peer.send(&[authentication(&AuthenticationRequest::SaslContinue(
        challenge.into(),
    ))]);
}

fn honest_challenge(nonce: &str) -> String {
    format!("r={nonce}and-more,s=c2FsdHNhbHRzYWx0,i=4096")
}

#[test]
fn who_does_not_know_the_password_is_not_believed() {
    for proof in [
        "v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "v=",
        "",
        "v=not base64",
        "e=other-error",
    ] {
        at_first(move |peer| {
            scram(peer, honest_challenge);
            let Some(Message::Password(_)) = peer.receive() else {
                panic!("no proof");
            };
            let last = AuthenticationRequest::SaslFinal(proof.as_bytes().into());
            peer.send(&[
                authentication(&last),
                authentication(&AuthenticationRequest::Ok),
                ready(),
            ]);
            assert_eq!(peer.rest(), [""; 0], "weir went on");
        });
    }
}

#[test]
fn who_skips_the_proof_is_not_believed() {
    at_first(|peer| {
        scram(peer, honest_challenge);
        peer.receive();
        peer.send(&[authentication(&AuthenticationRequest::Ok), ready()]);
        assert_eq!(peer.rest(), [""; 0], "weir went on");
    });
    at_first(|peer| {
        let mechanisms = vec!["SCRAM-SHA-256".into()];
        peer.send(&[authentication(&AuthenticationRequest::Sasl { mechanisms })]);
        peer.receive();
        peer.send(&[authentication(&AuthenticationRequest::Ok), ready()]);
        assert_eq!(peer.rest(), [""; 0], "weir went on");
    });
}

#[test]
fn who_breaks_the_exchange_gets_no_proof() {
    let challenges: [fn(&str) -> String; 7] = [
        |_| "r=somebody-elses,s=c2FsdA==,i=4096".to_owned(),
        |nonce| format!("r={nonce}x,s=***,i=4096"),
        |nonce| format!("r={nonce}x,s=c2FsdA==,i=-1"),
        |nonce| format!("r={nonce}x,s=c2FsdA==,i=many"),
        |nonce| format!("r={nonce}x,s=c2FsdA=="),
        |_| String::new(),
        |_| "\u{fffd}".repeat(100),
    ];
    for challenge in challenges {
        at_first(move |peer| {
            scram(peer, challenge);
            assert_eq!(peer.rest(), [""; 0], "weir proved itself");
        });
    }
}

/// The hash is computed as often as the server says; one that says four thousand million times
/// would hold a thread for an hour.
#[test]
fn who_asks_for_endless_work_gets_none() {
    for count in ["4294967295", "2147483647", "10000000"] {
        let begun = Instant::now();
        at_first(move |peer| {
            scram(peer, |nonce| format!("r={nonce}x,s=c2FsdA==,i={count}"));
            assert_eq!(peer.rest(), [""; 0], "weir proved itself");
        });
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}

#[test]
fn who_says_what_does_not_belong_to_a_startup() {
    let strays = [
        crate::messages::row(&[Some(SECRET)]),
        crate::messages::notification(SECRET),
        complete(SECRET),
        raw(b'!', b""),
        raw(b'v', b"\0\x03\0\0\0\0\0\0"),
    ];
    for stray in strays {
        let after = stray.clone();
        at_first(move |peer| {
            peer.send(std::slice::from_ref(&stray));
            peer.rest();
        });
        at_first(move |peer| {
            peer.send(&[authentication(&AuthenticationRequest::Ok), after.clone()]);
            peer.rest();
        });
    }
    at_first(|peer| {
        peer.send(&[ready()]);
        peer.rest();
    });
}

#[test]
fn who_reports_settings_without_end() {
    at_first(|peer| {
        let many: Vec<_> = (0..5000)
            .map(|i| parameter(&format!("s{i}"), "on"))
            .collect();
        peer.send(&[authentication(&AuthenticationRequest::Ok)]);
        peer.send(&many);
        peer.rest();
    });
}

#[test]
fn who_hangs_up() {
    at_first(|_| {});
    at_first(|peer| peer.send(&[authentication(&AuthenticationRequest::Ok)]));
    at_first(|peer| peer.write(b"R\0\0"));
    for lie in [
        &b"R\0\0\0\0"[..],
        b"R\0\0\0\x03",
        b"R\xff\xff\xff\xff",
        b"R\x7f\xff\xff\xff",
        b"HTTP/1.1 400",
    ] {
        at_first(move |peer| {
            peer.write(lie);
            peer.rest();
        });
    }
}

#[test]
fn what_a_target_says_of_weirs_credential_is_not_the_agents_to_know() {
    let target = Target::from_startup(|peer, _| {
        peer.send(&[fatal(
            "28P01",
            "password authentication failed for user \"app\"",
        )]);
    });
    let gate = target.gate();
    let told = no_session(&gate);
    assert!(!told.contains("app"), "{told}");
}

#[test]
fn a_catalogue_that_is_none_is_no_session() {
    // What comes before the first of the catalogue itself is answered with it, or honestly.
    for honest in [0, 2, 3] {
        no_session_by_a_catalogue_behind(honest);
    }
}

fn no_session_by_a_catalogue_behind(honest: usize) {
    // Raw, since the honest target answers weir's own connection by itself.
    for answer in [
        crate::messages::row(&[Some("1")]),
        crate::messages::row(&[None, None, None, None, None]),
        crate::messages::row(&[Some("x"), Some("a"), Some("b"), Some("1"), Some("c")]),
        crate::messages::row(&[Some("1"), Some("a"), Some("b"), Some("99999"), Some("c")]),
        crate::messages::error("42501", "permission denied for table pg_class"),
        crate::messages::copy_out(1),
    ] {
        let target = Target::with_catalogue(move |peer| {
            for _ in 0..honest {
                answer_question(peer, &AtomicUsize::default());
            }
            peer.receive();
            peer.send(&[answer.clone(), complete("SELECT 1"), ready()]);
            peer.rest();
        });
        let gate = target.gate();
        let mut agent = Agent::dial(&gate);
        agent.write(&startup(&[]));
        let heard = agent.rest();
        assert_eq!(tags(&heard), "E", "a session without a catalogue");
        assert!(matches!(end_of_nth(&gate, 0), End::Error { .. }));
    }
}

#[test]
fn a_target_without_tls_where_it_is_demanded() {
    for answer in [
        &b"N"[..],
        b"E",
        b"",
        b"NS",
        b"\x00",
        b"G",
        // In clear behind the yes, as a man in the middle would put it.
        b"SR\0\0\0\x08\0\0\0\0Z\0\0\0\x05I",
    ] {
        let (heard, told) = channel();
        let target = Target::raw(move |mut stream: TcpStream| {
            let mut request = [0; 8];
            if stream.read_exact(&mut request).is_err() {
                return;
            }
            assert_eq!(&request[4..], &(1234_u32 << 16 | 5679).to_be_bytes());
            stream.write_all(answer).unwrap();
            if answer.is_empty() {
                return;
            }
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).unwrap_or_default();
            heard.send(rest).unwrap();
        });
        let gate = Gate::with(
            target.address(),
            "mode = \"verify-full\"",
            PASSWORD,
            Policies::shipped().unwrap(),
        );
        no_session(&gate);
        if !answer.is_empty() {
            let rest = told.recv_timeout(crate::agent::PATIENCE).unwrap();
            assert!(!contains(&rest, b"app"), "weir said in clear who it is");
        }
    }
}
