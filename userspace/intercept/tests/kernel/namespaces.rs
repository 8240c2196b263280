//! Workloads in network namespaces of their own. Needs `ip`.

mod hosts;

use std::{
    collections::BTreeSet,
    fs::File,
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    time::Duration,
};

use tokio::time::{sleep, timeout};
use weir_intercept::{Intercepted, Interceptor, NetnsCookie, Reason, Rules};

use crate::{
    SOON,
    agent::tcp,
    bed::{Bed, Ground},
    child::Agent,
    serve::{Target, while_serving},
};
use hosts::Pair;

/// Waits until the engine listens in as many namespaces as `enough` says.
async fn served(weir: &Interceptor, enough: impl Fn(usize) -> bool) -> BTreeSet<NetnsCookie> {
    let looking = async {
        loop {
            let served: BTreeSet<NetnsCookie> = weir.status().namespaces.into_iter().collect();
            if enough(served.len()) {
                return served;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    let status = || format!("never; {:?}", weir.status());
    timeout(SOON, looking)
        .await
        .unwrap_or_else(|_| panic!("{}", status()))
}

async fn accept(weir: &Interceptor) -> Intercepted {
    timeout(SOON, weir.accept())
        .await
        .expect("a connection")
        .expect("a connection")
}

#[tokio::test]
async fn a_host_of_its_own_is_served_and_its_target_sees_its_own_address() {
    let pair = Pair::new();
    let target = pair.target();
    let bed = Bed::new();
    let to = target.address.to_string();
    let mut agent = bed
        .agent("inside", &[&pair.path(), &to])
        .with_root()
        .spawn();
    agent.wait_for("entered").await;
    let caught = accept(&bed.weir).await;
    assert_eq!(caught.orig_dst.get(), target.address);
    assert_eq!(caught.facts.pid.map(|pid| pid.get()), Some(agent.pid()));
    assert_eq!(caught.facts.workload, bed.id);
    assert!(!caught.namespace.is_own() && caught.namespace.is_dialled_from());
    assert_eq!(caught.namespace.cookie(), caught.facts.netns);
    assert!(
        target.reached().is_empty(),
        "nothing has gone there by itself"
    );

    // The host has no way there; from inside there is one.
    let from = |stream: &tokio::net::TcpStream| stream.local_addr().expect("an address").ip();
    let upstream = timeout(SOON, caught.namespace.connect(target.address));
    let upstream = upstream.await.expect("an answer").expect("a connection");
    assert_eq!(from(&upstream), pair.own_address());
    timeout(SOON, target.reached_by(pair.own_address()))
        .await
        .expect("it sees the workload");
    agent.kill().await;
}

#[tokio::test]
async fn a_question_from_a_namespace_is_answered_there() {
    let pair = Pair::new();
    let bed = Bed::new();
    let agent = bed
        .agent("inside-asks", &[&pair.path(), "192.0.2.53:53"])
        .with_root();
    let answering = async {
        let datagram = bed.weir.datagram().await.expect("a datagram");
        assert!(!datagram.namespace.is_own());
        assert_eq!(datagram.orig_dst.get().to_string(), "192.0.2.53:53");
        datagram.reply(b"an answer").await.expect("to answer");
    };
    let both = async { tokio::join!(agent.report(), answering).0 };
    let (report, _) = while_serving(&bed.weir, both).await;
    assert_eq!(report.get("answer"), "an answer");
}

#[tokio::test]
async fn a_datagram_for_a_declared_target_is_answered_and_dialled_for_there() {
    let pair = Pair::new();
    let bed = Bed::new();
    let to: SocketAddr = (pair.target().address.ip(), 443).into();
    bed.weir
        .set_datagram_targets(bed.id, &[to].into())
        .expect("there is room");
    let agent = bed
        .agent("inside-asks", &[&pair.path(), &to.to_string()])
        .with_root();
    let answering = async {
        let datagram = bed.weir.datagram().await.expect("a datagram");
        assert!(!datagram.namespace.is_own());
        assert_eq!(datagram.orig_dst.get(), to);
        // The host has no way there; from inside there is one.
        let upstream = datagram.namespace.connect_datagram(to).await;
        let upstream = upstream.expect("a socket");
        assert_eq!(upstream.peer_addr().expect("an address"), to);
        let own = upstream.local_addr().expect("an address").ip();
        assert_eq!(own, pair.own_address());
        let answer = datagram.way_back().send(b"an answer").await;
        answer.expect("to answer");
    };
    let both = async { tokio::join!(agent.report(), answering).0 };
    let (report, _) = while_serving(&bed.weir, both).await;
    assert_eq!(report.get("answer"), "an answer");
}

#[tokio::test]
async fn in_its_own_user_namespace_it_is_attributed_and_dialled_for_from_the_host() {
    let target = Target::new("127.77.21.1").await;
    let bed = Bed::new();
    let to = target.address.to_string();
    let agent = bed.agent("own-user", &[&to]).spawn();
    let caught = accept(&bed.weir).await;
    assert_eq!(caught.orig_dst.get(), target.address);
    assert_eq!(caught.facts.uid.get(), crate::child::NOBODY);
    assert!(!caught.namespace.is_own() && !caught.namespace.is_dialled_from());
    assert_eq!(target.reached(), 0);
    // Its own namespace leads nowhere, and is not trusted to.
    let upstream = caught
        .namespace
        .connect(target.address)
        .await
        .expect("a connection");
    assert_eq!(upstream.peer_addr().expect("an address"), target.address);
    agent.kill().await;
}

/// Whoever stood at the engine's port before the engine came would be handed the connections.
#[tokio::test]
async fn where_another_has_the_port_nothing_is_served_until_it_is_free() {
    for squatted in ["127.0.0.1", "0.0.0.0", "::1", "::"] {
        let pair = Pair::new();
        let mut bed = Bed::new();
        let port = bed.weir.status().port;
        let namespace = File::open(pair.path()).expect("a namespace");
        let squatter = inside(&namespace, || TcpListener::bind((squatted, port)));
        let squatter = squatter.expect("nobody is there yet");
        let mut agent = bed
            .agent("inside", &[&pair.path(), "192.0.2.1:80"])
            .with_root()
            .spawn();
        agent.wait_for("entered").await;
        for _ in 0..3 {
            let refusal = timeout(SOON, bed.refusals.next()).await.expect("a refusal");
            assert_eq!(
                refusal.map(|one| one.reason),
                Some(Reason::ForeignNamespace)
            );
        }
        assert_eq!(bed.weir.status().namespaces, [], "{squatted}");
        squatter.set_nonblocking(true).expect("a flag");
        assert!(squatter.accept().is_err(), "{squatted}");
        drop(squatter);
        assert_eq!(accept(&bed.weir).await.orig_dst.get().port(), 80);
        agent.kill().await;
    }
}

#[tokio::test]
async fn a_namespace_with_loopback_down_is_served_and_works_once_it_is_up() {
    let bed = Bed::new();
    let mut agent = bed
        .agent("loopback-later", &["192.0.2.1:80"])
        .with_root()
        .spawn();
    agent.wait_for("alone").await;
    served(&bed.weir, |count| count == 1).await;
    let (report, caught) = while_serving(&bed.weir, agent.report()).await;
    assert_eq!((report.get("refused"), report.get("connect")), ("0", "OK"));
    assert_eq!(caught.len(), 1);
}

#[tokio::test]
async fn a_namespace_that_nobody_is_in_any_more_is_let_go() {
    let bed = Bed::new();
    let mut agent = bed
        .agent("loopback-later", &["192.0.2.1:80"])
        .with_root()
        .spawn();
    agent.wait_for("alone").await;
    served(&bed.weir, |count| count == 1).await;
    let held = other_namespace(agent.pid());
    agent.kill().await;
    served(&bed.weir, |count| count == 0).await;
    let port = bed.weir.status().port;
    let listening = inside(&held, || {
        tcp::loopback_up()?;
        TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port)))
    });
    let refused = listening.expect_err("nobody listens");
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
}

/// The namespace that one of a process's threads has for itself.
fn other_namespace(pid: u32) -> File {
    let own = std::fs::read_link("/proc/thread-self/ns/net").expect("a namespace");
    std::fs::read_dir(format!("/proc/{pid}/task"))
        .expect("threads")
        .map(|thread| thread.expect("a thread").path().join("ns/net"))
        .find(|path| std::fs::read_link(path).is_ok_and(|namespace| namespace != own))
        .map(|path| File::open(path).expect("a namespace"))
        .expect("a thread elsewhere")
}

fn inside<T: Send>(namespace: &File, act: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let entered = move || {
            nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWNET)?;
            act()
        };
        scope.spawn(entered).join().expect("no panic")
    })
}

#[tokio::test]
async fn an_engine_that_starts_finds_the_namespaces_that_are_in_use() {
    let ground = Ground::new();
    let weir = ground.start("engine").expect("an engine");
    weir.tag(&ground.workload.0, &Rules::default())
        .expect("a tag");
    let mut agent = Agent::new("loopback-later", &["192.0.2.1:80"])
        .within(&ground.workload.0)
        .with_root()
        .spawn();
    agent.wait_for("alone").await;
    let before = served(&weir, |count| count == 1).await;
    drop(weir);
    let weir = ground.start("engine").expect("an engine");
    let at_once: BTreeSet<NetnsCookie> = weir.status().namespaces.into_iter().collect();
    assert_eq!(at_once, before);
    let (report, caught) = while_serving(&weir, agent.report()).await;
    assert_eq!((report.get("refused"), report.get("connect")), ("0", "OK"));
    assert_eq!(caught.len(), 1);
}

#[tokio::test]
async fn one_workload_is_served_in_so_many_namespaces_and_no_more() {
    let bed = Bed::new();
    let mut agent = bed.agent("crowd", &["70"]).with_root().spawn();
    agent.wait_for("crowded").await;
    served(&bed.weir, |count| count == 64).await;
    sleep(Duration::from_millis(100)).await;
    assert_eq!(bed.weir.status().namespaces.len(), 64);
    drop(agent.report().await);
    served(&bed.weir, |count| count == 0).await;
}

/// Not a promise of a time: that a thousand sockets made inside one after the other all connect, and
/// what one cost.
#[tokio::test]
async fn sockets_are_made_inside_one_after_the_other() {
    let pair = Pair::new();
    let target = pair.target();
    let bed = Bed::new();
    let to = target.address.to_string();
    let mut agent = bed
        .agent("inside", &[&pair.path(), &to])
        .with_root()
        .spawn();
    agent.wait_for("entered").await;
    let caught = accept(&bed.weir).await;
    let began = std::time::Instant::now();
    for _ in 0..1000 {
        drop(
            caught
                .namespace
                .connect(target.address)
                .await
                .expect("a connection"),
        );
    }
    println!("a connection from inside: {:?}", began.elapsed() / 1000);
    agent.kill().await;
}
