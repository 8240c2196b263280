//! Flows of datagrams that weir passes on unread, with real sockets on both sides.

pub(crate) mod gate;

use std::{
    net::{SocketAddr, UdpSocket},
    sync::Arc,
    time::Duration,
};

use gate::{DatagramGate, server};
use weir_policy::{Policies, Source};
use weir_record::{End, Entry, Event, SessionReader, Status, VerdictSummary, store};

/// What comes in next, and from whom.
fn heard(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 65_536];
    let (length, from) = socket.recv_from(&mut buffer).unwrap();
    buffer.truncate(length);
    (buffer, from)
}

#[test]
fn datagrams_keep_their_borders_both_ways_and_all_is_on_record() {
    let target = server();
    let gate = DatagramGate::before(&target, "record = \"bytes\"\nidle_timeout = \"1s\"");
    let flow = gate.flow();
    let longest = vec![7; 65_507];
    flow.put(b"hello");
    flow.put(b"");
    flow.put(&longest);
    let (first, from) = heard(&target);
    assert_eq!(first, b"hello");
    assert_eq!(heard(&target), (Vec::new(), from));
    assert!(heard(&target) == (longest.clone(), from));
    for answer in [b"HELLO".as_slice(), b"", &longest] {
        target.send_to(answer, from).unwrap();
        assert!(heard(&flow.client).0 == answer);
    }
    // A flow has no end but silence.
    let ended = gate.ended(1).remove(0);
    assert_eq!((ended.end, ended.commands), (Some(End::Idle), 1));
    let path = store::path_of(&gate.records, ended.start.id);
    let entries: Vec<Entry> = SessionReader::open(&path)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let notes = entries.iter().filter_map(|entry| match entry {
        Entry::Event(Event::Note { message, .. }) => Some(message.as_str()),
        _ => None,
    });
    let notes: Vec<&str> = notes.collect();
    assert_eq!(notes, ["3 datagrams sent, 3 received"]);
    let Some(Entry::Event(Event::Intent(intent))) = entries.get(1) else {
        panic!("{:#?}", entries.get(1));
    };
    assert_eq!(intent.text, format!("connect to {}", gate.dialled));
    let bytes: Vec<usize> = entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Request { bytes, .. } | Entry::Response { bytes, .. } => Some(bytes.len()),
            Entry::Event(_) => None,
        })
        .collect();
    assert_eq!(bytes.iter().sum::<usize>(), 2 * (5 + 65_507));
    let outcome = entries.iter().find_map(|entry| match entry {
        Entry::Event(Event::Outcome { outcome, .. }) => Some(outcome),
        _ => None,
    });
    let outcome = outcome.unwrap();
    assert_eq!((outcome.sent, outcome.bytes), (Some(65_512), 65_512));
    assert!(matches!(outcome.status, Status::Completed { .. }));
}

#[test]
fn the_intent_is_on_record_before_the_target_sees_a_datagram() {
    let target = server();
    let gate = DatagramGate::before(&target, "");
    let flow = gate.flow();
    flow.put(b"x");
    heard(&target);
    let summary = gate.summaries().remove(0);
    assert_eq!((summary.commands, summary.end), (1, None));
}

#[test]
fn only_the_target_answers() {
    let target = server();
    let gate = DatagramGate::before(&target, "");
    let flow = gate.flow();
    flow.put(b"x");
    let (_, from) = heard(&target);
    let stranger = server();
    stranger.send_to(b"lie", from).unwrap();
    target.send_to(b"true", from).unwrap();
    assert_eq!(heard(&flow.client).0, b"true");
}

#[test]
fn a_target_that_is_gone_for_a_while_ends_no_flow() {
    let target = server();
    let address = target.local_addr().unwrap();
    let gate = DatagramGate::before(&target, "");
    let flow = gate.flow();
    flow.put(b"one");
    let (_, from) = heard(&target);
    drop(target);
    for _ in 0..3 {
        flow.put(b"lost");
        std::thread::sleep(Duration::from_millis(20));
    }
    let target = UdpSocket::bind(address).unwrap();
    target.set_read_timeout(gate::PATIENCE).unwrap();
    // The first may only be told of the loss before.
    flow.put(b"again");
    flow.put(b"again");
    assert_eq!(heard(&target), (b"again".to_vec(), from));
    assert!(gate.summaries()[0].end.is_none());
}

#[test]
fn a_refused_flow_sends_nothing_and_says_so_once() {
    let target = server();
    let gate = DatagramGate::before(&target, "");
    gate.policies.send_replace(Arc::new(nothing_allowed()));
    let flow = gate.flow();
    flow.put(b"x");
    let ended = gate.ended(1).remove(0);
    assert!(matches!(ended.end, Some(End::Refused { .. })), "{ended:#?}");
    assert_eq!(flow.served(), "Refused");
    target.set_nonblocking(true).unwrap();
    assert!(target.recv(&mut [0; 8]).is_err());
}

#[test]
fn a_flow_that_a_policy_asks_about_is_refused_and_says_that_nobody_is_asked() {
    let target = server();
    let gate = DatagramGate::before(&target, "");
    let asks = policies(
        "@id(\"in\") permit (principal, action, resource);
         @id(\"ask\") @approvers(\"dba\") forbid (principal, action, resource)
         when { action == Weir::Action::\"connect\" } unless { context.approved };",
    );
    gate.policies.send_replace(Arc::new(asks));
    let flow = gate.flow();
    flow.put(b"x");
    let Some(End::Refused { rule, message }) = gate.ended(1).remove(0).end else {
        panic!("it was not refused");
    };
    assert_eq!(rule, "approval-required");
    assert!(message.contains("datagrams are never held"), "{message}");
    target.set_nonblocking(true).unwrap();
    assert!(target.recv(&mut [0; 8]).is_err());
}

#[test]
fn a_policy_that_no_longer_allows_a_flow_cuts_it_off() {
    let target = server();
    let gate = DatagramGate::before(&target, "");
    let flow = gate.flow();
    flow.put(b"x");
    let (_, from) = heard(&target);
    gate.policies.send_replace(Arc::new(nothing_allowed()));
    let ended = gate.ended(1).remove(0);
    assert!(matches!(ended.end, Some(End::PolicyChanged { .. })));
    flow.put(b"y");
    target.send_to(b"z", from).ok();
    target.set_nonblocking(true).unwrap();
    assert!(target.recv(&mut [0; 8]).is_err());
    flow.client.set_nonblocking(true).unwrap();
    assert!(flow.client.recv(&mut [0; 8]).is_err());
}

#[test]
fn a_flow_ends_with_the_engine_and_with_its_client() {
    let target = server();
    let gate = DatagramGate::before(&target, "");
    let (one, other) = (gate.flow(), gate.flow());
    one.put(b"x");
    other.put(b"x");
    heard(&target);
    heard(&target);
    drop(one);
    assert_eq!(
        gate.ended(1)
            .iter()
            .filter(|s| s.end == Some(End::ClientGone))
            .count(),
        1
    );
    gate.shutdown.send_replace(true);
    assert_eq!(
        gate.ended(2)
            .iter()
            .filter(|s| s.end == Some(End::Shutdown))
            .count(),
        1
    );
    drop(other);
}

#[test]
fn a_verdict_is_on_record_with_its_policy() {
    let target = server();
    let gate = DatagramGate::before(&target, "idle_timeout = \"1s\"");
    gate.flow().put(b"x");
    let ended = gate.ended(1).remove(0);
    let path = store::path_of(&gate.records, ended.start.id);
    assert_eq!(ended.start.protocol.as_deref(), Some("udp"));
    let allowed = SessionReader::open(&path).unwrap().any(|entry| {
        matches!(
            entry.unwrap(),
            Entry::Event(Event::Intent(intent))
                if matches!(intent.verdict, VerdictSummary::Allow { .. })
        )
    });
    assert!(allowed);
}

fn nothing_allowed() -> Policies {
    policies(
        "@id(\"not-today\") forbid (principal, action, resource)
         when { action == Weir::Action::\"connect\" };",
    )
}

fn policies(text: &str) -> Policies {
    let source = Source {
        name: "these.cedar".to_owned(),
        text: text.to_owned(),
    };
    Policies::load(&[source]).unwrap()
}
