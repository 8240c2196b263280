//! Datagrams to declared targets: all of them end at the engine, with the right target and caller,
//! its answers come from where they were sent, and nothing else leaves.

mod refuse;
mod turns;

use std::collections::BTreeSet;

use tokio::time::timeout;
use weir_intercept::CgroupId;

use crate::{
    SOON,
    agent::udp::SEGMENTS,
    bed::Bed,
    dns::{answer::while_answering, right},
};

/// Addresses of the documentation ranges (RFC 5737, RFC 3849), at QUIC's port.
const V4: &str = "192.0.2.44:443";
const OTHER: &str = "198.51.100.44:443";
const V6: &str = "[2001:db8::44]:443";
const MAPPED: &str = "[::ffff:192.0.2.44]:443";

impl Bed {
    /// An engine whose workload may send datagrams to these.
    fn declaring(targets: &[&str]) -> Self {
        let bed = Self::new();
        bed.declare(bed.id, targets);
        bed
    }

    fn declare(&self, workload: CgroupId, targets: &[&str]) {
        let targets: BTreeSet<_> = targets
            .iter()
            .map(|target| target.parse().expect("an address"))
            .collect();
        self.weir
            .set_datagram_targets(workload, &targets)
            .expect("there is room");
    }
}

#[tokio::test]
async fn a_message_reaches_the_engine_and_its_answer_seems_to_be_the_targets() {
    let bed = Bed::declaring(&[V4, V6, "127.0.0.1:443", "[::1]:443"]);
    for (family, to, meant, from) in [
        ("4", V4, V4, V4),
        ("6", V6, V6, V6),
        ("6", MAPPED, V4, MAPPED),
        // An IPv6 socket is given an IPv4 address as it is.
        ("6", V4, V4, MAPPED),
        ("4", "0.0.0.0:443", "127.0.0.1:443", "127.0.0.1:443"),
        ("6", "[::]:443", "[::1]:443", "[::1]:443"),
    ] {
        let steps = [
            format!("sendto={to}"),
            "peek".into(),
            "recv".into(),
            format!("sendto={to}"),
            "recv".into(),
        ];
        let (report, asked) = bed.script(family, &steps).await;
        for (place, said) in [("1", "OK"), ("4", "OK")] {
            assert_eq!(report.get(place), said, "{to}");
        }
        for heard in ["2", "3", "5"] {
            assert_eq!(report.get(heard), format!("{from} weir {meant}"), "{to}");
        }
        let destinations: Vec<String> = asked.iter().map(|one| one.orig_dst.to_string()).collect();
        assert_eq!(destinations, [meant, meant]);
        assert_eq!(asked[1].facts.cookie.to_string(), report.get("cookie"));
        assert_eq!(asked[1].facts.workload, bed.id);
    }
}

#[tokio::test]
async fn a_connected_socket_sees_the_target_as_its_peer() {
    let bed = Bed::declaring(&[MAPPED, V6]);
    for (family, to, meant) in [("4", V4, V4), ("6", V6, V6), ("6", MAPPED, V4)] {
        let steps = [
            format!("connect={to}"),
            "peer".into(),
            format!("send={meant}"),
            "recv".into(),
            format!("send={meant}"),
            "recv".into(),
        ];
        let (report, asked) = bed.script(family, &steps).await;
        for (place, said) in [("1", "OK"), ("2", to), ("3", "OK"), ("5", "OK")] {
            assert_eq!(report.get(place), said, "{to}");
        }
        for heard in ["4", "6"] {
            assert_eq!(report.get(heard), format!("{to} weir {meant}"));
        }
        right(&bed, &report, &asked, &[meant, meant]);
    }
}

#[tokio::test]
async fn every_segment_of_a_message_that_the_kernel_cuts_arrives() {
    let bed = Bed::declaring(&[V4, V6]);
    for (family, to) in [("4", V4), ("6", V6)] {
        let (report, asked) = bed.script(family, &[format!("cut={to}")]).await;
        assert_eq!(report.get("1"), "OK");
        right(&bed, &report, &asked, &[to; SEGMENTS]);
    }
    assert_eq!(bed.weir.status().strays, 0);
}

#[tokio::test]
async fn a_datagram_of_any_length_arrives_whole() {
    let bed = Bed::declaring(&[V4, V6]);
    for (family, to, lengths) in [
        ("4", V4, [0, 1, 3, 4097, 65_507]),
        ("6", V6, [0, 1, 3, 4097, 65_487]),
    ] {
        for length in lengths {
            let step = format!("length={length},{to}");
            let mut arrived = None;
            // One may be lost on its way, as any datagram; not one after the other.
            for _ in 0..3 {
                let agent = bed.agent("dns", &[family, &step]);
                let arrives = timeout(SOON, bed.weir.datagram());
                let (report, datagram) = tokio::join!(agent.report(), arrives);
                assert_eq!(report.get("1"), "OK", "{length}");
                if let Ok(datagram) = datagram {
                    arrived = Some(datagram);
                    break;
                }
            }
            let datagram = arrived.expect("none arrived").expect("a datagram");
            assert_eq!(datagram.payload, vec![b'x'; length]);
            assert_eq!(datagram.orig_dst.get().to_string(), to);
            assert!(!datagram.is_question() && datagram.client().ip().is_loopback());
        }
    }
}

#[tokio::test]
async fn questions_and_datagrams_of_one_socket_are_told_apart() {
    let bed = Bed::declaring(&[V4]);
    let resolver = "192.0.2.53:53";
    let mut steps = Vec::new();
    for to in [V4, resolver, V4, resolver] {
        steps.extend([format!("sendto={to}"), "recv".into(), "pause".into()]);
    }
    let agent = bed.agent(
        "dns",
        &[
            ["4"].as_slice(),
            &steps.iter().map(String::as_str).collect::<Vec<_>>(),
        ]
        .concat(),
    );
    let (report, asked) = while_answering(&bed.weir, agent.report()).await;
    for (place, to) in [("2", V4), ("5", resolver), ("8", V4), ("11", resolver)] {
        assert_eq!(report.get(place), format!("{to} weir {to}"));
    }
    right(&bed, &report, &asked, &[V4, resolver, V4, resolver]);
}
