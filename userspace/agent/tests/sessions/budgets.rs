//! Budgets at their edges: bytes that weir passes on unread, results that somebody cancels, functions
//! that are called without SQL, workloads that are observed, and limits that change.

use std::{
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream, UdpSocket},
    path::Path,
    sync::Arc,
    thread,
    time::Duration,
};

use tokio_postgres::{NoTls, error::SqlState};
use weir_policy::Policies;
use weir_record::{End, Entry, Event, SessionReader, store};

use crate::{
    common::{Gate, tls_of},
    datagrams::gate::{self, DatagramGate},
    opaque::gate::OpaqueGate,
    server,
    signals::{POLICY, budget, gate_of, policies, run, with_client},
};

/// Nothing is refused but by a budget that policy looks at.
const LOOKS: &str = r#"
@id("all")
permit (principal, action in Weir::Action::"command", resource);
@id("over")
@message("enough for now")
forbid (principal, action in Weir::Action::"command", resource)
when { context.signals.contains("much") };
"#;

/// Nothing is refused.
const LOOKS_AWAY: &str =
    r#"@id("all") permit (principal, action in Weir::Action::"command", resource);"#;

fn bytes(policy: &str, limit: u64, more: &str) -> Policies {
    policies(policy, &budget("bytes", limit, more))
}

fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

/// A connection through a gate of these policies, and the target's end of it.
fn joined(gate: &OpaqueGate, listener: &TcpListener) -> (TcpStream, TcpStream) {
    let agent = TcpStream::connect(gate.address).unwrap();
    let (target, _) = listener.accept().unwrap();
    (agent, target)
}

fn opaque(listener: &TcpListener, policies: Policies) -> OpaqueGate {
    let gate = OpaqueGate::declared(listener, "");
    gate.policies.send_replace(Arc::new(policies));
    gate
}

/// Says a byte and waits until the other side has it.
fn says(from: &mut TcpStream, to: &mut TcpStream) -> std::io::Result<()> {
    from.write_all(b"x").unwrap();
    to.read_exact(&mut [0; 1])
}

/// The rule and the message of the newest end.
fn refusal(end: Option<&End>) -> (&str, &str) {
    match end {
        Some(End::PolicyChanged { rule, message }) => (rule, message),
        other => panic!("{other:?}"),
    }
}

#[test]
fn bytes_of_an_opaque_connection_are_cut_where_they_exceed_a_budget() {
    const LIMIT: u64 = 300_000;
    let listener = listener();
    let gate = opaque(&listener, bytes(LOOKS_AWAY, LIMIT, "cut = true"));
    let (mut agent, mut target) = joined(&gate, &listener);
    let sender = thread::spawn(move || target.write_all(&vec![7; 8 << 20]).unwrap_err());
    let mut got = 0;
    let mut buffer = vec![0; 1 << 16];
    let error = loop {
        match agent.read(&mut buffer) {
            Ok(0) => panic!("it ended as if that were all"),
            Ok(count) => got += u64::try_from(count).unwrap(),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    sender.join().unwrap();
    let ended = gate.ended(1).remove(0);
    let (rule, message) = refusal(ended.end.as_ref());
    assert_eq!(rule, "budget-cut");
    assert!(
        message.contains("of at most 300,000, for unix:tester on cache"),
        "{message}"
    );
    // What was passed on is on record, and none of it is past the budget; a reset drops what the
    // agent has not read.
    let path = store::path_of(&gate.records, ended.start.id);
    let passed = SessionReader::open(&path)
        .unwrap()
        .find_map(|entry| match entry.unwrap() {
            Entry::Event(Event::Outcome { outcome, .. }) => Some(outcome.bytes),
            _ => None,
        });
    let passed = passed.unwrap();
    assert!(got <= passed && passed <= LIMIT, "{got} of {passed}");
    assert!(passed + 65_536 > LIMIT, "{passed}");
}

#[test]
fn a_budget_that_policy_looks_at_ends_opaque_connections_of_the_subject_at_their_next_byte() {
    let listener = listener();
    let gate = opaque(&listener, bytes(LOOKS, 4, ""));
    let (mut agent, mut target) = joined(&gate, &listener);
    let (mut other_agent, mut other_target) = joined(&gate, &listener);
    // Both ways count, on both.
    says(&mut agent, &mut target).unwrap();
    says(&mut target, &mut agent).unwrap();
    says(&mut other_agent, &mut other_target).unwrap();
    says(&mut target, &mut agent).unwrap();
    for (from, to) in [
        (&mut agent, &mut target),
        (&mut other_target, &mut other_agent),
    ] {
        let error = says(from, to).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
    for ended in gate.ended(2) {
        let (rule, message) = refusal(ended.end.as_ref());
        assert_eq!(rule, "over");
        let figures = "signal much (bytes: 4 in 10m of at most 4, for unix:tester on cache)";
        assert!(message.contains(figures), "{message}");
    }
    // Nor is another opened.
    let mut refused = TcpStream::connect(gate.address).unwrap();
    assert!(!matches!(refused.read(&mut [0; 1]), Ok(1)));
    assert!(matches!(gate.ended(3)[0].end, Some(End::Refused { .. })));
}

#[test]
fn opaque_bytes_that_no_budget_is_about_pass() {
    let listener = listener();
    for policies in [
        // Nobody looks, and nothing cuts.
        bytes(LOOKS_AWAY, 1, ""),
        // It counts what reads, and nobody knows what these do.
        bytes(LOOKS, 1, "actions = [\"read\"]\ncut = true"),
        policies(LOOKS, &budget("rows", 1, "cut = true")),
    ] {
        let gate = opaque(&listener, policies);
        let (mut agent, mut target) = joined(&gate, &listener);
        for _ in 0..3 {
            says(&mut agent, &mut target).unwrap();
            says(&mut target, &mut agent).unwrap();
        }
    }
    let observed = OpaqueGate::undeclared(&listener);
    let cutting = bytes(LOOKS, 1, "cut = true");
    observed.policies.send_replace(Arc::new(cutting));
    let (mut agent, mut target) = joined(&observed, &listener);
    for _ in 0..3 {
        says(&mut agent, &mut target).unwrap();
    }
}

#[test]
fn a_connection_that_lives_is_held_to_a_budget_that_comes_later() {
    let listener = listener();
    let gate = opaque(&listener, bytes(LOOKS, 1_000, "cut = true"));
    let (mut agent, mut target) = joined(&gate, &listener);
    says(&mut agent, &mut target).unwrap();
    says(&mut target, &mut agent).unwrap();
    // The same counter, another limit: it is past it as it comes.
    gate.policies.send_replace(Arc::new(bytes(LOOKS, 2, "")));
    let error = agent.read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(refusal(gate.ended(1)[0].end.as_ref()).0, "over");
}

/// Hears one datagram, if one comes.
fn hears(socket: &UdpSocket) -> Option<usize> {
    socket.recv(&mut [0; 1024]).ok()
}

#[test]
fn datagrams_are_held_to_a_budget_of_bytes() {
    let target = gate::server();
    let cutting = DatagramGate::before(&target, "");
    let policies_of = |policy, more| Arc::new(bytes(policy, 10, more));
    cutting
        .policies
        .send_replace(policies_of(LOOKS_AWAY, "cut = true"));
    let flow = cutting.flow();
    flow.put(b"12345678");
    assert_eq!(hears(&target), Some(8));
    flow.put(b"123");
    assert_eq!(flow.served(), "Refused");
    let ended = cutting.ended(1).remove(0);
    assert_eq!(refusal(ended.end.as_ref()).0, "budget-cut");

    let looked_at = DatagramGate::before(&target, "");
    looked_at.policies.send_replace(policies_of(LOOKS, ""));
    let flow = looked_at.flow();
    flow.put(b"1234567890");
    assert_eq!(hears(&target), Some(10));
    flow.put(b"1");
    assert_eq!(flow.served(), "Refused");
    let ended = looked_at.ended(1).remove(0);
    assert_eq!(refusal(ended.end.as_ref()).0, "over");
    target
        .set_read_timeout(Some(Duration::from_millis(1)))
        .unwrap();
    assert_eq!(hears(&target), None, "a datagram past the budget");
}

#[test]
fn rows_of_a_result_that_is_cancelled_count() {
    let server = server();
    let gate = gate_of(&server, LOOKS, &budget("rows", 10, ""));
    let records = gate.records.clone();
    with_client(&gate, |client| async move {
        // Its rows come before it begins to wait: the server sends what fills its buffer.
        let waits = "SELECT repeat('x', 1000), CASE WHEN n > 200 THEN pg_sleep(60) END \
                     FROM generate_series(1, 300) n";
        let token = client.cancel_token();
        let cancels = async {
            shown(&records).await;
            token.cancel_query(NoTls).await.unwrap();
        };
        let (result, ()) = tokio::join!(client.simple_query(waits), cancels);
        assert_eq!(result.unwrap_err().code(), Some(&SqlState::QUERY_CANCELED));
        let error = client.simple_query("SELECT 1").await.unwrap_err();
        assert!(format!("{error:?}").contains("enough for now"), "{error:?}");
    });
}

/// Waits until a result's first rows are on record.
async fn shown(records: &Path) {
    loop {
        let summaries = weir_record::list(records).unwrap().into_iter().flatten();
        let entries = summaries.flat_map(|summary| {
            let path = store::path_of(records, summary.start.id);
            SessionReader::open(&path).unwrap().map_while(Result::ok)
        });
        let bytes = entries.map(|entry| match entry {
            Entry::Response { bytes, .. } => bytes.len(),
            _ => 0,
        });
        if bytes.sum::<usize>() > 50_000 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

#[test]
fn functions_that_are_called_without_sql_are_statements_of_a_budget() {
    let server = server();
    let calls = budget("statements", 2, "actions = [\"function_call\"]");
    let gate = gate_of(&server, LOOKS, &calls);
    // psql's large objects go by libpq's fast path.
    let unlinks = ["-c", "\\lo_unlink 4000000001"].repeat(3);
    let out = gate.psql_with(&unlinks);
    let told = out.stderr_text();
    assert_eq!(
        told.matches("the code says what failed").count(),
        2,
        "{told}"
    );
    assert_eq!(told.matches("enough for now").count(), 1, "{told}");
    assert_eq!(gate.ended(1)[0].refused, 1);
}

#[test]
fn a_result_of_an_observed_workload_is_counted_and_not_cut() {
    let server = server();
    let gate = Gate::observing(
        server.addr(),
        &tls_of(&server),
        server.app_password(),
        policies(LOOKS, &budget("rows", 5, "cut = true")),
    );
    let out = run(&gate, &["SELECT generate_series(1, 20)", "SELECT 'next'"]);
    assert_eq!(
        out.stdout_text().lines().count(),
        21,
        "{}",
        out.stderr_text()
    );
    assert_eq!(
        gate.ended(1)[0].observed,
        1,
        "what comes next would be refused"
    );
}

#[test]
fn other_signals_take_hold_of_sessions_that_live() {
    let server = server();
    let gate = gate_of(&server, POLICY, &budget("rows", 1000, ""));
    let in_force = gate.policies.clone();
    let records = gate.records.clone();
    with_client(&gate, |client| async move {
        client
            .simple_query("SELECT generate_series(1, 10)")
            .await
            .unwrap();
        // The same counter, another limit. A statement that is under way as it comes would end the
        // session, so none is.
        let fewer = Arc::new(policies(POLICY, &budget("rows", 10, "")));
        in_force.send_replace(Arc::clone(&fewer));
        judged_by(&records, &fewer).await;
        assert!(client.simple_query("SELECT 1").await.is_err());
        let none = Arc::new(policies(POLICY, ""));
        in_force.send_replace(Arc::clone(&none));
        judged_by(&records, &none).await;
        client.simple_query("SELECT 1").await.unwrap();
    });
}

/// Waits until the one session is judged by these.
async fn judged_by(records: &Path, policies: &Policies) {
    let version = policies.version().to_string();
    let is_noted = |entry: Entry| {
        matches!(entry, Entry::Event(Event::Note { message })
            if message.contains("judged from here on") && message.contains(&version))
    };
    for _ in 0..2000 {
        let sessions = store::list(records).unwrap();
        let [Ok(session)] = sessions.as_slice() else {
            panic!("{sessions:?}")
        };
        let path = store::path_of(records, session.start.id);
        if SessionReader::open(&path).unwrap().flatten().any(is_noted) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never judged by policy {version}");
}
