//! Sessions of real clients with a real PostgreSQL, through the gate.

use testbed::Postgres;
use weir_record::End;

use crate::common::Gate;

fn server() -> Postgres {
    Postgres::builder()
        .tls(true)
        .sample_data(true)
        .start()
        .unwrap()
}

#[test]
fn an_allowed_query_passes_and_sensitive_columns_are_masked() {
    let server = server();
    let gate = Gate::before(&server);
    let out = gate.psql("SELECT id, name, email, card_number FROM people ORDER BY id LIMIT 2");
    println!("{}\n{}", out.stdout_text(), out.stderr_text());
    let clear = server
        .psql_as_superuser("SELECT email FROM people UNION ALL SELECT card_number FROM people")
        .unwrap();
    assert!(out.stdout_text().lines().count() == 2);
    for value in clear.lines() {
        assert!(!out.stdout_text().contains(value), "{value} was shown");
    }
    let ended = gate.ended(1);
    assert_eq!(ended[0].end, Some(End::Closed));
    assert_eq!(
        (ended[0].commands, ended[0].rows, ended[0].masked),
        (1, 2, 4)
    );
}

#[test]
fn where_there_is_no_io_uring_sessions_do_without() {
    let server = server();
    let gate = Gate::without_ring(&server);
    let out = gate.psql("SELECT count(*), max(email) FROM people; DELETE FROM orders");
    println!("{}\n{}", out.stdout_text(), out.stderr_text());
    assert!(out.stderr_text().contains("no-bulk-write"));
    let long = "x".repeat(100_000);
    let out = gate.psql(&format!("SELECT length('{long}'), repeat('y', 100000)"));
    assert_eq!(out.stdout_text().trim().len(), 100_007);
}

#[test]
fn refusals_are_explained_and_the_session_goes_on() {
    let server = server();
    let gate = Gate::before(&server);
    let out = gate.psql_with(&[
        "-v",
        "VERBOSITY=verbose",
        "-c",
        "DROP DATABASE shop",
        "-c",
        "DELETE FROM orders",
        "-c",
        "SELECT count(*) FROM orders",
    ]);
    println!("{}\n{}", out.stdout_text(), out.stderr_text());
    assert!(out.stderr_text().contains("no-destroy") && out.stderr_text().contains("42501"));
    assert!(out.stderr_text().contains("no-bulk-write"));
    assert!(out.stdout_text().trim().parse::<u32>().unwrap() > 0);
}
