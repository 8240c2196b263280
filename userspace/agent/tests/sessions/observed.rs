//! An observed workload on a real PostgreSQL: everything goes on but what masking can't follow, and
//! what was seen becomes policies that admit it.

use std::process::Command;

use testbed::Postgres;
use weir_policy::{Policies, Source};
use weir_record::End;

use crate::common::{Gate, tls_of};

/// Permits only the opening of sessions.
fn hardly_anything() -> Policies {
    let source = Source {
        name: "connect.cedar".to_owned(),
        text: "@id(\"in\") permit (principal, action == Weir::Action::\"connect\", resource);"
            .to_owned(),
    };
    Policies::load(&[source]).unwrap()
}

fn suggest(gate: &Gate, arguments: &[&str]) -> (bool, String, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_weir"))
        .args(["policy", "suggest", "--records"])
        .arg(&gate.records)
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (out.status.success(), text(out.stdout), text(out.stderr))
}

#[test]
fn what_would_be_refused_goes_on_marked_and_masked() {
    let server = Postgres::builder()
        .tls(true)
        .sample_data(true)
        .start()
        .unwrap();
    let gate = Gate::observing(
        server.addr(),
        &tls_of(&server),
        server.app_password(),
        hardly_anything(),
    );
    let out = gate.psql("SELECT email FROM people ORDER BY id LIMIT 1; CREATE TABLE seen_once (a int); DROP TABLE seen_once");
    println!("{}\n{}", out.stdout_text(), out.stderr_text());
    assert!(out.stdout_text().contains("DROP TABLE"));
    let clear = server
        .psql_as_superuser("SELECT email FROM people")
        .unwrap();
    for value in clear.lines() {
        assert!(!out.stdout_text().contains(value), "{value} was shown");
    }
    let ended = gate.ended(1).remove(0);
    assert_eq!(ended.end, Some(End::Closed));
    // The settings that psql opens its session with would have been refused, too.
    assert_eq!((ended.commands, ended.observed, ended.refused), (2, 2, 0));
    assert!(ended.masked > 0);
}

#[test]
fn what_no_mask_could_follow_is_refused_even_so() {
    let server = Postgres::builder()
        .tls(true)
        .sample_data(true)
        .start()
        .unwrap();
    let gate = Gate::observing(
        server.addr(),
        &tls_of(&server),
        server.app_password(),
        hardly_anything(),
    );
    for sql in [
        "DO $$ BEGIN CREATE TABLE copied AS SELECT email AS e FROM people; END $$",
        "ALTER TABLE people RENAME COLUMN email TO e",
        "CREATE TABLE copied AS SELECT email AS e FROM people",
        "COPY people TO STDOUT",
        "SELEC email FROM people",
        "SET standard_conforming_strings = off",
    ] {
        let out = gate.psql(sql);
        assert!(
            out.stderr_text().contains("weir: "),
            "{sql}: {}",
            out.stderr_text()
        );
    }
    let names = server
        .psql_as_superuser("SELECT count(*) FROM pg_attribute WHERE attname = 'e' AND attnum > 0")
        .unwrap();
    assert_eq!(names.trim(), "0");
}

#[test]
fn a_session_that_would_not_be_opened_is_and_that_is_on_record() {
    let server = Postgres::builder()
        .tls(true)
        .sample_data(true)
        .start()
        .unwrap();
    let nothing = Source {
        name: "none.cedar".to_owned(),
        text: "@id(\"no-sessions\") @message(\"closed\") forbid (principal, action, resource)\n\
               when { action == Weir::Action::\"connect\" };"
            .to_owned(),
    };
    let policies = Policies::load(&[nothing]).unwrap();
    let gate = Gate::observing(
        server.addr(),
        &tls_of(&server),
        server.app_password(),
        policies,
    );
    let out = gate.psql("SELECT 1");
    assert_eq!(out.stdout_text().trim(), "1", "{}", out.stderr_text());
    let ended = gate.ended(1).remove(0);
    assert_eq!((ended.commands, ended.observed), (2, 2));
}

#[test]
fn what_was_seen_becomes_policies_that_admit_it_and_no_more() {
    let server = Postgres::builder()
        .tls(true)
        .sample_data(true)
        .start()
        .unwrap();
    let seen = [
        "SELECT count(*) FROM orders",
        "SELECT id, name FROM public.people WHERE id = 1",
        "UPDATE orders SET id = id WHERE id = -1",
        "BEGIN; SHOW server_version; COMMIT",
    ];
    let gate = Gate::observing(
        server.addr(),
        &tls_of(&server),
        server.app_password(),
        hardly_anything(),
    );
    for sql in seen {
        let out = gate.psql(sql);
        assert_eq!(out.stderr_text(), "", "{sql}");
    }
    gate.ended(seen.len());
    let dir = gate.dir.path().join("suggested");
    let (ok, _, said) = suggest(
        &gate,
        &["--workload", "test", "--out", dir.to_str().unwrap()],
    );
    assert!(ok, "{said}");
    // None is overwritten, and nothing is suggested where nothing was seen.
    let (again, ..) = suggest(&gate, &["--out", dir.to_str().unwrap()]);
    assert!(!again);
    let (nobody, ..) = suggest(&gate, &["--workload", "another"]);
    assert!(!nobody);
    let checked = Command::new(env!("CARGO_BIN_EXE_weir"))
        .args(["policy", "check"])
        .arg(&dir)
        .output()
        .unwrap();
    assert!(checked.status.success(), "{checked:?}");

    let policies = weir_agent::engine::PolicyFiles::new(Some(dir))
        .load()
        .unwrap();
    let gate = Gate::with(
        server.addr(),
        &tls_of(&server),
        server.app_password(),
        policies,
    );
    for sql in seen {
        let out = gate.psql(sql);
        assert_eq!(out.stderr_text(), "", "{sql}");
    }
    for sql in [
        "SELECT count(*) FROM people",
        "SELECT max(id) FROM orders",
        "UPDATE orders SET id = id",
        "DELETE FROM orders WHERE id = -1",
        "SET work_mem = '1MB'",
    ] {
        let out = gate.psql(sql);
        assert!(
            out.stderr_text().contains("weir: "),
            "{sql}: {}",
            out.stderr_text()
        );
    }
}
