//! What was open before: found, closed, told.

use std::{
    fs::File,
    io::IoSlice,
    net::{TcpListener, TcpStream, UdpSocket},
    os::{
        fd::{AsFd, AsRawFd as _},
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr as UnixAddr, UnixListener},
    },
    time::Duration,
};

use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use weir_intercept::{
    Inbound, InboundFrom, Interceptor, Pid, Rules, UnixRule,
    established::{Established, Found, Outcome, Protocol, Spared},
};

use crate::{
    bed::{Bed, Ground},
    child::{Agent, Running},
    serve::{Target, while_serving},
};

fn look(established: &mut Established, weir: &Interceptor, rules: &Rules) -> Vec<Found> {
    let port = weir.status().port;
    established.close(Spared { port, rules }).expect("a look")
}

/// What was found of a process.
fn of(found: &[Found], pid: u32) -> Vec<&Found> {
    let pid = Pid::new(pid);
    found.iter().filter(|one| one.pid == Some(pid)).collect()
}

/// Hands `socket` to a new agent of the workload, which sends on it, to `to` or where it is
/// connected.
async fn hand(bed: &Bed, name: &str, socket: &impl AsFd, to: &[&str]) -> Running {
    let name = format!("weir-test-{}-{name}", std::process::id());
    let giver = UnixAddr::from_abstract_name(&name)
        .and_then(|address| UnixListener::bind_addr(&address))
        .expect("a listener");
    let mut agent = bed.agent("take", &[&[name.as_str()], to].concat()).spawn();
    let socket = socket.as_fd().try_clone_to_owned().expect("a descriptor");
    let given = tokio::task::spawn_blocking(move || {
        let (taker, _) = giver.accept().expect("the agent");
        let rights = [socket.as_raw_fd()];
        let message = [ControlMessage::ScmRights(&rights)];
        let parts = [IoSlice::new(b"x")];
        sendmsg::<()>(taker.as_raw_fd(), &parts, &message, MsgFlags::empty(), None)
            .expect("to send");
    });
    given.await.expect("given");
    agent.wait_for("taken").await;
    agent
}

fn open_unix() -> Rules {
    Rules {
        unix: UnixRule::Open,
        ..Rules::default()
    }
}

#[tokio::test]
async fn connections_from_before_the_tag_are_closed_and_told() {
    let target = Target::new("127.77.20.1").await;
    let sink = UdpSocket::bind("127.77.20.1:0").expect("a socket");
    let (tcp, udp) = (target.address, sink.local_addr().expect("an address"));
    let ground = Ground::new();
    let args = [tcp.to_string(), udp.to_string()];
    let args = args.each_ref().map(String::as_str);
    // One in the workload from the start, and one that is moved there once it has dialled.
    let mut own = Agent::new("dialled", &args)
        .within(&ground.workload.0)
        .spawn();
    let mut moved = Agent::new("dialled", &args).spawn();
    let from = own.wait_for("dialled").await;
    moved.wait_for("dialled").await;
    ground
        .workload
        .0
        .add(Pid::new(moved.pid()))
        .expect("to move it");

    let weir = ground.start("engine").expect("an engine");
    weir.tag(&ground.workload.0, &Rules::default())
        .expect("a tag");
    let mut established = Established::of(&ground.workload.0);
    let found = look(&mut established, &weir, &Rules::default());
    for (agent, foreign) in [(&own, false), (&moved, true)] {
        let mut found = of(&found, agent.pid());
        found.sort_by_key(|one| one.protocol == Protocol::Udp);
        let [first, second] = found.as_slice() else {
            panic!("{found:?}");
        };
        assert_eq!(
            [first.protocol, second.protocol],
            [Protocol::Tcp, Protocol::Udp]
        );
        assert_eq!([first.remote, second.remote], [Some(tcp), Some(udp)]);
        for one in [first, second] {
            assert_eq!((&one.outcome, one.foreign), (&Outcome::Closed, foreign));
            assert!(one.comm.is_some());
        }
    }
    let own_tcp = of(&found, own.pid())[0];
    assert!(
        found
            .iter()
            .any(|one| one.local.map(|at| at.to_string()) == Some(from.clone())),
        "{own_tcp:?}"
    );
    assert_eq!(
        look(&mut established, &weir, &Rules::default()),
        [],
        "nothing is left"
    );

    for mut agent in [own, moved] {
        // They end by themselves only when what they send with fails.
        agent.wait_for("tcp").await;
        agent.wait_for("udp").await;
    }
}

#[tokio::test]
async fn connections_handed_in_later_are_closed() {
    let target = Target::new("127.77.20.2").await;
    let bed = Bed::with_rules(&open_unix());
    let mut established = Established::of(&bed.workload.0);
    assert_eq!(look(&mut established, &bed.weir, &Rules::default()), []);

    let tcp = TcpStream::connect(target.address).expect("a connection");
    let mut agent = hand(&bed, "tcp", &tcp, &[]).await;
    let found = look(&mut established, &bed.weir, &Rules::default());
    let [one] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(
        (one.protocol, one.remote),
        (Protocol::Tcp, Some(target.address))
    );
    assert_eq!((one.foreign, &one.outcome), (true, &Outcome::Closed));
    assert_eq!(one.pid, Some(Pid::new(agent.pid())));
    agent.wait_for("sent").await;
}

/// Whoever handed it keeps a copy, and may use that: the workload's copy is the same socket.
#[tokio::test]
async fn what_is_connected_after_it_was_handed_in_is_closed_each_time() {
    const MPTCP: i32 = 262;
    let target = Target::new("127.77.20.7").await;
    let bed = Bed::with_rules(&open_unix());
    for (name, protocol) in [("again", libc::IPPROTO_TCP), ("again-mptcp", MPTCP)] {
        let mut established = Established::of(&bed.workload.0);
        let stream = socket2::Socket::new(
            socket2::Domain::IPV4,
            socket2::Type::STREAM,
            Some(socket2::Protocol::from(protocol)),
        )
        .expect("a socket");
        let agent = hand(&bed, name, &stream, &[]).await;
        assert_eq!(look(&mut established, &bed.weir, &Rules::default()), []);
        // It listens, is told of, and stops listening.
        stream.listen(1).expect("to listen");
        let found = look(&mut established, &bed.weir, &Rules::default());
        assert!(matches!(found.as_slice(), [one] if one.outcome == Outcome::Listening));
        assert_eq!(look(&mut established, &bed.weir, &Rules::default()), []);
        stream.shutdown(std::net::Shutdown::Both).expect("to stop");
        for _ in 0..2 {
            stream.connect(&target.address.into()).expect("to connect");
            let found = look(&mut established, &bed.weir, &Rules::default());
            let [one] = found.as_slice() else {
                panic!("{name}: {found:?}");
            };
            assert_eq!(
                (one.remote, &one.outcome),
                (Some(target.address), &Outcome::Closed)
            );
            assert!(stream.peer_addr().is_err(), "{name}");
            // What the kernel left to be read about the end, and the way back to the beginning.
            let _end = stream.take_error();
            disconnect(&stream);
        }
        agent.kill().await;
    }
}

fn disconnect(stream: &socket2::Socket) {
    // SAFETY: all zero is a value of it, and names AF_UNSPEC.
    let nobody: libc::sockaddr = unsafe { std::mem::zeroed() };
    // SAFETY: an open descriptor, and an address of the length that is given.
    let outcome = unsafe { libc::connect(stream.as_raw_fd(), &raw const nobody, 16) };
    assert_eq!(outcome, 0);
}

#[tokio::test]
async fn a_connection_in_a_namespace_that_the_workload_is_not_in_is_closed() {
    let bed = Bed::with_rules(&open_unix());
    let mut inner = Agent::new("inner", &[]).with_root().spawn();
    assert_eq!(inner.wait_for("dialled").await, "OK");
    let namespace = File::open(format!("/proc/{}/ns/net", inner.pid())).expect("a namespace");
    let (stream, other): (TcpStream, TcpStream) = std::thread::spawn(move || {
        nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWNET).expect("to enter");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let stream = TcpStream::connect(listener.local_addr().expect("an address"));
        (
            stream.expect("a connection"),
            listener.accept().expect("it").0,
        )
    })
    .join()
    .expect("a connection");
    let mut agent = hand(&bed, "elsewhere", &stream, &[]).await;
    let mut established = Established::of(&bed.workload.0);
    let found = look(&mut established, &bed.weir, &Rules::default());
    let [one] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(one.remote, other.local_addr().ok());
    assert_eq!((one.foreign, &one.outcome), (true, &Outcome::Closed));
    agent.wait_for("sent").await;
    drop(inner.report().await);
}

#[tokio::test]
async fn a_connection_within_the_workloads_own_namespace_is_closed() {
    let bed = Bed::new();
    // Dials before it is moved: nobody governs it then.
    let mut agent = Agent::new("inner", &[]).with_root().spawn();
    assert_eq!(agent.wait_for("dialled").await, "OK");
    bed.workload
        .0
        .add(Pid::new(agent.pid()))
        .expect("to move it");
    let mut established = Established::of(&bed.workload.0);
    let found = look(&mut established, &bed.weir, &Rules::default());
    let closed = |one: &&Found| one.outcome == Outcome::Closed;
    assert!(found.iter().filter(closed).count() >= 1, "{found:?}");
    agent.wait_for("sent").await;
}

/// Neither raw nor packet sockets are stopped by a shutdown; their process would have to end.
#[tokio::test]
async fn what_no_hook_judges_is_shut_once_or_told_as_open() {
    let bed = Bed::with_rules(&open_unix());
    let socket = |family, kind, protocol| {
        socket2::Socket::new(
            socket2::Domain::from(family),
            socket2::Type::from(kind),
            Some(socket2::Protocol::from(protocol)),
        )
        .expect("a socket")
    };
    let sink = UdpSocket::bind("127.77.20.6:0").expect("a socket");
    let lite = socket(libc::AF_INET, libc::SOCK_DGRAM, libc::IPPROTO_UDPLITE);
    lite.connect(&sink.local_addr().expect("an address").into())
        .expect("to connect");
    let icmp = socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP);
    let packet = socket(libc::AF_PACKET, libc::SOCK_DGRAM, 0);
    let mut shut = hand(&bed, "lite", &lite, &[]).await;
    let raw = hand(&bed, "raw", &icmp, &["127.0.0.1:0"]).await;
    let open = hand(&bed, "packet", &packet, &["127.0.0.1:0"]).await;
    let mut established = Established::of(&bed.workload.0);
    let found = look(&mut established, &bed.weir, &Rules::default());
    let outcome = |agent: &Running| {
        let found = of(&found, agent.pid());
        assert_eq!(found.len(), 1, "{found:?}");
        found[0].outcome.clone()
    };
    assert_eq!(outcome(&shut), Outcome::Closed);
    for agent in [&raw, &open] {
        assert!(matches!(outcome(agent), Outcome::Open { .. }));
    }
    assert_eq!(
        look(&mut established, &bed.weir, &Rules::default()),
        [],
        "told once"
    );
    assert_eq!(shut.wait_for("sent").await, "EPIPE");
    for agent in [raw, open] {
        agent.kill().await;
    }
}

#[tokio::test]
async fn what_is_the_engines_or_declared_stays_and_listeners_are_told_once() {
    let rules = |port| Rules {
        inbound: vec![Inbound {
            port,
            from: InboundFrom::Loopback,
        }],
        ..Rules::default()
    };
    let bed = Bed::new();
    let mut established = Established::of(&bed.workload.0);
    let mut listening = bed.agent("listen", &["127.77.20.3:0"]).spawn();
    let at: std::net::SocketAddr = listening
        .wait_for("listening")
        .await
        .parse()
        .expect("an address");
    let found = look(&mut established, &bed.weir, &Rules::default());
    let [one] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(
        (one.local, &one.outcome, one.foreign),
        (Some(at), &Outcome::Listening, false)
    );
    assert_eq!(
        look(&mut established, &bed.weir, &Rules::default()),
        [],
        "told once"
    );
    drop(listening.report().await);

    // The engine's own connections: one is open while we look.
    let agent = bed.agent("connect", &["127.77.20.4:80"]).spawn();
    let intercepted = bed.weir.accept().await.expect("a connection");
    let rules = rules(at.port());
    assert_eq!(look(&mut established, &bed.weir, &rules), []);
    drop(intercepted);
    drop(agent);
}

#[tokio::test]
async fn a_declared_answer_stays_and_an_undeclared_one_goes() {
    let ground = Ground::new();
    let mut agent = Agent::new("accepting", &["127.77.20.5:0"])
        .within(&ground.workload.0)
        .spawn();
    let at: std::net::SocketAddr = agent
        .wait_for("listening")
        .await
        .parse()
        .expect("an address");
    let _client = TcpStream::connect(at).expect("nobody governs yet");
    agent.wait_for("accepted").await;
    let weir = ground.start("engine").expect("an engine");
    weir.tag(&ground.workload.0, &Rules::default())
        .expect("a tag");
    let mut established = Established::of(&ground.workload.0);
    let rules = Rules {
        inbound: vec![Inbound {
            port: at.port(),
            from: InboundFrom::Loopback,
        }],
        ..Rules::default()
    };
    let closed = |found: Vec<Found>| {
        found
            .iter()
            .filter(|one| one.outcome == Outcome::Closed)
            .count()
    };
    assert_eq!(closed(look(&mut established, &weir, &rules)), 0);
    let mut anew = Established::of(&ground.workload.0);
    assert_eq!(closed(look(&mut anew, &weir, &Rules::default())), 1);
    drop(agent.report().await);
}

/// The processor time that this thread has used.
fn used() -> Duration {
    let clock = nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID;
    nix::time::clock_gettime(clock).expect("a clock").into()
}

/// Not a promise of a time: that it is done at all for a workload of some size, and what it cost.
#[tokio::test]
async fn a_workload_of_fifty_processes_is_looked_through() {
    let bed = Bed::new();
    let mut agents = Vec::new();
    for _ in 0..50 {
        agents.push(bed.agent("hoard", &["50"]).spawn());
    }
    for agent in &mut agents {
        agent.wait_for("hoarded").await;
    }
    let mut established = Established::of(&bed.workload.0);
    let mut took = Vec::new();
    for round in 0..10 {
        let began = used();
        let found = look(&mut established, &bed.weir, &Rules::default());
        took.push(used() - began);
        assert_eq!(
            found.len(),
            if round == 0 { 50 * 25 } else { 0 },
            "round {round}"
        );
    }
    println!("looks at 50 processes: {took:?}");
    let (_, caught) = while_serving(&bed.weir, async {
        for agent in agents {
            drop(agent.report().await);
        }
    })
    .await;
    assert_eq!(caught.len(), 0);
}
