//! Options of sockets: groups are not joined, all else is set as ever.

use weir_intercept::{Hook, Pid, Reason};

use crate::{
    agent::options::{JOINS, OTHERS},
    bed::{Bed, Ground},
    child::{Agent, NOBODY},
    serve::{Target, while_serving},
};

#[tokio::test]
async fn joining_a_group_is_refused_and_told() {
    let mut bed = Bed::new();
    for (index, join) in JOINS.iter().enumerate() {
        let number = index.to_string();
        let free = Agent::new("join", &[&number]).report().await;
        assert_ne!(free.get("join"), "EPERM", "{join:?}");
        let agent = bed.agent("join", &[&number]);
        let (report, refusal) = bed.refused(agent).await;
        assert_eq!(report.get("join"), "EPERM", "{join:?}");
        assert_eq!(
            (refusal.hook, refusal.reason),
            (Hook::SocketOption, Reason::Group)
        );
        assert_eq!(refusal.facts.workload, bed.id);
        assert_eq!(refusal.facts.pid.map(Pid::get), Some(report.pid));
        assert_eq!(refusal.facts.uid.get(), NOBODY);
        assert_eq!(refusal.destination, None);
    }
    // The first one is whole: nothing else would have refused it.
    assert_eq!(Agent::new("join", &["0"]).report().await.get("join"), "OK");
}

#[tokio::test]
async fn other_options_are_set_as_ever() {
    let bed = Bed::new();
    let target = Target::new("127.77.0.9").await;
    let to = target.address.to_string();
    let free = Agent::new("options", &[&to]).report().await;
    let agent = bed.agent("options", &[&to]);
    let (governed, _) = while_serving(&bed.weir, agent.report()).await;
    for name in OTHERS {
        assert_eq!(governed.get(name), free.get(name), "{name}");
    }
    // A kernel without TLS fails both alike.
    for name in ["nodelay", "buffer", "long"] {
        assert_eq!(governed.get(name), "OK", "{name}");
    }
    println!("TLS: {} {}", governed.get("tls"), governed.get("tls-key"));
}

/// As all else: it outlives the engine, the next one's takes its place, and it goes with the tag.
#[tokio::test]
async fn it_outlives_the_engine_and_goes_with_the_tag() {
    let ground = Ground::new();
    let tried = async || {
        let agent = Agent::new("join", &["0"]).within(&ground.workload.0);
        agent.report().await.get("join").to_owned()
    };
    ground.outlives_the_engine("setsockopt", tried).await;
}
