//! Sockets of other families than IP: refused where the kernel asks programs about them.

use weir_intercept::{
    Hook, Reason,
    doctor::{self, Outcome},
};

use crate::{
    bed::{Bed, Ground},
    child::Agent,
};

/// Families that this kernel has, none of which any hook on a tagged cgroup is asked about.
const OTHERS: [(i32, i32, i32); 4] = [
    (libc::AF_PACKET, libc::SOCK_RAW, 0),
    (libc::AF_XDP, libc::SOCK_RAW, 0),
    (libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_GENERIC),
    (libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_USERSOCK),
];

/// What a plain program needs: to speak to its neighbours, and to resolve a name.
const NEEDED: [(i32, i32, i32); 3] = [
    (libc::AF_UNIX, libc::SOCK_STREAM, 0),
    (libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE),
    (libc::AF_INET6, libc::SOCK_DGRAM, 0),
];

/// By root, whom nothing else stops.
fn socket((domain, kind, protocol): (i32, i32, i32)) -> Agent {
    let args = [domain.to_string(), kind.to_string(), protocol.to_string()];
    Agent::new("socket", &args.each_ref().map(String::as_str)).with_root()
}

/// Whether it is asked; if it isn't, that must be for a reason, which is shown.
fn is_asked() -> bool {
    let probes = doctor::probe();
    let probe = probes.iter().find(|probe| probe.name == "socket families");
    let probe = probe.expect("the doctor tries it");
    if probe.outcome != Outcome::Ok {
        println!("not possible here: {}", probe.detail);
    }
    probe.outcome == Outcome::Ok
}

#[tokio::test]
async fn other_families_are_refused_and_told() {
    if !is_asked() {
        return;
    }
    let mut bed = Bed::new();
    for other in OTHERS {
        assert_eq!(
            socket(other).report().await.get("socket"),
            "OK",
            "{other:?}"
        );
        let (report, refusal) = bed.refused(socket(other).within(&bed.workload.0)).await;
        assert_eq!(report.get("socket"), "EPERM", "{other:?}");
        assert_eq!(
            (refusal.hook, refusal.reason),
            (Hook::SocketCreate, Reason::Family)
        );
        assert_eq!(refusal.facts.workload, bed.id);
        assert_eq!(
            refusal.facts.pid.map(weir_intercept::Pid::get),
            Some(report.pid)
        );
        assert_eq!(refusal.destination, None);
    }
}

#[tokio::test]
async fn what_a_plain_program_needs_is_there() {
    let bed = Bed::new();
    for needed in NEEDED {
        let report = socket(needed).within(&bed.workload.0).report().await;
        assert_eq!(report.get("socket"), "OK", "{needed:?}");
    }
}

/// As all else: it outlives the engine, the next one's takes its place, and it goes with the tag.
#[tokio::test]
async fn it_outlives_the_engine_and_goes_with_the_tag() {
    if !is_asked() {
        return;
    }
    let ground = Ground::new();
    let [packet, ..] = OTHERS;
    let tried = async || {
        let report = socket(packet).within(&ground.workload.0).report().await;
        report.get("socket").to_owned()
    };
    ground.outlives_the_engine("family", tried).await;
}
