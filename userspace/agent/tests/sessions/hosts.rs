//! Several hosts in a connection string: what a client does where one of them is gone, or isn't of
//! the kind that it wants.

use std::sync::Arc;

use testbed::{Output, Postgres};
use weir_policy::{Policies, Source};

use crate::{common::Gate, server};

/// A server that says what it is called.
fn named(name: &str, more: &str) -> (Postgres, Gate) {
    let server = server();
    server
        .psql_as_superuser(&format!(
            "ALTER ROLE app SET weir.server = '{name}'; {more}"
        ))
        .unwrap();
    let gate = Gate::before(&server);
    (server, gate)
}

/// What the server that is reached is called.
fn reached(gates: &[&Gate], more: &str) -> Output {
    let ports: Vec<String> = gates.iter().map(|g| g.address.port().to_string()).collect();
    let hosts = vec!["127.0.0.1"; gates.len()].join(",");
    let to = format!("host={hosts} port={} {more}", ports.join(","));
    gates[0].psql_with(&["-d", &format!("{to} dbname=shop"), "-c", "SHOW weir.server"])
}

#[test]
fn a_client_goes_on_to_the_next_host_where_one_is_gone() {
    let (gone, first) = named("first", "");
    let (_server, second) = named("second", "");
    let told = |gates: &[&Gate]| reached(gates, "").stdout_text();
    assert_eq!(told(&[&first, &second]), "first\n");
    assert_eq!(told(&[&second, &first]), "second\n");
    drop(gone);
    assert_eq!(told(&[&first, &second]), "second\n");
    assert_eq!(told(&[&second, &first]), "second\n");
    let out = reached(&[&first, &first], "");
    let error = out.stderr_text();
    assert_eq!(error.matches("weir: ").count(), 2, "each says why: {error}");
}

#[test]
fn a_client_goes_on_to_a_host_of_the_kind_that_it_wants() {
    let reads = "ALTER ROLE app SET default_transaction_read_only = on";
    let (_reads, first) = named("reads", reads);
    let (_writes, second) = named("writes", "");
    let both = [&first, &second];
    for (wanted, name) in [
        ("any", "reads"),
        ("read-write", "writes"),
        ("read-only", "reads"),
        ("primary", "reads"),
        ("prefer-standby", "reads"),
    ] {
        let out = reached(&both, &format!("target_session_attrs={wanted}"));
        let told = (out.stdout_text(), out.stderr_text());
        assert_eq!(told, (format!("{name}\n"), String::new()), "{wanted}");
    }
    let out = reached(&both, "target_session_attrs=standby");
    assert!(!out.status.success(), "neither is one");
}

#[test]
fn a_refusal_is_an_answer_and_no_reason_to_look_elsewhere() {
    let (_server, first) = named("first", "");
    let (_another, second) = named("second", "");
    let closed = "@id(\"closed\") forbid (principal, action, resource);";
    let mut sources = Policies::shipped_sources();
    sources.push(Source {
        name: "closed.cedar".to_owned(),
        text: closed.to_owned(),
    });
    let none = Policies::load(&sources).unwrap();
    first.policies.send_replace(Arc::new(none));
    let out = reached(&[&first, &second], "");
    let error = out.stderr_text();
    assert!(error.contains("closed"), "{error}");
    assert_eq!(out.stdout_text(), "");
}
