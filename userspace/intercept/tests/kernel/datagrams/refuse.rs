//! What is not declared, or not any more, gets nowhere.

use std::collections::BTreeSet;

use aya::maps::{HashMap, Map, MapData};
use tokio::net::UdpSocket;
use weir_abi::DatagramTargetKey;
use weir_intercept::{CgroupId, Hook, InterceptError, Reason, Rules};

use super::{MAPPED, OTHER, V4, V6};
use crate::{
    bed::{Bed, Ground, Workload},
    child::Agent,
    dns::{answer::while_answering, refuse::counted},
};

#[tokio::test]
async fn what_is_not_declared_is_refused() {
    let mut bed = Bed::declaring(&[V4]);
    for (family, to) in [
        ("4", OTHER),
        ("4", "192.0.2.44:444"),
        ("4", "192.0.2.45:443"),
        ("6", V6),
        ("6", "[::ffff:192.0.2.45]:443"),
        // The same four bytes, but IPv6.
        ("6", "[::192.0.2.44]:443"),
    ] {
        for (step, hook) in [("sendto", Hook::SendMessage), ("connect", Hook::Connect)] {
            let agent = bed.agent("dns", &[family, &format!("{step}={to}")]);
            let (report, refusal) = bed.refused(agent).await;
            assert_eq!(report.get("1"), "EPERM", "{step} {to}");
            assert_eq!((refusal.hook, refusal.reason), (hook, Reason::Protocol));
        }
    }
}

#[tokio::test]
async fn what_is_declared_for_another_workload_is_refused() {
    let mut bed = Bed::new();
    let other = Workload::new();
    let id = bed.weir.tag(&other.0, &Rules::default()).expect("a tag");
    bed.declare(id, &[V4]);
    let (report, refusal) = bed
        .refused(bed.agent("dns", &["4", &format!("sendto={V4}")]))
        .await;
    assert_eq!(report.get("1"), "EPERM");
    assert_eq!(refusal.reason, Reason::Protocol);
    assert_eq!(refusal.facts.workload, bed.id);
    let agent = Agent::new("dns", &["4", &format!("sendto={V4}"), "recv"]).within(&other.0);
    let (report, asked) = while_answering(&bed.weir, agent.report()).await;
    assert_eq!(report.get("2"), format!("{V4} weir {V4}"));
    assert_eq!(asked[0].facts.workload, id);
}

#[tokio::test]
async fn of_what_is_withdrawn_the_next_is_refused() {
    let mut bed = Bed::declaring(&[V4, V6]);
    for (family, to) in [("4", V4), ("6", V6), ("6", MAPPED)] {
        bed.declare(bed.id, &[to]);
        let connect = format!("connect={to}");
        let send = format!("send={to}");
        let sendto = format!("sendto={to}");
        let steps = [
            family, &connect, &send, "recv", "wait", &send, &sendto, "silence",
        ];
        let mut agent = bed.agent("dns", &steps).spawn();
        let waiting = agent.wait_for("waiting");
        let (_, asked) = while_answering(&bed.weir, waiting).await;
        assert_eq!(asked.len(), 1, "{to}");
        bed.declare(bed.id, &[OTHER]);
        let (report, asked) = while_answering(&bed.weir, agent.report()).await;
        for place in ["5", "6"] {
            assert_eq!(report.get(place), "EPERM", "{to}");
        }
        assert_eq!(report.get("7"), "EAGAIN", "{to}");
        assert!(asked.is_empty());
        let refusal = bed.refusals.next().await.expect("told");
        assert_eq!(
            (refusal.hook, refusal.reason),
            (Hook::Egress, Reason::Protocol)
        );
        let _by_name = bed.refusals.next().await.expect("told");
    }
}

#[tokio::test]
async fn what_held_before_a_workload_was_let_go_does_not_hold_again() {
    let mut bed = Bed::declaring(&[V4]);
    bed.weir.untag(bed.id).expect("it was tagged");
    let undeclared = bed.weir.set_datagram_targets(bed.id, &BTreeSet::new());
    assert!(matches!(undeclared, Err(InterceptError::NotTagged(_))));
    let id = bed.weir.tag(&bed.workload.0, &Rules::default());
    assert_eq!(id.expect("a tag"), bed.id);
    let (report, _) = bed
        .refused(bed.agent("dns", &["4", &format!("sendto={V4}")]))
        .await;
    assert_eq!(report.get("1"), "EPERM");
}

#[tokio::test]
async fn more_than_there_is_room_for_is_an_error() {
    let bed = Bed::declaring(&[V4]);
    let many = (1u16..=4097).map(|port| ([192, 0, 2, 1], port).into());
    let set = bed.weir.set_datagram_targets(bed.id, &many.collect());
    assert!(matches!(set, Err(InterceptError::Rules { .. })), "{set:?}");
    let nobody = CgroupId::new(u64::MAX);
    let set = bed.weir.set_datagram_targets(nobody, &BTreeSet::new());
    assert!(matches!(set, Err(InterceptError::NotTagged(_))), "{set:?}");
}

#[tokio::test]
async fn a_socket_made_outside_sends_nothing() {
    let bed = Bed::declaring(&[V4]);
    let engine = format!("127.0.0.1:{}", bed.weir.status().port);
    let cgroup = bed.workload.0.path().to_str().expect("text").to_owned();
    let agent = Agent::new("dns-joined", &[&cgroup, V4, &engine]).with_root();
    let (report, asked) = while_answering(&bed.weir, agent.report()).await;
    assert_eq!(report.get("1"), "EPERM");
    assert_eq!(report.get("answer"), "EAGAIN", "which does not answer");
    assert!(asked.is_empty());
    counted(&bed, 1).await;
}

/// What was noted of a source stays when its socket is gone.
#[tokio::test]
async fn who_has_the_port_next_is_not_taken_for_the_workload() {
    let bed = Bed::declaring(&[V4]);
    let free = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let at = free.local_addr().expect("an address");
    drop(free);
    let steps = [
        format!("bind={at}"),
        format!("sendto={V4}"),
        "recv".into(),
        "pause".into(),
    ];
    let (report, asked) = bed.script("4", &steps).await;
    assert_eq!((report.get("2"), asked.len()), ("OK", 1));
    let stranger = UdpSocket::bind(at).await.expect("it is free again");
    let engine = ("127.0.0.1", bed.weir.status().port);
    stranger.send_to(b"anything", engine).await.expect("sent");
    counted(&bed, 1).await;
}

#[tokio::test]
async fn an_engine_that_comes_after_keeps_what_is_declared_for_those_that_are_there() {
    let ground = Ground::new();
    let gone = Workload::new();
    let weir = ground.start("engine").expect("an engine");
    let mut ids = Vec::new();
    for workload in [&ground.workload, &gone] {
        let id = weir.tag(&workload.0, &Rules::default()).expect("a tag");
        let target = V4.parse().expect("an address");
        weir.set_datagram_targets(id, &[target].into())
            .expect("there is room");
        ids.push(id.get());
    }
    let declared = || -> Vec<u64> {
        let pin = ground.pins.0.join("engine/maps/DATAGRAM_TARGETS");
        let map = Map::from_map_data(MapData::from_pin(pin).expect("a pin"));
        let map = HashMap::<_, DatagramTargetKey, u8>::try_from(map.expect("a map"));
        let map = map.expect("a hash");
        map.keys().map(|key| key.expect("a key").workload).collect()
    };
    let mut before = declared();
    before.sort_unstable();
    ids.sort_unstable();
    assert_eq!(before, ids);
    drop(weir);
    drop(gone);
    let weir = ground.start("engine").expect("the next engine");
    let here = ground.workload.0.id().expect("an id");
    assert_eq!(declared(), [here.get()]);
    let steps = ["4", &format!("sendto={V4}"), "recv"];
    let agent = Agent::new("dns", &steps).within(&ground.workload.0);
    let (report, _) = while_answering(&weir, agent.report()).await;
    assert_eq!(report.get("2"), format!("{V4} weir {V4}"));
}
