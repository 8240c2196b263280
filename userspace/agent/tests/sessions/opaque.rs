//! Connections that weir passes on unread, with real sockets on both sides.

pub(crate) mod gate;

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::mpsc,
    thread,
    time::Duration,
};

use gate::OpaqueGate;
use weir_policy::{Policies, Source};
use weir_record::{End, Entry, Event, SessionReader, Status, VerdictSummary};

fn server() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn resets(socket: &TcpStream) {
    let linger = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    nix::sys::socket::setsockopt(socket, nix::sys::socket::sockopt::Linger, &linger).unwrap();
}

#[test]
fn bytes_pass_both_ways_each_side_ends_by_itself_and_all_is_on_record() {
    let listener = server();
    let gate = OpaqueGate::declared(&listener, "record = \"bytes\"");
    let records = gate.records.clone();
    let target = thread::spawn(move || {
        let (mut io, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        // The agent's end is heard while the other direction is open.
        io.read_to_end(&mut asked).unwrap();
        io.write_all(&asked.to_ascii_uppercase()).unwrap();
        asked
    });
    let mut agent = TcpStream::connect(gate.address).unwrap();
    agent.write_all(b"hello").unwrap();
    agent.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    agent.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"HELLO");
    assert_eq!(target.join().unwrap(), b"hello");

    let ended = gate.ended(1).remove(0);
    assert_eq!((ended.end, ended.commands), (Some(End::Closed), 1));
    let path = weir_record::store::path_of(&records, ended.start.id);
    let entries: Vec<Entry> = SessionReader::open(&path)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let [
        Entry::Event(Event::Start(_)),
        Entry::Event(Event::Intent(intent)),
        Entry::Request { bytes: sent, .. },
        Entry::Response {
            bytes: received, ..
        },
        Entry::Event(Event::Outcome { outcome, .. }),
        Entry::Event(Event::End(End::Closed)),
    ] = entries.as_slice()
    else {
        panic!("{entries:#?}");
    };
    assert_eq!(intent.text, format!("connect to {}", gate.address));
    assert_eq!((&sent[..], &received[..]), (&b"hello"[..], &b"HELLO"[..]));
    assert_eq!((outcome.sent, outcome.bytes), (Some(5), 5));
    assert!(matches!(outcome.status, Status::Completed { .. }));
}

#[test]
fn the_intent_is_on_record_before_the_target_sees_a_byte() {
    let listener = server();
    let gate = OpaqueGate::declared(&listener, "");
    let mut agent = TcpStream::connect(gate.address).unwrap();
    agent.write_all(b"x").unwrap();
    let (mut io, _) = listener.accept().unwrap();
    io.read_exact(&mut [0]).unwrap();
    assert_eq!(gate.summaries()[0].commands, 1);
    // Without `record` the bytes themselves are not kept.
    drop((agent, io));
    let ended = gate.ended(1).remove(0);
    let path = weir_record::store::path_of(&gate.records, ended.start.id);
    let bytes = |entry: &Entry| matches!(entry, Entry::Request { .. } | Entry::Response { .. });
    assert!(
        !SessionReader::open(&path)
            .unwrap()
            .any(|entry| bytes(&entry.unwrap()))
    );
}

#[test]
fn a_reset_reaches_the_other_side_as_a_reset() {
    let listener = server();
    let gate = OpaqueGate::declared(&listener, "");
    // The target's.
    let mut agent = TcpStream::connect(gate.address).unwrap();
    let (mut io, _) = listener.accept().unwrap();
    io.write_all(b"half of it").unwrap();
    let mut half = [0; 10];
    agent.read_exact(&mut half).unwrap();
    resets(&io);
    drop(io);
    let error = agent.read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(gate.ended(1)[0].end, Some(End::ServerGone));
    // The agent's.
    let mut agent = TcpStream::connect(gate.address).unwrap();
    let (mut io, _) = listener.accept().unwrap();
    agent.write_all(b"half").unwrap();
    io.read_exact(&mut [0; 4]).unwrap();
    resets(&agent);
    drop(agent);
    let error = io.read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(gate.ended(2)[0].end, Some(End::ClientGone));
}

/// Resident memory of this process, in bytes; the gate is in it.
fn memory() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

#[test]
fn a_gibibyte_passes_in_flat_memory_and_a_stalled_reader_stalls_its_writer() {
    const ALL: usize = 1 << 30;
    /// What weir may take; its buffers have 128 KiB.
    const SLACK: usize = 32 << 20;
    /// What the kernel's buffers of three sockets may take.
    const UNDER_WAY: usize = 256 << 20;
    let listener = server();
    let gate = OpaqueGate::declared(&listener, "");
    let (stalled, stall) = mpsc::channel();
    let target = thread::spawn(move || {
        let (mut io, _) = listener.accept().unwrap();
        let chunk = vec![7; 1 << 20];
        io.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
        let mut sent = 0;
        // Until nobody takes more; then the rest, to the last byte.
        while let Ok(count) = io.write(&chunk) {
            sent += count;
            if sent > UNDER_WAY {
                break;
            }
        }
        stalled.send(sent).unwrap();
        io.set_write_timeout(None).unwrap();
        while sent < ALL {
            let left = (ALL - sent).min(chunk.len());
            sent += io.write(&chunk[..left]).unwrap();
        }
    });
    let mut chunk = vec![0; 1 << 20];
    let before = memory();
    let mut agent = TcpStream::connect(gate.address).unwrap();
    let under_way = stall.recv().unwrap();
    assert!(under_way <= UNDER_WAY, "the writer was not stalled");
    let (mut got, mut most) = (0, memory());
    loop {
        let count = agent.read(&mut chunk).unwrap();
        if count == 0 {
            break;
        }
        assert!(chunk[..count].iter().all(|byte| *byte == 7));
        got += count;
        most = most.max(memory());
    }
    target.join().unwrap();
    assert_eq!(got, ALL);
    let grown = most.saturating_sub(before) >> 10;
    println!("{} KiB under way, grew by {grown} KiB", under_way >> 10);
    assert!(most < before + SLACK, "grew by {grown} KiB");
    drop(agent);
    assert_eq!(gate.ended(1)[0].end, Some(End::Closed));
}

#[test]
fn a_connection_is_judged_again_when_its_workload_s_groups_change() {
    let source = Source {
        name: "some.cedar".to_owned(),
        text: "@id(\"all\") permit (principal, action, resource);\n\
               @id(\"suspended\") forbid (principal in Weir::Group::\"suspended\", action, resource);"
            .to_owned(),
    };
    let listener = server();
    let gate = OpaqueGate::declared(&listener, "");
    gate.policies
        .send_replace(std::sync::Arc::new(Policies::load(&[source]).unwrap()));
    let mut agent = TcpStream::connect(gate.address).unwrap();
    let (mut io, _) = listener.accept().unwrap();
    let mut passes = || {
        io.write_all(b"x").unwrap();
        agent.read_exact(&mut [0; 1])
    };
    passes().unwrap();
    let mut subject = weir_policy::Subject::clone(&gate.subject.borrow());
    for (group, stays) in [("other", true), ("suspended", false)] {
        subject.groups.push(group.to_owned());
        gate.subject
            .send_replace(std::sync::Arc::new(subject.clone()));
        if stays {
            passes().unwrap();
        }
    }
    assert_eq!(
        agent.read(&mut [0; 1]).unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
    let end = gate.ended(1)[0].end.clone();
    assert!(matches!(end, Some(End::PolicyChanged { rule, .. }) if rule == "suspended"));
}

#[test]
fn policy_decides_before_the_target_is_dialled_and_again_when_it_changes() {
    let nobody = || {
        let source = Source {
            name: "no.cedar".to_owned(),
            text:
                "@id(\"no-cache\") @message(\"not today\") forbid (principal, action, resource)\n\
                   when { action == Weir::Action::\"connect\" };"
                    .to_owned(),
        };
        std::sync::Arc::new(Policies::load(&[source]).unwrap())
    };
    let listener = server();
    let gate = OpaqueGate::declared(&listener, "");
    let mut agent = TcpStream::connect(gate.address).unwrap();
    let (mut io, _) = listener.accept().unwrap();
    io.write_all(b"x").unwrap();
    agent.read_exact(&mut [0; 1]).unwrap();
    gate.policies.send_replace(nobody());
    assert_eq!(
        agent.read(&mut [0; 1]).unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
    assert_eq!(
        io.read(&mut [0; 1]).unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
    let rule = "no-cache".to_owned();
    let message = "not today".to_owned();
    let expected = End::PolicyChanged {
        rule: rule.clone(),
        message: message.clone(),
    };
    assert_eq!(gate.ended(1)[0].end, Some(expected));
    let mut refused = TcpStream::connect(gate.address).unwrap();
    assert!(!matches!(refused.read(&mut [0; 1]), Ok(1)));
    assert_eq!(gate.ended(2)[0].end, Some(End::Refused { rule, message }));
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn silence_and_shutdown_end_a_connection() {
    let listener = server();
    let gate = OpaqueGate::declared(&listener, "idle_timeout = \"1s\"");
    let mut agent = TcpStream::connect(gate.address).unwrap();
    let _io = listener.accept().unwrap();
    assert!(agent.read(&mut [0; 1]).is_err());
    assert_eq!(gate.ended(1)[0].end, Some(End::Idle));

    let gate = OpaqueGate::declared(&listener, "");
    let mut agent = TcpStream::connect(gate.address).unwrap();
    let _io = listener.accept().unwrap();
    gate.shutdown.send_replace(true);
    assert!(agent.read(&mut [0; 1]).is_err());
    assert_eq!(gate.ended(1)[0].end, Some(End::Shutdown));
}

#[test]
fn a_target_that_nobody_answers_at_is_told() {
    let listener = server();
    let gate = OpaqueGate::declared(&listener, "");
    drop(listener);
    let mut agent = TcpStream::connect(gate.address).unwrap();
    assert!(!matches!(agent.read(&mut [0; 1]), Ok(1)));
    let ended = gate.ended(1).remove(0);
    assert!(
        matches!(ended.end, Some(End::Error { .. })),
        "{:?}",
        ended.end
    );
}

#[test]
fn an_observed_workload_reaches_what_nobody_declared_and_the_record_says_so() {
    let listener = server();
    let gate = OpaqueGate::undeclared(&listener);
    let mut agent = TcpStream::connect(gate.address).unwrap();
    let (mut io, _) = listener.accept().unwrap();
    agent.write_all(b"ab").unwrap();
    agent.shutdown(Shutdown::Write).unwrap();
    io.read_to_end(&mut Vec::new()).unwrap();
    drop(io);
    agent.read_to_end(&mut Vec::new()).unwrap();
    let ended = gate.ended(1).remove(0);
    assert_eq!((ended.observed, ended.refused), (1, 0));
    let path = weir_record::store::path_of(&gate.records, ended.start.id);
    let would_be = SessionReader::open(&path)
        .unwrap()
        .find_map(|entry| match entry.unwrap() {
            Entry::Event(Event::Intent(intent)) => match intent.verdict {
                VerdictSummary::Allow { would_be, .. } => would_be,
                other => panic!("{other:?}"),
            },
            _ => None,
        });
    let Some(VerdictSummary::Deny { rule, .. }) = would_be.as_deref() else {
        panic!("{would_be:?}");
    };
    assert_eq!(rule, "undeclared-destination");
}

#[test]
fn a_connection_that_asks_is_not_dialled_before_somebody_says_yes() {
    let asks = Policies::load(&[Source {
        name: "asks.cedar".into(),
        text: r#"@id("ask-in") permit (principal, action == Weir::Action::"connect", resource)
                 when { context.approved };"#
            .into(),
    }])
    .unwrap();
    let listener = server();
    let gate = OpaqueGate::declared(&listener, "");
    gate.policies.send_replace(asks.into());
    let root = weir_policy::Approver::operator("root");
    let waits = || loop {
        let shown = weir_agent::approve::Shown::Pending;
        if let Some(request) = gate.approvals.list(shown, &root).pop() {
            return request;
        }
        thread::sleep(Duration::from_millis(20));
    };
    // One that gives up, though it has said something before.
    let mut agent = TcpStream::connect(gate.address).unwrap();
    agent.write_all(b"hello").unwrap();
    let id = waits().id;
    drop(agent);
    assert_eq!(gate.ended(1)[0].end, Some(End::ClientGone));
    assert_eq!(gate.approvals.show(&id, &root).unwrap().state(), "gave_up");

    let mut agent = TcpStream::connect(gate.address).unwrap();
    agent.write_all(b"hello").unwrap();
    let request = waits();
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    listener.set_nonblocking(false).unwrap();
    let said = weir_agent::approve::Said {
        answer: weir_record::Answered::Once,
        reason: None,
        hash: request.hash,
    };
    gate.approvals
        .answer(&request.id, &root, None, &said)
        .unwrap();
    let (mut target, _) = listener.accept().unwrap();
    let mut heard = [0; 5];
    target.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"hello");
}
