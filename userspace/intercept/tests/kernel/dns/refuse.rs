//! What is no question of a workload's to a resolver gets nowhere: not past the engine, and not to it.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    net::UdpSocket,
    time::{sleep, timeout},
};
use weir_intercept::{AcceptError, Hook, Reason};

use super::{V4, answer::while_answering};
use crate::{
    SOON,
    bed::{Bed, Ground},
    child::Agent,
};

/// A resolver of the test's own, whom nobody in a workload should reach.
pub(super) async fn witness(block: u8) -> UdpSocket {
    let [.., high, low] = std::process::id().to_be_bytes();
    let at = SocketAddr::from(([127, block, high, low], 53));
    UdpSocket::bind(at)
        .await
        .expect("port 53 of an unused address")
}

pub(super) async fn saw_nothing(witness: &UdpSocket) {
    let seen = timeout(Duration::from_millis(100), witness.recv_from(&mut [0; 16])).await;
    assert!(seen.is_err(), "a datagram passed the engine by");
}

/// The engine has dropped as many datagrams of nobody's.
pub(crate) async fn counted(bed: &Bed, strays: u64) {
    let counted = async {
        while bed.weir.status().strays < strays {
            sleep(Duration::from_millis(5)).await;
        }
    };
    let ((), asked) = while_answering(&bed.weir, counted).await;
    assert!(asked.is_empty(), "{asked:?}");
    assert_eq!(bed.weir.status().strays, strays);
}

#[tokio::test]
async fn nothing_is_asked_while_no_engine_runs() {
    let ground = Ground::new();
    let weir = ground.start("engine").expect("an engine");
    weir.tag(&ground.workload.0, &weir_intercept::Rules::default())
        .expect("a tag");
    drop(weir);
    let witness = witness(18).await;
    let to = witness.local_addr().expect("an address");
    let steps = [
        "4".to_owned(),
        format!("sendto={to}"),
        "silence".into(),
        format!("connect={to}"),
        format!("send={to}"),
        "silence".into(),
    ];
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    let agent = Agent::new("dns", &steps).within(&ground.workload.0);
    let report = agent.report().await;
    // A message to a closed port of one's own host: an unconnected socket hears of it in no way.
    assert_eq!(report.get("2"), "EAGAIN");
    assert_eq!(report.get("5"), "ECONNREFUSED");
    saw_nothing(&witness).await;
}

#[tokio::test]
async fn a_socket_made_outside_asks_nobody() {
    let bed = Bed::new();
    let witness = witness(19).await;
    let to = witness.local_addr().expect("an address").to_string();
    let engine = format!("127.0.0.1:{}", bed.weir.status().port);
    let cgroup = bed.workload.0.path().to_str().expect("text").to_owned();
    let agent = Agent::new("dns-joined", &[&cgroup, &to, &engine]).with_root();
    let (report, asked) = while_answering(&bed.weir, agent.report()).await;
    assert_eq!(report.get("1"), "EPERM");
    assert_eq!(report.get("2"), "OK", "to the engine it may talk");
    assert_eq!(report.get("answer"), "EAGAIN", "which does not answer");
    assert!(asked.is_empty());
    counted(&bed, 1).await;
    saw_nothing(&witness).await;
}

#[tokio::test]
async fn the_engine_itself_can_not_be_asked() {
    let mut bed = Bed::new();
    let port = bed.weir.status().port;
    for (family, ip) in [
        ("4", "127.0.0.1"),
        ("6", "[::1]"),
        ("6", "[::ffff:127.0.0.1]"),
    ] {
        let to = format!("{ip}:{port}");
        for step in ["sendto", "connect"] {
            let agent = bed.agent("dns", &[family, &format!("{step}={to}")]);
            let (report, _refusal) = bed.refused(agent).await;
            assert_eq!(report.get("1"), "EPERM", "{step} {to}");
        }
        // Nor by a socket that has asked before.
        let steps = [format!("sendto={V4}"), format!("sendto={to}")];
        let steps = if family == "6" {
            &steps[1..]
        } else {
            &steps[..]
        };
        let (report, _asked) = bed.script(family, steps).await;
        assert_eq!(report.get(&steps.len().to_string()), "EPERM", "{to}");
        let _told = timeout(SOON, bed.refusals.next()).await.expect("told");
    }
}

#[tokio::test]
async fn nobody_outside_is_answered() {
    let bed = Bed::new();
    let engine = SocketAddr::from(([127, 0, 0, 1], bed.weir.status().port));
    let stranger = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    let work = async {
        for text in ["", "ab", "abcd and more"] {
            stranger
                .send_to(text.as_bytes(), engine)
                .await
                .expect("sent");
        }
        timeout(Duration::from_millis(200), stranger.recv(&mut [0; 16])).await
    };
    let (answered, asked) = while_answering(&bed.weir, work).await;
    assert!(answered.is_err() && asked.is_empty());
    counted(&bed, 3).await;
}

#[tokio::test]
async fn a_note_is_good_for_one_datagram() {
    let bed = Bed::new();
    let steps = [format!("segments={V4}"), "recv".into(), "silence".into()];
    let (report, asked) = bed.script("4", &steps).await;
    assert_eq!(report.get("2"), format!("{V4} weir {V4}"));
    assert_eq!(
        report.get("3"),
        "EAGAIN",
        "the second segment was noted by nobody"
    );
    assert_eq!(asked.len(), 1);
    counted(&bed, 1).await;
}

#[tokio::test]
async fn what_is_no_question_by_its_length_is_dropped() {
    let mut bed = Bed::new();
    let agent = bed.agent("dns", &["4", &format!("short={V4}")]);
    let (report, refusal) = bed.refused(agent).await;
    assert_eq!(report.get("1"), "EPERM");
    assert_eq!(
        (refusal.hook, refusal.reason),
        (Hook::Egress, Reason::Protocol)
    );

    let agent = bed.agent("dns", &["4", &format!("long={V4}"), "silence"]);
    let (report, told) = tokio::join!(agent.report(), timeout(SOON, bed.weir.datagram()));
    assert_eq!((report.get("1"), report.get("2")), ("OK", "EAGAIN"));
    match told.expect("told") {
        Err(AcceptError::TooLong { workload, pid }) => {
            assert_eq!(workload, bed.id);
            assert_eq!(pid.map(|pid| pid.get()), Some(report.pid));
        }
        other => panic!("{other:?}"),
    }
}
