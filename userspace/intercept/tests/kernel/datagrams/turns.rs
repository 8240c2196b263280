//! A socket that sends to one target and then to another: nothing is ever taken for the other's.

use std::{io, time::Duration};

use tokio::time::timeout;
use weir_intercept::{Hook, Reason};

use super::{OTHER, V4, V6};
use crate::{
    SOON,
    bed::Bed,
    dns::{answer::while_answering, right},
};

#[tokio::test]
async fn a_socket_that_was_silent_may_send_elsewhere() {
    let bed = Bed::declaring(&[V4, OTHER]);
    let steps = [
        format!("connect={V4}"),
        format!("send={V4}"),
        "recv".into(),
        "pause".into(),
        format!("connect={OTHER}"),
        "peer".into(),
        format!("send={OTHER}"),
        "recv".into(),
        "disconnect".into(),
        format!("send={OTHER}"),
        "pause".into(),
        format!("sendto={V4}"),
        "recv".into(),
        "pause".into(),
        format!("sendto={OTHER}"),
        "recv".into(),
        "sendto=192.0.2.44:444".into(),
        "connect=192.0.2.44:444".into(),
    ];
    let (report, asked) = bed.script("4", &steps).await;
    let from = |address: &str| format!("{address} weir {address}");
    for (place, said) in [
        (3, from(V4)),
        (6, OTHER.into()),
        (8, from(OTHER)),
        (10, "EDESTADDRREQ".into()),
        (13, from(V4)),
        (16, from(OTHER)),
        (17, "EPERM".into()),
        (18, "EPERM".into()),
    ] {
        assert_eq!(report.get(&place.to_string()), said, "{place}");
    }
    right(&bed, &report, &asked, &[V4, OTHER, V4, OTHER]);
}

#[tokio::test]
async fn a_connected_socket_sends_to_its_target_only() {
    let mut bed = Bed::declaring(&[V4, OTHER]);
    for elsewhere in [OTHER, "192.0.2.53:53"] {
        let steps = [
            "4",
            &format!("connect={V4}"),
            "pause",
            &format!("sendto={elsewhere}"),
            &format!("send={V4}"),
            "recv",
        ];
        let agent = bed.agent("dns", &steps);
        let (report, asked) = while_answering(&bed.weir, agent.report()).await;
        assert_eq!(report.get("3"), "EPERM");
        assert_eq!(report.get("5"), format!("{V4} weir {V4}"));
        assert_eq!(asked.len(), 1);
        let refusal = timeout(SOON, bed.refusals.next()).await.expect("told");
        let refusal = refusal.expect("a refusal");
        assert_eq!(
            (refusal.hook, refusal.reason),
            (Hook::SendMessage, Reason::OtherTarget)
        );
    }
}

/// Many at once, without a pause most of the time: some are refused, and none goes to another target
/// than it was meant for.
#[tokio::test]
async fn whoever_changes_targets_is_never_mistaken() {
    let targets = [V4, OTHER, "192.0.2.45:443", "192.0.2.44:444"];
    let bed = Bed::declaring(&targets);
    let agent = bed.agent("fickle", &[["16", "200"].as_slice(), &targets].concat());
    let (report, asked) = while_answering(&bed.weir, agent.report()).await;
    let mistaken: Vec<_> = asked.iter().filter(|one| !one.is_as_claimed()).collect();
    assert!(
        mistaken.is_empty(),
        "{} of {}: {:?}",
        mistaken.len(),
        asked.len(),
        mistaken[0]
    );
    let taken: usize = report.get("taken").parse().expect("a number");
    assert!(
        taken >= asked.len() && asked.len() > 16,
        "{report:?}, {} arrived",
        asked.len()
    );
    for target in targets {
        assert!(asked.iter().any(|one| one.orig_dst.to_string() == target));
    }
}

#[tokio::test]
async fn an_answer_that_would_be_taken_for_anothers_is_not_sent() {
    let bed = Bed::declaring(&[V4, OTHER, V6]);
    let steps = [
        "4",
        &format!("sendto={V4}"),
        "recv",
        "pause",
        &format!("sendto={OTHER}"),
        "recv",
        "silence",
    ];
    let agent = bed.agent("dns", &steps);
    let serve = async {
        let first = bed.weir.datagram().await.expect("a datagram");
        let way_back = first.way_back();
        way_back.send(b"..one").await.expect("to answer");
        let second = bed.weir.datagram().await.expect("another");
        assert_eq!(second.client(), first.client());
        let late = way_back.send(b"..late").await;
        assert_eq!(
            late.map_err(|error| error.kind()),
            Err(io::ErrorKind::NotConnected)
        );
        second.reply(b"..two").await.expect("to answer");
    };
    let both = async { tokio::join!(agent.report(), serve).0 };
    let report = timeout(SOON + Duration::from_secs(1), both)
        .await
        .expect("an end");
    assert_eq!(report.get("2"), format!("{V4} one"));
    assert_eq!(report.get("5"), format!("{OTHER} two"));
    assert_eq!(report.get("6"), "EAGAIN");
}
