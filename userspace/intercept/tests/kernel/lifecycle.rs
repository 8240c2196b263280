//! Letting go: what is lifted is free, what is only dropped stays governed.

use std::fs;

use weir_intercept::{CgroupId, InterceptError, Rules, cgroup, uninstall};

use crate::{
    bed::{Bed, Ground, Workload},
    child::Agent,
    serve::{Target, while_serving},
};

async fn answer(workload: &Workload, target: &Target) -> String {
    let to = target.address.to_string();
    let report = Agent::new("connect", &[&to])
        .within(&workload.0)
        .report()
        .await;
    match report.get("connect") {
        "OK" => report.get("answer").to_owned(),
        error => error.to_owned(),
    }
}

#[tokio::test]
async fn dropping_an_engine_lifts_nothing_and_uninstalling_does() {
    let target = Target::new("127.77.4.1").await;
    let ground = Ground::new();
    let weir = ground.start("engine").expect("an engine");
    weir.tag(&ground.workload.0, &Rules::default())
        .expect("a tag");
    drop(weir);
    assert_eq!(answer(&ground.workload, &target).await, "ECONNREFUSED");

    let path = ground.pins.0.join("engine");
    let done = uninstall(&path).expect("to uninstall");
    assert!(
        done.iter().any(|line| line.contains("lifted the programs")),
        "{done:?}"
    );
    assert!(!path.exists());
    assert_eq!(answer(&ground.workload, &target).await, "target");
    assert!(matches!(
        uninstall(&path),
        Err(InterceptError::PinDir { .. })
    ));
}

#[tokio::test]
async fn removing_an_engine_lifts_all() {
    let target = Target::new("127.77.4.2").await;
    let Bed {
        weir,
        workload,
        pins,
        ..
    } = Bed::new();
    let done = weir.remove().expect("to remove");
    assert_eq!(answer(&workload, &target).await, "target", "after {done:?}");
    assert_eq!(fs::read_dir(&pins.0).expect("the base").count(), 0);
}

#[tokio::test]
async fn an_untagged_cgroup_is_free_and_the_others_are_not() {
    let target = Target::new("127.77.4.3").await;
    let bed = Bed::new();
    let other = Workload::new();
    let other_id = bed
        .weir
        .tag(&other.0, &Rules::default())
        .expect("a second tag");
    assert_eq!(bed.weir.status().tagged.len(), 2);
    bed.weir.untag(bed.id).expect("to untag");
    assert_eq!(answer(&bed.workload, &target).await, "target");
    let to = target.address.to_string();
    let agent = Agent::new("connect", &[&to]).within(&other.0);
    let (report, caught) = while_serving(&bed.weir, agent.report()).await;
    assert_eq!(report.get("answer"), format!("weir {to}"));
    assert_eq!(caught[0].origin.workload, other_id);
    assert!(matches!(
        bed.weir.untag(bed.id),
        Err(InterceptError::NotTagged(_))
    ));
    bed.weir
        .tag(&bed.workload.0, &Rules::default())
        .expect("to tag again");
    let (report, _) = bed.run("connect", &[&to]).await;
    assert_eq!(report.get("answer"), format!("weir {to}"));
}

#[tokio::test]
async fn a_cgroup_that_is_gone_is_forgotten_by_the_next_engine() {
    let ground = Ground::new();
    let gone = Workload::new();
    let weir = ground.start("engine").expect("an engine");
    let gone_id = weir.tag(&gone.0, &Rules::default()).expect("a tag");
    let kept_id = weir
        .tag(&ground.workload.0, &Rules::default())
        .expect("a tag");
    drop(weir);
    drop(gone);
    assert_eq!(cgroup::path_of(gone_id), None);
    let weir = ground.start("engine").expect("an engine");
    let tagged: Vec<CgroupId> = weir.status().tagged.iter().map(|(id, _)| *id).collect();
    assert_eq!(tagged, [kept_id]);
    assert!(
        !ground
            .pins
            .0
            .join(format!("engine/cgroup-{gone_id}"))
            .exists()
    );
}

#[tokio::test]
async fn a_cgroup_names_itself_by_id_and_kills_and_goes() {
    let workload = Workload::new();
    let below = workload.below("deep");
    let id = below.id().expect("an id");
    assert_eq!(cgroup::path_of(id).as_deref(), Some(below.path()));
    let mut agent = Agent::new("listen", &["127.77.4.6:0"])
        .within(&below)
        .spawn();
    agent.wait_for("listening").await;
    assert_eq!(below.procs().expect("processes").len(), 1);
    assert!(below.remove().is_err(), "a process lives there");
    workload.0.kill_all().expect("to kill");
    assert!(!workload.0.populated().expect("it exists"));
    below.remove().expect("to remove");
    assert_eq!(cgroup::path_of(id), None);
    assert!(below.procs().is_err());
    drop(agent);
}
