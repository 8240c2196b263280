//! TCP: every way to open a connection ends at the engine, with the right destination and caller.

use std::{net::SocketAddr, time::SystemTime};

use weir_abi::{ConnectFacts, FlowKey};
use weir_intercept::{AcceptError, Hook, Reason, Uid};

use crate::{
    SOON,
    bed::Bed,
    child::{Agent, NOBODY, Report},
    serve::{Caught, Target, while_serving},
};

/// An address of the documentation range (RFC 3849): no host has it, and no packet to it is sent.
const V6: &str = "[2001:db8::77]:5432";
const V4: &str = "127.77.0.1:5432";
const MAPPED: &str = "[::ffff:127.77.0.1]:5432";

/// The one connection, right in every fact, with `shown` as the peer that the agent sees.
fn right(bed: &Bed, report: &Report, caught: &[Caught], destination: &str, shown: &str) {
    assert_eq!(report.get("connect"), "OK");
    assert_eq!(report.get("answer"), format!("weir {destination}"));
    assert_eq!(report.get("peer"), shown);
    let [caught] = caught else {
        panic!("one connection, not {caught:?}")
    };
    assert_eq!(
        caught.orig_dst,
        destination.parse::<SocketAddr>().expect("an address")
    );
    assert_eq!(caught.cookie.to_string(), report.get("cookie"));
    assert!(
        caught
            .claim
            .starts_with(&format!("{} {} ", report.pid, caught.cookie))
    );
    assert_eq!(caught.origin.pid.get(), report.pid);
    assert_eq!(caught.origin.uid, Uid::new(NOBODY));
    assert_eq!(caught.origin.gid.get(), NOBODY);
    assert_eq!(caught.origin.workload, bed.id);
}

#[tokio::test]
async fn ipv4_is_redirected_and_attributed() {
    let bed = Bed::new();
    let (report, caught) = bed.run("connect", &[V4]).await;
    right(&bed, &report, &caught, V4, V4);
    let origin = &caught[0].origin;
    assert_eq!(origin.exe, std::env::current_exe().ok());
    assert_eq!(origin.comm, report.get("comm"));
    assert_eq!(origin.cgroup, bed.workload.0.inner_path().ok());
    let age = SystemTime::now().duration_since(origin.started.expect("a start"));
    assert!(age.expect("in the past") < SOON);
}

#[tokio::test]
async fn ipv6_is_redirected_and_attributed() {
    let bed = Bed::new();
    let (report, caught) = bed.run("connect", &[V6]).await;
    right(&bed, &report, &caught, V6, V6);
}

#[tokio::test]
async fn a_mapped_address_is_its_ipv4_destination() {
    let bed = Bed::new();
    let (report, caught) = bed.run("connect", &[MAPPED]).await;
    right(&bed, &report, &caught, V4, MAPPED);
}

#[tokio::test]
async fn unspecified_addresses_are_this_host() {
    let bed = Bed::new();
    for (asked, meant) in [
        ("0.0.0.0:5432", "127.0.0.1:5432"),
        ("[::]:5432", "[::1]:5432"),
        ("[::ffff:0.0.0.0]:5432", "127.0.0.1:5432"),
    ] {
        let (report, caught) = bed.run("connect", &[asked]).await;
        assert_eq!(report.get("answer"), format!("weir {meant}"), "{asked}");
        assert_eq!(caught[0].orig_dst.to_string(), meant, "{asked}");
    }
}

#[tokio::test]
async fn a_nonblocking_connect_is_redirected() {
    let bed = Bed::new();
    let (report, caught) = bed.run("nonblocking", &[V4]).await;
    assert_eq!(report.get("begun"), "EINPROGRESS");
    assert_eq!(report.get("ended"), "OK");
    right(&bed, &report, &caught, V4, V4);
}

#[tokio::test]
async fn fast_open_is_redirected() {
    let bed = Bed::new();
    for to in [V4, V6] {
        let (report, caught) = bed.run("fastopen", &[to]).await;
        assert_eq!(report.get("sent"), "OK");
        assert_eq!(report.get("answer"), format!("weir {to}"));
        assert_eq!(caught[0].orig_dst.to_string(), to);
        assert_eq!(caught[0].origin.pid.get(), report.pid);
    }
}

#[tokio::test]
async fn a_socket_used_again_carries_the_new_facts() {
    let bed = Bed::new();
    let second = "127.77.0.2:6543";
    let (report, caught) = bed.run("reconnect", &[V4, second]).await;
    assert_eq!(report.get("first"), format!("weir {V4}"));
    assert_eq!(report.get("answer"), format!("weir {second}"));
    assert_eq!(report.get("peer"), second);
    let seen: Vec<String> = caught
        .iter()
        .map(|caught| caught.orig_dst.to_string())
        .collect();
    assert_eq!(seen, [V4, second]);
}

#[tokio::test]
async fn a_chosen_source_address_changes_nothing() {
    let bed = Bed::new();
    for (source, to) in [
        ("127.5.6.7:0", V4),
        ("[::1]:0", V6),
        ("[::ffff:127.5.6.7]:0", MAPPED),
    ] {
        let (report, caught) = bed.run("from", &[source, to]).await;
        assert_eq!(report.get("connect"), "OK", "from {source}");
        assert_eq!(caught.len(), 1, "from {source}");
    }
}

#[tokio::test]
async fn a_device_bound_to_is_let_go_of() {
    let bed = Bed::new();
    let device = another_device();
    let agent = bed.agent("device", &[&device, V4]).with_root();
    let (report, caught) = while_serving(&bed.weir, agent.report()).await;
    assert_eq!(report.get("connect"), "OK", "bound to {device}");
    assert_eq!(caught[0].orig_dst.to_string(), V4);
}

#[tokio::test]
async fn binding_to_a_device_without_the_right_to_let_go_is_refused() {
    let mut bed = Bed::new();
    let agent = bed.agent("device", &[&another_device(), V4]);
    let (report, refusal) = bed.refused(agent).await;
    assert_eq!(report.get("connect"), "EPERM");
    assert_eq!(
        (refusal.hook, refusal.reason),
        (Hook::Connect, Reason::BoundToDevice)
    );
}

/// Any network device but loopback. A host without one can't be bound away from it.
fn another_device() -> String {
    std::fs::read_dir("/sys/class/net")
        .expect("devices")
        .filter_map(|entry| entry.expect("a device").file_name().into_string().ok())
        .find(|name| name != "lo" && std::path::Path::new("/sys/class/net").join(name).is_dir())
        .expect("this test needs a network device beside lo")
}

#[tokio::test]
async fn a_source_route_leads_nowhere() {
    let mut bed = Bed::new();
    let target = Target::new("127.77.0.9").await;
    let to = target.address.to_string();
    let agent = bed.agent("routed", &["127.77.0.9:1", &to]).with_root();
    let (report, refusal) = bed.refused(agent).await;
    assert_ne!(report.get("connect"), "OK");
    assert_eq!((refusal.hook, refusal.destination), (Hook::Egress, None));
    assert_eq!(target.reached(), 0);
}

#[tokio::test]
async fn a_segment_route_leads_nowhere() {
    let mut bed = Bed::new();
    // No right is needed to ask for one, and it names the next hop beside the destination.
    let agent = bed.agent("segments", &["[::1]:1", V6]);
    let (report, refusal) = bed.refused(agent).await;
    assert_ne!(report.get("connect"), "OK");
    assert_eq!((refusal.hook, refusal.protocol), (Hook::Egress, 43));
}

/// Handshakes that never go on are cheap: their sockets need only never send (`TCP_REPAIR`).
#[tokio::test]
async fn a_full_table_of_handshakes_keeps_nobody_from_being_known() {
    let bed = Bed::new();
    let mut flows = crate::restart::flows(&bed.pins.0.join("engine"));
    // SAFETY: integers only; all zero is a value.
    let (mut key, facts): (FlowKey, ConnectFacts) = unsafe { std::mem::zeroed() };
    for number in 0..weir_abi::maps::MAX_FLOWS + 1000 {
        key.netns = u64::MAX - number as u64;
        flows.insert(key, facts, 0).expect("room");
    }
    let (report, caught) = bed.run("many", &["200", V4]).await;
    assert_eq!(caught.len(), 200, "{report:?}");
    for one in &caught {
        assert_eq!(one.orig_dst, V4.parse().expect("an address"));
    }
}

#[tokio::test]
async fn descendants_are_governed() {
    let bed = Bed::new();
    let leaf = bed.workload.below("a").path().join("b/c");
    let leaf = weir_intercept::cgroup::Cgroup::resolve(leaf).expect("a path");
    leaf.create().expect("a cgroup");
    let agent = Agent::new("connect", &[V4]).within(&leaf);
    let (report, caught) = while_serving(&bed.weir, agent.report()).await;
    right(&bed, &report, &caught, V4, V4);
    assert_eq!(caught[0].origin.cgroup, leaf.inner_path().ok());
}

#[tokio::test]
async fn others_are_left_alone() {
    let bed = Bed::new();
    let target = Target::new("127.77.0.3").await;
    let report = Agent::new("connect", &[&target.address.to_string()])
        .report()
        .await;
    assert_eq!(report.get("answer"), "target");
    // The same address, from behind the weir.
    let (report, _) = bed.run("connect", &[&target.address.to_string()]).await;
    assert_eq!(report.get("answer"), format!("weir {}", target.address));
    assert_eq!(target.reached(), 1);
}

#[tokio::test]
async fn who_dials_the_engine_directly_is_dropped() {
    let bed = Bed::new();
    for ip in ["127.0.0.1", "[::1]"] {
        let address = format!("{ip}:{}", bed.weir.status().port);
        let (report, accepted) = tokio::join!(
            Agent::new("connect", &[&address]).report(),
            bed.weir.accept()
        );
        assert!(
            matches!(accepted, Err(AcceptError::Unattributed { .. })),
            "{accepted:?}"
        );
        assert!(!matches!(report.get("connect"), "OK") || report.get("answer").is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_at_once_are_each_attributed_right() {
    const AGENTS: usize = 8;
    const EACH: usize = 250;
    let bed = Bed::new();
    let destinations: Vec<String> = (0..97)
        .map(|index| match index % 3 {
            0 => format!("127.77.1.{index}:{}", 1000 + index),
            1 => format!("[2001:db8::{index}]:{}", 2000 + index),
            _ => format!("127.77.2.1:{}", 3000 + index),
        })
        .collect();
    let mut args: Vec<&str> = destinations.iter().map(String::as_str).collect();
    let each = EACH.to_string();
    args.insert(0, &each);
    let agents: Vec<_> = (0..AGENTS)
        .map(|_| bed.agent("many", &args).spawn())
        .collect();
    let all = async {
        let mut reports = Vec::new();
        for agent in agents {
            reports.push(agent.report().await);
        }
        reports
    };
    let (reports, caught) = while_serving(&bed.weir, all).await;
    for report in &reports {
        assert_eq!(report.get("wrong"), "0", "{report:?}");
        assert_eq!(report.get("right"), each);
    }
    assert_eq!(caught.len(), AGENTS * EACH);
    for one in &caught {
        let seen = format!("{} {} {}", one.origin.pid, one.cookie, one.orig_dst);
        assert_eq!(
            one.claim, seen,
            "what the agent knows against what the kernel noted"
        );
    }
    crate::restart::no_flows_left(&bed.pins.0.join("engine"));
}
