//! Which cgroups may be tagged, and which may not.

use std::os::unix::fs::chown;

use weir_intercept::{InterceptError, Interceptor, Rules, cgroup::Cgroup};

use crate::{
    bed::{Bed, Ground, Workload},
    child::{Agent, NOBODY},
    serve::while_serving,
};

fn refused(outcome: Result<weir_intercept::CgroupId, InterceptError>, word: &str) {
    match outcome {
        Err(error) => assert!(error.to_string().contains(word), "{error}"),
        Ok(id) => panic!("{id} was tagged, although: {word}"),
    }
}

fn resolve(path: impl AsRef<std::path::Path>) -> Cgroup {
    Cgroup::resolve(path).expect("a path")
}

#[tokio::test]
async fn neither_the_root_nor_an_engine_can_be_tagged() {
    let bed = Bed::new();
    refused(
        bed.weir.tag(&resolve("/"), &Rules::default()),
        "root cgroup",
    );
    refused(
        bed.weir
            .tag(&Cgroup::current().expect("a cgroup"), &Rules::default()),
        "an engine lives in it",
    );
    let engines = resolve("/weir.engine/another-tests-engine");
    engines.create().expect("a cgroup");
    let outcome = bed.weir.tag(&engines, &Rules::default());
    engines.remove().expect("to remove");
    refused(outcome, "an engine lives in it");
    refused(
        bed.weir.tag(&resolve("/no/such/cgroup"), &Rules::default()),
        "No such file",
    );
}

#[tokio::test]
async fn tagging_twice_is_tagging_once() {
    let bed = Bed::new();
    assert_eq!(
        bed.weir
            .tag(&bed.workload.0, &Rules::default())
            .expect("a tag"),
        bed.id
    );
    assert_eq!(bed.weir.status().tagged.len(), 1);
}

#[tokio::test]
async fn tags_do_not_nest() {
    let ground = Ground::new();
    let below = ground.workload.below("inner");
    let weir = ground.start("engine").expect("an engine");
    let id = weir
        .tag(&ground.workload.0, &Rules::default())
        .expect("a tag");
    refused(
        weir.tag(&below, &Rules::default()),
        "already governed by instance `engine`",
    );
    weir.untag(id).expect("to untag");
    weir.tag(&below, &Rules::default()).expect("now it is free");
    refused(
        weir.tag(&ground.workload.0, &Rules::default()),
        "already governed by instance `engine`",
    );
    // What was refused left nothing behind.
    assert_eq!(weir.status().tagged.len(), 1);
    let report = Agent::new("ask-connected", &["127.77.5.1:9"])
        .within(&ground.workload.0)
        .report()
        .await;
    assert_ne!(
        report.get("ask"),
        "EPERM",
        "the outer cgroup is not governed"
    );
}

#[tokio::test]
async fn a_live_engines_cgroup_is_its_own() {
    let ground = Ground::new();
    let first = ground.start("first").expect("an engine");
    let second = ground.start("second").expect("an engine");
    first
        .tag(&ground.workload.0, &Rules::default())
        .expect("a tag");
    refused(
        second.tag(&ground.workload.0, &Rules::default()),
        "already governed by instance `first`",
    );
    refused(
        second.tag(&ground.workload.below("inner"), &Rules::default()),
        "already governed by instance `first`",
    );
}

#[tokio::test]
async fn a_dead_engines_cgroup_is_taken_over() {
    let ground = Ground::new();
    let dead = ground.start("dead").expect("an engine");
    let id = dead
        .tag(&ground.workload.0, &Rules::default())
        .expect("a tag");
    drop(dead);
    let heir = ground.start("heir").expect("an engine");
    refused(
        heir.tag(&ground.workload.below("inner"), &Rules::default()),
        "already governed by instance `dead`",
    );
    assert_eq!(
        heir.tag(&ground.workload.0, &Rules::default())
            .expect("a tag"),
        id
    );
    assert!(!ground.pins.0.join(format!("dead/cgroup-{id}")).exists());
    let agent = Agent::new("connect", &["127.77.5.2:80"]).within(&ground.workload.0);
    let (report, caught) = while_serving(&heir, agent.report()).await;
    assert_eq!(report.get("answer"), "weir 127.77.5.2:80");
    assert_eq!(caught.len(), 1);
}

#[tokio::test]
async fn a_cgroup_that_can_be_left_without_root_is_refused() {
    let bed = Bed::new();
    let delegated = Workload::new();
    let inner = delegated.below("inner");
    chown(delegated.0.path().join("cgroup.procs"), Some(NOBODY), None).expect("to delegate");
    refused(bed.weir.tag(&inner, &Rules::default()), "delegated");
    bed.weir
        .tag(&delegated.0, &Rules::default())
        .expect("what is delegated below a tag is governed");
}

#[tokio::test]
async fn a_cgroup_too_deep_to_be_found_is_refused() {
    let bed = Bed::new();
    let top = Workload::new();
    let deep = |levels: usize| {
        let cgroup = resolve(top.0.path().join(vec!["x"; levels].join("/")));
        cgroup.create().expect("a cgroup");
        cgroup
    };
    refused(bed.weir.tag(&deep(15), &Rules::default()), "deeper");
    // The deepest that can be tagged is found.
    let deepest = deep(14);
    let id = bed.weir.tag(&deepest, &Rules::default()).expect("a tag");
    let agent = Agent::new("connect", &["127.77.5.3:80"]).within(&deepest);
    let (_, caught) = while_serving(&bed.weir, agent.report()).await;
    assert_eq!(caught[0].origin.workload, id);
}

#[tokio::test]
async fn bad_options_are_refused_before_anything_is_made() {
    let ground = Ground::new();
    let start = Interceptor::start;
    let outcome = start(ground.pins.options("a.b"));
    assert!(
        matches!(outcome, Err(InterceptError::PinDir { .. })),
        "{outcome:?}"
    );
    let mut options = ground.pins.options("engine");
    options.pin_dir = std::env::temp_dir().join("weir-test-no-bpffs");
    let outcome = start(options);
    assert!(
        matches!(outcome, Err(InterceptError::PinDir { .. })),
        "{outcome:?}"
    );
    assert!(!std::env::temp_dir().join("weir-test-no-bpffs").exists());
}

#[test]
fn outside_a_runtime_no_engine_starts() {
    let ground = Ground::new();
    let outcome = ground.start("engine");
    assert!(
        matches!(outcome, Err(InterceptError::NoRuntime)),
        "{outcome:?}"
    );
}
