use weir_policy::Subject;

use super::{Admission, NotAdmitted, admit};
use crate::{config::Config, route::Routes};

fn attempt(workload: &str, destination: &str) -> Result<Admission, NotAdmitted> {
    let text = r#"
        identity = [{ name = "bot", kind = "unix" }]
        workload = [
            { name = "ci", cgroup = "/weir/ci", identity = "bot", targets = ["orders"] },
            { name = "all", cgroup = "/weir/all", identity = "bot" },
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
    "#;
    let config = Config::parse("weir.toml", text).unwrap();
    let subject = Subject {
        id: "unix:alice".into(),
        groups: Vec::new(),
        on_behalf_of: None,
    };
    let workload = workload.parse().unwrap();
    admit(
        subject,
        Routes::new(&config).route(&workload, destination.parse().unwrap()),
    )
}

#[test]
fn an_admission_says_what_it_was_given_for() {
    for (workload, destination, target, upstream) in [
        ("ci", "10.0.0.1:5432", "orders", "10.0.0.1:5432"),
        ("ci", "[::ffff:10.0.0.1]:5432", "orders", "10.0.0.1:5432"),
        ("ci", "[2001:db8::1]:5432", "orders", "[2001:db8::1]:5432"),
        ("all", "10.0.0.2:5432", "users", "db.internal:6432"),
    ] {
        let admission = attempt(workload, destination).unwrap();
        assert_eq!(admission.target().name.as_str(), target);
        assert_eq!(admission.upstream().to_string(), upstream);
        assert_eq!(admission.subject().id, "unix:alice");
        assert_eq!(admission.workload().as_str(), workload);
    }
    let mapped = attempt("ci", "[::ffff:10.0.0.1]:5432").unwrap();
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
             and [target.credential]",
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
