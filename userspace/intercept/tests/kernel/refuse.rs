//! What may not leave is refused where it is tried, and told.

use std::{net::SocketAddr, time::Duration};

use aya::maps::{Array, Map, MapData};
use tokio::time::timeout;
use weir_abi::{SETTINGS_INDEX, Settings};
use weir_intercept::{Hook, Reason};

use crate::{
    SOON,
    bed::{Bed, Workload},
    child::{Agent, NOBODY},
    serve::Target,
};

/// A datagram somewhere, by this task, is refused and told.
async fn refused(task: &str, to: &str, hook: Hook, destination: &str) {
    let mut bed = Bed::new();
    let agent = bed.agent(task, &[to]);
    let (report, refusal) = bed.refused(agent).await;
    assert_eq!(report.get("ask"), "EPERM");
    assert_eq!((refusal.hook, refusal.reason), (hook, Reason::Protocol));
    assert_eq!(
        refusal.destination,
        Some(destination.parse().expect("an address"))
    );
    assert_eq!((refusal.protocol, refusal.kind), (17, 2));
    assert_eq!(refusal.facts.pid.map(|pid| pid.get()), Some(report.pid));
    assert_eq!(refusal.facts.uid.get(), NOBODY);
    assert_eq!(refusal.facts.workload, bed.id);
    assert_eq!(refusal.lost, 0);
}

#[tokio::test]
async fn a_datagram_over_ipv4_is_refused() {
    refused(
        "ask",
        "127.77.0.1:4433",
        Hook::SendMessage,
        "127.77.0.1:4433",
    )
    .await;
}

#[tokio::test]
async fn a_datagram_over_ipv6_is_refused() {
    refused(
        "ask",
        "[2001:db8::1]:4433",
        Hook::SendMessage,
        "[2001:db8::1]:4433",
    )
    .await;
}

#[tokio::test]
async fn a_datagram_to_a_mapped_address_is_refused() {
    refused(
        "ask",
        "[::ffff:127.77.0.1]:4433",
        Hook::SendMessage,
        "127.77.0.1:4433",
    )
    .await;
}

#[tokio::test]
async fn a_connected_datagram_socket_is_refused() {
    refused(
        "ask-connected",
        "127.77.0.1:4433",
        Hook::Connect,
        "127.77.0.1:4433",
    )
    .await;
}

/// A socket of this kind can't be made, even by root.
async fn no_socket(domain: i32, kind: i32, protocol: i32, told: u16) {
    let mut bed = Bed::new();
    let args = [domain.to_string(), kind.to_string(), protocol.to_string()];
    let args = args.each_ref().map(String::as_str);
    let agent = bed.agent("socket", &args).with_root();
    let (report, refusal) = bed.refused(agent).await;
    assert_eq!(report.get("socket"), "EPERM");
    assert_eq!(
        (refusal.hook, refusal.reason),
        (Hook::SocketCreate, Reason::Protocol)
    );
    assert_eq!(refusal.protocol, told);
    assert_eq!(refusal.destination, None);
}

#[tokio::test]
async fn raw_sockets_are_refused() {
    no_socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_RAW, 255).await;
    no_socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_TCP, 6).await;
    no_socket(libc::AF_INET6, libc::SOCK_RAW, libc::IPPROTO_UDP, 17).await;
}

#[tokio::test]
async fn ping_sockets_are_refused() {
    // Where ping_group_range lets an agent have one, that is; by default the kernel does not.
    for (domain, protocol) in [
        (libc::AF_INET, libc::IPPROTO_ICMP),
        (libc::AF_INET6, libc::IPPROTO_ICMPV6),
    ] {
        let mut bed = Bed::new();
        let args = [domain.to_string(), protocol.to_string()];
        let args = args.each_ref().map(String::as_str);
        let free = Agent::new("ping", &args).with_root().report().await;
        assert_eq!(free.get("socket"), "OK", "nothing else stops it");
        let agent = bed.agent("ping", &args).with_root();
        let (report, refusal) = bed.refused(agent).await;
        assert_eq!(report.get("socket"), "EPERM");
        assert_eq!(refusal.hook, Hook::SocketCreate);
        assert_eq!(i32::from(refusal.protocol), protocol);
    }
}

/// Protocols that a kernel may lack: refused by it or by weir, never had. Told where weir refused.
async fn no_socket_if_known(domain: i32, kind: i32, protocol: i32, told: u16) {
    let mut bed = Bed::new();
    let args = [domain.to_string(), kind.to_string(), protocol.to_string()];
    let args = args.each_ref().map(String::as_str);
    let free = Agent::new("socket", &args).with_root().report().await;
    if free.get("socket") != "OK" {
        eprintln!(
            "this kernel has no protocol {protocol}: {}",
            free.get("socket")
        );
        let governed = bed.agent("socket", &args).with_root().report().await;
        assert_ne!(governed.get("socket"), "OK");
        return;
    }
    let agent = bed.agent("socket", &args).with_root();
    let (report, refusal) = bed.refused(agent).await;
    assert_eq!(report.get("socket"), "EPERM");
    assert_eq!((refusal.hook, refusal.protocol), (Hook::SocketCreate, told));
}

#[tokio::test]
async fn multipath_tcp_is_refused() {
    no_socket_if_known(libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_MPTCP, 262).await;
    no_socket_if_known(libc::AF_INET6, libc::SOCK_STREAM, libc::IPPROTO_MPTCP, 262).await;
}

#[tokio::test]
async fn sctp_and_udplite_are_refused() {
    no_socket_if_known(libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_SCTP, 132).await;
    no_socket_if_known(libc::AF_INET, libc::SOCK_DGRAM, libc::IPPROTO_UDPLITE, 136).await;
}

#[tokio::test]
async fn tcp_and_udp_sockets_can_be_made() {
    let bed = Bed::new();
    for domain in [libc::AF_INET, libc::AF_INET6] {
        for (kind, protocol) in [
            (libc::SOCK_STREAM, 0),
            (libc::SOCK_STREAM, libc::IPPROTO_TCP),
            (libc::SOCK_DGRAM, 0),
            (libc::SOCK_DGRAM, libc::IPPROTO_UDP),
        ] {
            let args = [domain.to_string(), kind.to_string(), protocol.to_string()];
            let args = args.each_ref().map(String::as_str);
            let report = bed.agent("socket", &args).report().await;
            assert_eq!(report.get("socket"), "OK", "{args:?}");
        }
    }
}

#[tokio::test]
async fn the_engines_port_can_be_neither_dialled_nor_bound() {
    let mut bed = Bed::new();
    for (task, said, hook) in [
        ("connect", "connect", Hook::Connect),
        ("bind", "bind", Hook::Bind),
    ] {
        for ip in [
            "127.0.0.1",
            "[::1]",
            "0.0.0.0",
            "[::]",
            "127.3.3.3",
            "[::ffff:127.0.0.1]",
        ] {
            let address = format!("{ip}:{}", bed.weir.status().port);
            let agent = bed.agent(task, &[&address]);
            let (report, refusal) = bed.refused(agent).await;
            assert_eq!(report.get(said), "EPERM", "{task} {ip}");
            assert_eq!(
                (refusal.hook, refusal.reason),
                (hook, Reason::EnginePort),
                "{task} {ip}"
            );
        }
    }
    assert_eq!(
        bed.agent("bind", &["127.77.0.4:0"])
            .report()
            .await
            .get("bind"),
        "OK"
    );
}

#[tokio::test]
async fn a_listening_agent_answers_nobody() {
    let mut bed = Bed::new();
    let mut agent = bed.agent("listen", &["127.77.0.5:0"]).spawn();
    let address: SocketAddr = agent
        .wait_for("listening")
        .await
        .parse()
        .expect("an address");
    let dialled = timeout(
        Duration::from_millis(600),
        tokio::net::TcpStream::connect(address),
    )
    .await;
    assert!(
        !matches!(dialled, Ok(Ok(_))),
        "nobody outside may reach a workload's listener"
    );
    let refusal = timeout(SOON, bed.refusals.next())
        .await
        .expect("told")
        .expect("one");
    assert_eq!(
        (refusal.hook, refusal.reason),
        (Hook::Egress, Reason::Inbound)
    );
    assert_eq!(refusal.facts.workload, bed.id);
    assert_eq!((refusal.protocol, refusal.facts.pid), (6, None));
    let again = timeout(Duration::from_millis(300), bed.refusals.next()).await;
    assert!(
        again.is_err(),
        "a retransmission within the second is not told again"
    );
    assert_eq!(agent.report().await.get("reached"), "EAGAIN");
}

#[tokio::test]
async fn a_socket_that_was_handed_out_is_refused() {
    let mut bed = Bed::new();
    let outside = Workload::new();
    let target = Target::new("127.77.0.6").await;
    let path = outside.0.path().to_str().expect("text").to_owned();
    let agent = bed
        .agent("handed", &[&path, &target.address.to_string()])
        .with_root();
    let (report, refusal) = bed.refused(agent).await;
    assert_eq!(report.get("connect"), "EPERM");
    assert_eq!(
        (refusal.hook, refusal.reason),
        (Hook::Connect, Reason::HandedOut)
    );
    assert_eq!(refusal.facts.workload.get(), 0);
    assert_eq!(refusal.facts.cgroup, outside.0.id().expect("an id"));
    assert_eq!(target.reached(), 0);
}

#[tokio::test]
async fn refusals_that_nobody_reads_are_counted() {
    const TRIED: u64 = 5000;
    let mut bed = Bed::new();
    let report = bed
        .agent("flood", &[&TRIED.to_string(), "127.77.0.8:9"])
        .report()
        .await;
    assert_eq!(
        report.get("refused"),
        TRIED.to_string(),
        "each is refused, told or not"
    );
    let (mut told, mut lost) = (0, 0);
    while let Ok(refusal) = timeout(Duration::from_millis(200), bed.refusals.next()).await {
        told += 1;
        lost += refusal.expect("one").lost;
    }
    assert!(told > 0 && lost > 0, "{told} told, {lost} lost");
    assert_eq!(told + lost, TRIED);
}

#[tokio::test]
async fn before_an_engine_has_listened_everything_is_refused() {
    let mut bed = Bed::new();
    let data = MapData::from_pin(bed.pins.0.join("engine/maps/SETTINGS")).expect("a pin");
    let map = Map::from_map_data(data).expect("a map");
    let mut settings = Array::<_, Settings>::try_from(map).expect("an array");
    settings
        .set(SETTINGS_INDEX, Settings::default(), 0)
        .expect("to write");
    let agent = bed.agent("connect", &["127.77.0.7:80"]);
    let (report, refusal) = bed.refused(agent).await;
    assert_eq!(report.get("connect"), "EPERM");
    assert_eq!(
        (refusal.hook, refusal.reason),
        (Hook::Connect, Reason::NoEngine)
    );
}

#[tokio::test]
async fn another_network_namespace_is_refused() {
    let mut bed = Bed::new();
    let agent = bed.agent("foreign", &["127.77.0.7:80"]).with_root();
    let (report, refusal) = bed.refused(agent).await;
    assert_eq!(report.get("loopback"), "OK");
    assert_eq!(report.get("connect"), "EPERM");
    assert_eq!(
        (refusal.hook, refusal.reason),
        (Hook::Connect, Reason::ForeignNamespace)
    );
}
