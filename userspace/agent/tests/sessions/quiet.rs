//! What weir asks of a target by itself, as the target's own log tells it: what its catalogue is, and else
//! nothing that no policy in force looks at.

use std::{collections::BTreeMap, fs};

use testbed::Postgres;
use weir_policy::Policies;

use crate::{
    common::Gate,
    killed::wait_until,
    server,
    signals::{policies, run, with_client},
};

/// Bounds by what a text says alone.
const BY_TEXT: &str = r#"
@id("all")
permit (principal, action in Weir::Action::"command", resource);
@id("few")
forbid (principal, action in Weir::Action::"read", resource)
when { context has row_limit && context.row_limit > 1000 };
"#;

/// Bounds by what the planner thinks.
const BY_ESTIMATE: &str = r#"
@id("small-changes")
forbid (principal, action in Weir::Action::"write", resource)
unless { context has estimated_rows && context.estimated_rows <= 100 };
"#;

/// A server that logs who connects.
fn watched() -> Postgres {
    let server = server();
    for sql in [
        "ALTER SYSTEM SET log_connections = on",
        "SELECT pg_reload_conf()",
    ] {
        server.psql_as_superuser(sql).unwrap();
    }
    // Each question is a connection more.
    wait_until("connections are logged", || {
        server.psql_as_superuser("SELECT 1").unwrap();
        let log = fs::read_to_string(server.log()).unwrap();
        log.contains("connection authorized")
    });
    server
}

/// How many have logged in as the role of the target, by the name that each gave itself.
fn logins(server: &Postgres) -> BTreeMap<String, usize> {
    let log = fs::read_to_string(server.log()).unwrap();
    let mut logins = BTreeMap::new();
    for line in log.lines() {
        let Some((_, who)) = line.split_once("connection authorized: user=app ") else {
            continue;
        };
        let named = who.split_once("application_name=");
        let name = named.map_or("", |(_, name)| name.split(" SSL").next().unwrap());
        *logins.entry(name.to_owned()).or_default() += 1;
    }
    logins
}

/// What the target heard from its role, in order, but for questions about its catalogue.
fn heard(server: &Postgres) -> Vec<String> {
    let statements = server.statements().unwrap().into_iter();
    let own = statements.filter(|statement| statement.user == "app");
    let texts = own.map(|statement| statement.text);
    let of_catalogue = |text: &String| {
        let marks = [
            "pg_catalog.",
            "weir_look",
            "BEGIN ISOLATION LEVEL",
            "COMMIT",
        ];
        marks.iter().any(|mark| text.contains(mark))
    };
    texts.filter(|text| !of_catalogue(text)).collect()
}

const STATEMENTS: [&str; 7] = [
    "SELECT name FROM people WHERE id = 1",
    "SELECT name FROM people LIMIT 2",
    "UPDATE people SET name = name WHERE id = 1",
    "INSERT INTO orders (id, person_id, item, amount, placed) VALUES (0, 1, 'x', 1, '2026-01-01')",
    "WITH gone AS (DELETE FROM orders WHERE id = 1 RETURNING id) SELECT id FROM gone",
    "SELECT count(*) FROM pg_class",
    "DELETE FROM orders WHERE id > 0",
];

/// By a driver, with a parameter.
const BY_DRIVER: &str = "UPDATE people SET name = name WHERE id = $1";

/// What two sessions say to a target in which all that is known of it has just been read.
fn said(server: &Postgres, gate: &Gate) -> (Vec<String>, BTreeMap<String, usize>) {
    run(gate, &["SELECT 1"]);
    let (before, logged_in) = (heard(server).len(), logins(server));
    run(gate, &STATEMENTS);
    with_client(gate, |client| async move {
        client.execute(BY_DRIVER, &[&1_i32]).await.unwrap();
    });
    let mut new = logins(server);
    for (name, count) in logged_in {
        *new.get_mut(&name).unwrap() -= count;
    }
    new.retain(|name, count| *count > 0 && name != "weir catalogue");
    (heard(server).split_off(before), new)
}

#[test]
fn a_target_hears_what_the_agent_says_and_nothing_else() {
    let server = watched();
    for policies in [policies(BY_TEXT, ""), Policies::shipped().unwrap()] {
        let gate = Gate::of(&server, policies);
        let (heard, logins) = said(&server, &gate);
        let (simple, prepared) = heard.split_at(STATEMENTS.len());
        assert_eq!(simple, STATEMENTS);
        // Its Parse, Bind and Execute.
        assert_eq!(prepared, [BY_DRIVER; 3]);
        // psql, and a driver that gives itself no name.
        let agent = [("", 1), ("psql", 1)].map(|(name, count)| (name.to_owned(), count));
        assert_eq!(logins, BTreeMap::from(agent));
    }
}

#[test]
fn only_what_a_policy_looks_at_is_estimated() {
    let server = watched();
    let gate = Gate::of(&server, policies(&format!("{BY_TEXT}{BY_ESTIMATE}"), ""));
    let (heard, logins) = said(&server, &gate);
    // Both sessions write.
    assert_eq!(logins.get("weir estimate"), Some(&2), "{logins:?}");
    let mut explained: Vec<&str> = heard
        .iter()
        .filter_map(|text| text.strip_prefix("EXPLAIN (FORMAT JSON) "))
        .collect();
    // Its Parse, Bind and Execute.
    explained.dedup();
    let written: Vec<&str> = STATEMENTS
        .into_iter()
        .chain([BY_DRIVER])
        .filter(|text| !text.starts_with("SELECT"))
        .collect();
    assert_eq!(explained, written);
}

#[test]
fn whoever_has_asked_leaves_with_a_goodbye() {
    let server = watched();
    let gate = Gate::of(&server, policies(&format!("{BY_TEXT}{BY_ESTIMATE}"), ""));
    run(&gate, &STATEMENTS);
    assert!(logins(&server).contains_key("weir estimate"));
    let asks = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'weir estimate'";
    wait_until("it has left", || {
        server.psql_as_superuser(asks).unwrap().trim() == "0"
    });
    let log = fs::read_to_string(server.log()).unwrap();
    for complaint in ["could not receive data", "unexpected EOF", "SSL error"] {
        assert!(!log.contains(complaint), "{log}");
    }
}
