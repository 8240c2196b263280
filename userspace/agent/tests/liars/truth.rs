//! What the scripted targets assume of a server, asked of a real one: that it cuts names, looks
//! them up late, and quotes values when a transaction ends. Weir stands before it each time.

use testbed::Postgres;

use crate::{
    agent::{Agent, field, rows, tags, the_error},
    common::Gate,
    messages::{bind, execute, parse, query, sync, terminate},
    record::Record,
};

/// A value of the sample data that no agent may see.
const EMAIL: &str = "ada.brandt@example.com";

fn server() -> Postgres {
    Postgres::builder()
        .tls(true)
        .sample_data(true)
        .start()
        .unwrap()
}

/// One agent, which asks all of it: a server takes a second to start.
#[test]
fn a_real_server_does_what_the_liars_count_on() {
    let server = server();
    let gate = Gate::before(&server);
    let mut agent = Agent::connect_to(&gate, server.database());

    cursors_are_computed_at_the_end(&mut agent);
    names_are_looked_up_late(&mut agent);
    pipelines_fail_in_their_place(&mut agent);
    values_do_not_leave_by_other_ways(&mut agent);
    goodbyes_come_after_the_answers(Agent::connect_to(&gate, server.database()));
    agent.never_heard(EMAIL);
    Record::read(&gate, 0).never_shows(EMAIL);
}

fn cursors_are_computed_at_the_end(agent: &mut Agent) {
    let hold = "DECLARE h CURSOR WITH HOLD FOR SELECT email::int FROM people ORDER BY id";
    for text in ["BEGIN", hold] {
        assert_eq!(tags(&agent.ask(&[query(text)])), "CZ");
    }
    let answer = agent.ask(&[query("COMMIT")]);
    let error = the_error(&answer);
    assert_eq!(
        field(error, b'C').as_deref(),
        Some("22P02"),
        "it was not computed"
    );
    assert!(field(error, b'M').unwrap().contains("weir withholds"));
    let answer = agent.ask(&[parse("", hold), bind("", ""), execute(""), sync()]);
    assert_eq!(tags(&answer), "12CEZ", "computed at the Sync");
    assert!(field(&answer[3], b'M').unwrap().contains("weir withholds"));
}

fn names_are_looked_up_late(agent: &mut Agent) {
    for text in [
        "BEGIN",
        "DECLARE c CURSOR FOR SELECT item FROM orders ORDER BY id",
    ] {
        agent.ask(&[query(text)]);
    }
    agent.ask(&[
        parse("f", "FETCH c"),
        bind("p", "f"),
        bind("q", "f"),
        sync(),
    ]);
    for text in [
        "CLOSE c",
        "DECLARE c CURSOR FOR SELECT email FROM people ORDER BY id",
    ] {
        assert_eq!(tags(&agent.ask(&[query(text)])), "CZ", "{text}");
    }
    let answer = agent.ask(&[execute("p"), sync()]);
    assert_eq!(tags(&answer), "EZ");
    agent.ask(&[query("ROLLBACK")]);
    let fetched = [
        "BEGIN",
        "DECLARE c CURSOR FOR SELECT email FROM people ORDER BY id",
        "FETCH c",
    ]
    .map(|text| agent.ask(&[query(text)]));
    assert_eq!(tags(&fetched[2]), "TDCZ");
    assert!(rows(&fetched[2])[0][0].as_deref().unwrap().contains('*'));
    agent.ask(&[query("ROLLBACK")]);
}

fn pipelines_fail_in_their_place(agent: &mut Agent) {
    let turn = |text: &str| [parse("", text), bind("", ""), execute("")];
    let pipeline = [
        &turn("SELECT count(*) FROM orders")[..],
        &turn("DROP TABLE orders"),
        &turn("SELECT 1"),
        &[sync()],
        &turn("SELECT item FROM orders ORDER BY id LIMIT 2"),
        &[sync()],
    ];
    agent.send(&pipeline.concat());
    assert_eq!(tags(&agent.until_ready()), "12DCEZ");
    assert_eq!(tags(&agent.until_ready()), "12DDCZ");
    let missing = agent.ask(&[bind("", "never"), execute(""), sync()]);
    assert_eq!(field(the_error(&missing), b'C').as_deref(), Some("26000"));
}

fn values_do_not_leave_by_other_ways(agent: &mut Agent) {
    agent.ask(&[query("LISTEN channel")]);
    for text in [
        "SELECT pg_notify('channel', email) FROM people",
        "SELECT set_config('application_name', email, false) FROM people",
        "COPY people TO STDOUT",
        "COPY (SELECT email FROM people) TO STDOUT",
    ] {
        let answer = agent.ask(&[query(text)]);
        assert_eq!(
            field(the_error(&answer), b'C').as_deref(),
            Some("42501"),
            "{text}"
        );
    }
    let shown = agent.ask(&[query("SHOW application_name")]);
    assert_eq!(rows(&shown), [[Some(String::new())]]);
}

fn goodbyes_come_after_the_answers(mut agent: Agent) {
    agent.send(&[query("SELECT pg_sleep(0.1)"), terminate()]);
    assert_eq!(tags(&agent.rest()), "TDCZ");
}
