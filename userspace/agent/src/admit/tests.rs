use weir_policy::{Mode, Subject};

use super::{Admission, Admitted, NotAdmitted, Passage, admit, admit_datagrams};
use crate::{
    config::{Config, Udp},
    dns::GivenNames,
    route::{Route, Routes},
};

fn config() -> Config {
    let text = r#"
        identity = [{ name = "bot", kind = "unix" }]
        workload = [
            { name = "ci", cgroup = "/weir/ci", identity = "bot", targets = ["orders", "cache"] },
            { name = "all", cgroup = "/weir/all", identity = "bot" },
            { name = "watched", cgroup = "/weir/watched", identity = "bot", targets = ["orders"], mode = "observe" },
        ]
        [[target]]
        name = "orders"
        protocol = "postgres"
        hosts = ["10.0.0.1", "2001:db8::1"]
        ports = [5432]
        credential = { user = "app", password_credential = "a" }
        [[target]]
        name = "users"
        protocol = "postgres"
        hosts = ["10.0.0.2"]
        ports = [5432]
        upstream = "db.internal:6432"
        credential = { user = "app", password_credential = "a" }
        [[target]]
        name = "cache"
        protocol = "tcp"
        cidrs = ["10.0.0.3/32"]
        ports = [6379]
        [[target]]
        name = "web"
        protocol = "udp"
        hosts = ["10.0.0.3", "10.0.0.4"]
        ports = [443, 6379]
    "#;
    Config::parse("weir.toml", text).unwrap()
}

fn subject() -> Subject {
    Subject {
        id: "unix:alice".into(),
        groups: Vec::new(),
        on_behalf_of: None,
    }
}

fn attempt(workload: &str, destination: &str) -> Result<Admitted, NotAdmitted> {
    let workload = workload.parse().unwrap();
    let route = Routes::new(&config()).route(&workload, destination.parse().unwrap());
    admit(subject(), route)
}

fn datagrams(workload: &str, destination: &str) -> Route {
    let (workload, names) = (workload.parse().unwrap(), GivenNames::default());
    Routes::new(&config()).route_datagrams(&workload, destination.parse().unwrap(), &names)
}

fn attempt_datagrams(workload: &str, destination: &str) -> Result<Passage<Udp>, NotAdmitted> {
    admit_datagrams(subject(), datagrams(workload, destination))
}

fn admission(workload: &str, destination: &str) -> Admission {
    match attempt(workload, destination) {
        Ok(Admitted::Postgres(admission)) => admission,
        other => panic!("{other:?}"),
    }
}

fn passage(workload: &str, destination: &str) -> Passage {
    match attempt(workload, destination) {
        Ok(Admitted::Opaque(passage)) => passage,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_opaque_target_gives_a_passage_and_no_credential() {
    let passage = passage("ci", "10.0.0.3:6379");
    assert_eq!(passage.target().unwrap().name.as_str(), "cache");
    assert_eq!(passage.upstream().to_string(), "10.0.0.3:6379");
    assert!(passage.unadmitted().is_none() && passage.mode() == Mode::Enforce);
}

#[test]
fn datagrams_and_connections_are_two_worlds() {
    let passage = attempt_datagrams("all", "[::ffff:10.0.0.3]:6379").unwrap();
    assert_eq!(passage.target().unwrap().name.as_str(), "web");
    assert_eq!(passage.upstream().to_string(), "10.0.0.3:6379");
    assert_eq!(
        self::passage("all", "10.0.0.3:6379")
            .target()
            .unwrap()
            .name
            .as_str(),
        "cache"
    );
    let rule = |refused: NotAdmitted| refused.rule;
    // A target of the one is none of the other's, for the observed neither.
    for workload in ["all", "watched"] {
        let refused = attempt_datagrams(workload, "10.0.0.1:5432").map_err(rule);
        assert_eq!(refused.err(), Some("undeclared-destination"));
    }
    let refused = attempt("all", "10.0.0.4:443").map_err(rule);
    assert_eq!(refused.err(), Some("undeclared-destination"));
    let refused = attempt_datagrams("watched", "10.0.0.4:443").map_err(rule);
    assert_eq!(refused.err(), Some("target-not-for-workload"));
    let told = attempt_datagrams("all", "192.0.2.1:443").unwrap_err();
    assert!(
        told.message.contains("protocol = \"udp\""),
        "{}",
        told.message
    );
    // Nor is a route of the one good for the other's proof.
    let mixed = admit(subject(), datagrams("all", "10.0.0.4:443")).unwrap_err();
    assert_eq!(mixed.rule, "undeclared-destination");
    let workload = "all".parse().unwrap();
    let stream = Routes::new(&config()).route(&workload, "10.0.0.3:6379".parse().unwrap());
    assert!(admit_datagrams(subject(), stream).is_err());
}

#[test]
fn an_observed_workload_passes_to_what_nobody_declared_and_that_is_told() {
    let passed = passage("watched", "192.0.2.1:22");
    assert!(passed.target().is_none() && passed.mode() == Mode::Observe);
    assert_eq!(passed.upstream().to_string(), "192.0.2.1:22");
    assert_eq!(passed.unadmitted().unwrap().rule, "undeclared-destination");
    assert!(!passed.service().record_bytes);
    // Opaque, though not for this workload: no credential is lent, nothing would be masked.
    let passed = passage("watched", "10.0.0.3:6379");
    assert_eq!(passed.unadmitted().unwrap().rule, "target-not-for-workload");
    // Within its reach it is governed, and marked as observed.
    assert_eq!(admission("watched", "10.0.0.1:5432").mode(), Mode::Observe);
    // Out of its reach its masking could not hold.
    let refused = attempt("watched", "10.0.0.2:5432").unwrap_err();
    assert_eq!(refused.rule, "target-not-for-workload");
}

#[test]
fn an_admission_says_what_it_was_given_for() {
    for (workload, destination, target, upstream) in [
        ("ci", "10.0.0.1:5432", "orders", "10.0.0.1:5432"),
        ("ci", "[::ffff:10.0.0.1]:5432", "orders", "10.0.0.1:5432"),
        ("ci", "[2001:db8::1]:5432", "orders", "[2001:db8::1]:5432"),
        ("all", "10.0.0.2:5432", "users", "db.internal:6432"),
    ] {
        let admission = admission(workload, destination);
        assert_eq!(admission.target().name.as_str(), target);
        assert_eq!(admission.upstream().to_string(), upstream);
        assert_eq!(admission.subject().id, "unix:alice");
        assert_eq!(admission.workload().as_str(), workload);
    }
    let mapped = admission("ci", "[::ffff:10.0.0.1]:5432");
    assert_eq!(mapped.destination(), "10.0.0.1:5432".parse().unwrap());
}

#[test]
fn a_refusal_names_the_rule_and_the_way_out() {
    for (workload, destination, rule, message) in [
        (
            "ci",
            "[2001:db8::7]:5432",
            "undeclared-destination",
            "no target is declared for [2001:db8::7]:5432; to let workload ci go there, add to \
             weir.toml a [[target]] with name, protocol, hosts = [\"2001:db8::7\"], ports = [5432] \
             and [target.credential], or with protocol = \"tcp\" and no credential",
        ),
        (
            "ci",
            "10.0.0.2:5432",
            "target-not-for-workload",
            "10.0.0.2:5432 is target users, which workload ci may not reach; to let it, add \
             \"users\" to `targets` of the [[workload]] named ci in weir.toml",
        ),
        (
            "stranger",
            "10.0.0.1:5432",
            "target-not-for-workload",
            "10.0.0.1:5432 is target orders, which workload stranger may not reach; to let it, \
             add \"orders\" to `targets` of the [[workload]] named stranger in weir.toml",
        ),
    ] {
        let refused = attempt(workload, destination).unwrap_err();
        assert_eq!(refused.rule, rule);
        assert_eq!(refused.to_string(), message);
    }
}
