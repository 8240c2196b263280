//! Sessions that an operator ends, each at once and on record.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread,
};

use testbed::Postgres;
use weir_agent::session::Killed;
use weir_record::{End, Entry, Event, SessionReader, Status};

use crate::{
    common::Gate,
    datagrams::gate::{DatagramGate, server},
    opaque::gate::OpaqueGate,
    stand,
};

fn killed() -> Killed {
    Killed {
        by: "root".to_owned(),
        reason: Some("it went astray".to_owned()),
    }
}

pub(crate) fn wait_until(what: &str, mut so: impl FnMut() -> bool) {
    for _ in 0..800 {
        if so() {
            return;
        }
        thread::sleep(std::time::Duration::from_millis(25));
    }
    panic!("never: {what}");
}

/// How many backends of the target sleep.
fn sleeping(server: &Postgres) -> String {
    let asked = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' \
                 AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()";
    server.psql_as_superuser(asked).unwrap().trim().to_owned()
}

fn status(gate: &Gate, index: usize) -> Status {
    let id = gate.summaries()[0].start.id;
    let record = weir_record::store::path_of(&gate.records, id);
    SessionReader::open(&record)
        .unwrap()
        .filter_map(|entry| match entry.unwrap() {
            Entry::Event(Event::Outcome { outcome, .. }) => Some(outcome.status),
            _ => None,
        })
        .nth(index)
        .unwrap()
}

#[test]
fn a_psql_in_the_middle_of_a_command_is_told_and_the_target_stops_it() {
    let (server, gate) = stand();
    thread::scope(|scope| {
        let psql = scope.spawn(|| {
            gate.psql_with(&[
                "-v",
                "VERBOSITY=verbose",
                "-c",
                "SELECT count(*), pg_sleep(300) FROM orders",
            ])
        });
        wait_until("it sleeps", || sleeping(&server) == "1");
        gate.switch.kill(killed());
        let out = psql.join().unwrap();
        let told = out.stderr_text();
        assert!(told.contains("57P01"), "{told}");
        assert!(
            told.contains("an operator ended the session: it went astray"),
            "{told}"
        );
        assert!(
            !told.contains("root"),
            "who did is not the agent's to know: {told}"
        );
    });
    let Killed { by, reason } = killed();
    assert_eq!(gate.ended(1)[0].end, Some(End::Killed { by, reason }));
    assert_eq!(status(&gate, 0), Status::Lost);
    wait_until("the target stops", || sleeping(&server) == "0");
}

#[test]
fn a_client_that_has_not_even_begun_is_let_go() {
    let (_server, gate) = stand();
    let mut agent = TcpStream::connect(gate.address).unwrap();
    wait_until("it is on record", || !gate.summaries().is_empty());
    gate.switch.kill(killed());
    assert_eq!(agent.read(&mut [0; 1]).unwrap_or(0), 0);
    assert!(matches!(gate.ended(1)[0].end, Some(End::Killed { .. })));
}

#[test]
fn a_connection_that_is_passed_on_ends_with_resets_on_both_sides() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let gate = OpaqueGate::declared(&listener, "");
    let mut agent = TcpStream::connect(gate.address).unwrap();
    let (mut io, _) = listener.accept().unwrap();
    io.write_all(b"x").unwrap();
    agent.read_exact(&mut [0; 1]).unwrap();
    gate.switch.kill(killed());
    for side in [&mut agent, &mut io] {
        let ended = side.read(&mut [0; 1]).unwrap_err();
        assert_eq!(ended.kind(), ErrorKind::ConnectionReset);
    }
    let Killed { by, reason } = killed();
    assert_eq!(gate.ended(1)[0].end, Some(End::Killed { by, reason }));
}

#[test]
fn a_flow_of_datagrams_ends_and_what_follows_is_dropped() {
    let target = server();
    let gate = DatagramGate::before(&target, "");
    let flow = gate.flow();
    flow.put(b"x");
    let (_, from) = target.recv_from(&mut [0; 8]).unwrap();
    gate.switch.kill(killed());
    assert!(matches!(gate.ended(1)[0].end, Some(End::Killed { .. })));
    assert_eq!(flow.served(), "Refused");
    flow.put(b"y");
    target.send_to(b"z", from).ok();
    target.set_nonblocking(true).unwrap();
    assert!(target.recv(&mut [0; 8]).is_err());
    flow.client.set_nonblocking(true).unwrap();
    assert!(flow.client.recv(&mut [0; 8]).is_err());
}
