//! A listening workload: whom it may answer, and what does not pass under the name of an answer.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use tokio::time::timeout;
use weir_intercept::{Hook, Inbound, InboundFrom, Reason, Rules};

use crate::{
    SOON,
    bed::{Bed, Ground},
    child::{Agent, Running},
    serve::{Target, while_serving},
};

fn answering(port: u16, from: InboundFrom) -> Rules {
    Rules {
        inbound: vec![Inbound { port, from }],
        ..Rules::default()
    }
}

/// A port that no other test of this process, and hardly of another, listens at.
fn port(number: u16) -> u16 {
    20_000 + number * 50 + u16::try_from(std::process::id() % 50).expect("small")
}

/// Sends a mebibyte and reads it back.
fn exchange(at: SocketAddr) -> std::io::Result<()> {
    const LENGTH: usize = 1 << 20;
    let mut stream = TcpStream::connect_timeout(&at, Duration::from_millis(700))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut writer = stream.try_clone()?;
    let writing = std::thread::spawn(move || writer.write_all(&vec![7; LENGTH]));
    let mut back = vec![0; LENGTH];
    stream.read_exact(&mut back)?;
    writing.join().expect("no panic")
}

async fn exchanged(at: SocketAddr) -> std::io::Result<()> {
    tokio::task::spawn_blocking(move || exchange(at))
        .await
        .expect("no panic")
}

/// The same, in the network namespace that this thread of the agent is in.
async fn exchanged_at(agent: &Running, thread: &str, at: SocketAddr) -> std::io::Result<()> {
    let namespace = format!("/proc/{}/task/{thread}/ns/net", agent.pid());
    let namespace = File::open(namespace).expect("a namespace");
    let there = std::thread::spawn(move || {
        nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWNET)?;
        exchange(at)
    });
    tokio::task::spawn_blocking(move || there.join().expect("no panic"))
        .await
        .expect("no panic")
}

async fn refused_inbound(bed: &mut Bed) {
    let refusal = timeout(SOON, bed.refusals.next())
        .await
        .expect("told")
        .expect("one");
    assert_eq!(
        (refusal.hook, refusal.reason),
        (Hook::Egress, Reason::Inbound),
        "{refusal:?}"
    );
    assert_eq!(refusal.facts.workload, bed.id);
}

#[tokio::test]
async fn a_declared_port_is_answered_at_and_no_other() {
    let declared = port(1);
    let mut bed = Bed::with_rules(&answering(declared, InboundFrom::Loopback));
    for ip in ["127.0.0.1", "127.77.9.1", "[::1]"] {
        let at = format!("{ip}:{declared}");
        let mut agent = bed.agent("echo", &[&at]).spawn();
        agent.wait_for("listening").await;
        let at = at.parse().expect("an address");
        exchanged(at).await.unwrap_or_else(|e| panic!("{at}: {e}"));
        drop(agent.report().await);
    }
    let beside: SocketAddr = format!("127.0.0.1:{}", declared + 1)
        .parse()
        .expect("an address");
    let mut agent = bed.agent("echo", &[&beside.to_string()]).spawn();
    agent.wait_for("listening").await;
    assert!(exchanged(beside).await.is_err());
    refused_inbound(&mut bed).await;
    drop(agent.report().await);
}

#[tokio::test]
async fn from_loopback_is_not_from_everywhere() {
    let declared = port(2);
    let outside: SocketAddr = format!("192.0.2.77:{declared}")
        .parse()
        .expect("an address");
    for (from, passes) in [
        (InboundFrom::Loopback, false),
        (InboundFrom::Anywhere, true),
    ] {
        let mut bed = Bed::with_rules(&answering(declared, from));
        let any = format!("0.0.0.0:{declared}");
        let agent = bed.agent("echo-apart", &[&any, "192.0.2.77/32"]);
        let mut agent = agent.with_root().spawn();
        let thread = agent.wait_for("thread").await;
        agent.wait_for("listening").await;
        let loopback = format!("127.0.0.1:{declared}").parse().expect("an address");
        exchanged_at(&agent, &thread, loopback)
            .await
            .expect("loopback");
        let exchanged = exchanged_at(&agent, &thread, outside).await;
        assert_eq!(exchanged.is_ok(), passes, "{from:?}: {exchanged:?}");
        if !passes {
            refused_inbound(&mut bed).await;
        }
        drop(agent.report().await);
    }
}

#[tokio::test]
async fn dialling_out_from_a_declared_port_ends_at_the_engine() {
    let declared = port(3);
    let target = Target::new("127.77.9.2").await;
    let bed = Bed::with_rules(&answering(declared, InboundFrom::Anywhere));
    let (from, to) = (format!("127.0.0.1:{declared}"), target.address.to_string());
    let (report, caught) = bed.run("from", &[&from, &to]).await;
    assert_eq!(report.get("answer"), format!("weir {to}"));
    assert_eq!(caught.len(), 1);
    assert_eq!(target.reached(), 0);
}

#[tokio::test]
async fn no_datagram_leaves_from_a_declared_port() {
    let declared = port(4);
    let mut bed = Bed::with_rules(&answering(declared, InboundFrom::Anywhere));
    let from = format!("127.0.0.1:{declared}");
    let agent = bed.agent("datagram-from", &[&from, "127.77.9.3:9"]);
    let (report, refusal) = bed.refused(agent).await;
    assert_eq!(report.get("sent"), "EPERM");
    assert_eq!(refusal.hook, Hook::SendMessage);
}

#[tokio::test]
async fn a_connection_dialled_from_a_declared_port_before_the_tag_is_no_answer() {
    let declared = port(5);
    let ground = Ground::new();
    let target = Target::new("127.77.9.4").await;
    let from = format!("127.0.0.1:{declared}");
    let mut agent = Agent::new("early", &[&from, &target.address.to_string()])
        .within(&ground.workload.0)
        .spawn();
    agent.wait_for("connected").await;
    let weir = ground.start("engine").expect("an engine");
    weir.tag(
        &ground.workload.0,
        &answering(declared, InboundFrom::Anywhere),
    )
    .expect("a tag");
    let report = agent.report().await;
    assert_eq!(report.get("heard"), "EAGAIN", "its words never arrived");
    let mut refusals = weir.take_refusals().expect("nobody took them");
    let refusal = timeout(SOON, refusals.next()).await.expect("told");
    assert_eq!(refusal.expect("one").reason, Reason::Protocol);
}

#[tokio::test]
async fn a_port_that_is_no_longer_declared_is_shut_to_those_it_answered() {
    let declared = port(6);
    let bed = Bed::with_rules(&answering(declared, InboundFrom::Anywhere));
    let at = format!("127.0.0.1:{declared}");
    let mut agent = bed.agent("echo", &[&at]).spawn();
    agent.wait_for("listening").await;
    let mut client = TcpStream::connect(&at).expect("it answers");
    client
        .set_read_timeout(Some(Duration::from_millis(500)))
        .expect("a time-out");
    client.write_all(b"one").expect("to write");
    client.read_exact(&mut [0; 3]).expect("an answer");
    let again = bed.weir.tag(&bed.workload.0, &Rules::default());
    assert_eq!(again.expect("a tag"), bed.id);
    client.write_all(b"two").expect("to write");
    assert!(client.read_exact(&mut [0; 3]).is_err(), "no answer passes");
    drop(agent.report().await);
}

#[tokio::test]
async fn a_workload_with_a_port_of_its_own_dials_as_any_other() {
    let bed = Bed::with_rules(&answering(port(7), InboundFrom::Anywhere));
    let agent = bed.agent("connect", &["127.77.9.5:80"]);
    let (report, caught) = while_serving(&bed.weir, agent.report()).await;
    assert_eq!(report.get("answer"), "weir 127.77.9.5:80");
    assert_eq!(caught.len(), 1);
}
