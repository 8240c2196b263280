//! Sockets that are not the workload's own, and ports that are not anybody's: what the programs on the
//! root see to.

use std::{net::SocketAddr, time::Duration};

use tokio::time::timeout;
use weir_intercept::{AcceptError, Hook, Reason, Rules};

use crate::{
    SOON,
    bed::{Bed, Ground, Workload},
    child::Agent,
    serve::{Target, while_serving},
};

/// An agent that makes its socket outside and takes it into the workload.
fn joining(bed: &Bed, to: &str) -> Agent {
    let path = bed.workload.0.path().to_str().expect("text").to_owned();
    Agent::new("handed", &[&path, to]).with_root()
}

#[tokio::test]
async fn a_socket_made_before_joining_is_refused_once() {
    let mut bed = Bed::new();
    let target = Target::new("127.77.8.1").await;
    let mapped = format!("[::ffff:127.77.8.1]:{}", target.address.port());
    let v4 = target.address.to_string();
    for (to, destination) in [
        (v4.as_str(), v4.as_str()),
        (&mapped, &v4),
        ("[2001:db8::8]:80", "[2001:db8::8]:80"),
        ("0.0.0.0:80", "127.0.0.1:80"),
    ] {
        let agent = joining(&bed, to);
        let (report, refusal) = bed.refused(agent).await;
        assert_eq!(report.get("connect"), "EPERM", "{to}");
        assert_eq!(
            (refusal.hook, refusal.reason),
            (Hook::Connect, Reason::HandedIn),
            "{to}"
        );
        assert_eq!(
            refusal.destination,
            Some(destination.parse().expect("an address"))
        );
        assert_eq!(refusal.facts.workload, bed.id);
        assert_eq!(refusal.facts.pid.map(|pid| pid.get()), Some(report.pid));
    }
    assert_eq!(target.reached(), 0);
    let more = timeout(Duration::from_millis(100), bed.refusals.next()).await;
    assert!(more.is_err(), "each was told once: {more:?}");
}

#[tokio::test]
async fn a_foreign_socket_that_dials_the_engine_itself_is_dropped() {
    let bed = Bed::new();
    let to = format!("127.0.0.1:{}", bed.weir.status().port);
    let (report, accepted) = tokio::join!(joining(&bed, &to).report(), bed.weir.accept());
    assert!(
        matches!(accepted, Err(AcceptError::Unattributed { .. })),
        "{accepted:?}"
    );
    assert!(report.get("connect") != "OK" || report.get("answer").is_empty());
}

#[tokio::test]
async fn engines_side_by_side_each_rule_their_own() {
    let mut bed = Bed::new();
    let ground = Ground::new();
    let other = ground.start("other").expect("an engine");
    let other_id = other
        .tag(&ground.workload.0, &Rules::default())
        .expect("a tag");
    let to = "127.77.8.2:80";
    let (report, _) = bed.run("connect", &[to]).await;
    assert_eq!(report.get("answer"), format!("weir {to}"));
    let agent = Agent::new("connect", &[to]).within(&ground.workload.0);
    let (report, caught) = while_serving(&other, agent.report()).await;
    assert_eq!(report.get("answer"), format!("weir {to}"));
    assert_eq!(caught[0].origin.workload, other_id);
    let agent = joining(&bed, to);
    let (report, refusal) = bed.refused(agent).await;
    assert_eq!(report.get("connect"), "EPERM");
    assert_eq!(refusal.reason, Reason::HandedIn);
    let told = timeout(Duration::from_millis(100), async {
        other
            .take_refusals()
            .expect("nobody took them")
            .next()
            .await
    });
    assert!(told.await.is_err(), "it is none of the other's business");
}

#[tokio::test]
async fn nobody_stands_at_the_engines_port_alive_or_dead() {
    let ground = Ground::new();
    let weir = ground.start("engine").expect("an engine");
    let port = weir.status().port;
    let bind = async |ip: &str| {
        let at = format!("{ip}:{port}");
        let mut said = Vec::new();
        for task in ["bind", "bind-datagram"] {
            let report = Agent::new(task, &[&at]).report().await;
            said.push(report.get("bind").to_owned());
        }
        said
    };
    const PLACES: [&str; 4] = ["127.0.0.1", "127.77.8.3", "[::1]", "[::]"];
    for ip in PLACES {
        assert_eq!(bind(ip).await, ["EPERM", "EPERM"], "alive, {ip}");
    }
    drop(weir);
    for ip in PLACES {
        assert_eq!(bind(ip).await, ["EPERM", "EPERM"], "dead, {ip}");
    }
    let next = format!("127.0.0.1:{}", port + 1);
    let report = Agent::new("bind-datagram", &[&next]).report().await;
    assert_ne!(report.get("bind"), "EPERM", "another port is nobody's");
    weir_intercept::uninstall(&ground.pins.0.join("engine")).expect("to uninstall");
    for ip in PLACES {
        assert_eq!(bind(ip).await, ["OK", "OK"], "lifted, {ip}");
    }
}

#[tokio::test]
async fn the_port_is_none_that_the_kernel_gives_away() {
    let bed = Bed::new();
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").expect("a range");
    let range: Vec<u16> = range
        .split_whitespace()
        .map(|number| number.parse().expect("a number"))
        .collect();
    let port = bed.weir.status().port;
    assert!(port < range[0] || port > range[1], "{port} of {range:?}");
}

#[tokio::test]
async fn a_port_that_is_left_to_the_kernel_to_choose_is_looked_at_too() {
    let mut bed = Bed::new();
    let port = bed.weir.status().port.to_string();
    loop {
        let report = bed.agent("left-with", &[&port]).with_root().report().await;
        let said =
            ["stream-v4", "stream-v6", "datagram-v4", "datagram-v6"].map(|of| report.get(of));
        assert!(!said.contains(&"OK"), "{said:?}");
        if said == ["EPERM"; 4] {
            break;
        }
        // The engine found the agent's new namespace first and listens there itself: then there is
        // nothing to look at.
        assert!(said.contains(&"EADDRINUSE"), "{said:?}");
    }
    let refusal = timeout(SOON, bed.refusals.next()).await;
    let refusal = refusal.expect("no refusal was told").expect("a refusal");
    assert_eq!(
        (refusal.hook, refusal.reason),
        (Hook::Bind, Reason::EnginePort)
    );
    let free = Agent::new("left-with", &[&port]).with_root().report().await;
    assert_eq!(free.get("stream-v4"), "OK", "it is there to be had");
}

#[tokio::test]
async fn what_a_dead_engine_pinned_on_the_root_goes_with_its_last_cgroup() {
    let ground = Ground::new();
    let second = Workload::new();
    let dead = ground.start("dead").expect("an engine");
    for workload in [&ground.workload, &second] {
        dead.tag(&workload.0, &Rules::default()).expect("a tag");
    }
    drop(dead);
    let heir = ground.start("heir").expect("an engine");
    let to: SocketAddr = "127.77.8.4:80".parse().expect("an address");
    for (workload, stays) in [(&ground.workload, true), (&second, false)] {
        heir.tag(&workload.0, &Rules::default()).expect("a tag");
        let agent = Agent::new("connect", &[&to.to_string()]).within(&workload.0);
        let served = timeout(SOON, while_serving(&heir, agent.report()));
        let (report, _) = served.await.expect("an answer");
        assert_eq!(report.get("answer"), format!("weir {to}"));
        assert_eq!(ground.pins.0.join("dead").exists(), stays);
    }
}
