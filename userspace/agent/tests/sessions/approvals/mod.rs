//! A real psql held in flight, and answered by other processes as other people, over the real API.

mod stand;

use std::{thread, time::Duration};

use nix::sys::signal::Signal;
use stand::{ASKS, Stand, approvals, policies};
use testbed::Running;
use weir_agent::approve::{Rows, Shown};
use weir_record::{Answered, Approval, Event, Settled, Status, VerdictSummary};

const DELETE: &str = "DELETE FROM orders WHERE id = 1";

fn said(psql: Running) -> (String, String) {
    let output = psql.wait().unwrap();
    (output.stdout_text(), output.stderr_text())
}

fn how(steps: &[Approval]) -> Option<Settled> {
    match steps.last() {
        Some(Approval::Settled { how }) => Some(*how),
        _ => None,
    }
}

#[test]
fn what_a_person_approves_goes_on_and_the_record_says_who_did() {
    let stand = Stand::new(ASKS);
    let (bob, eve) = (stand.person("bob", &["dba"]), stand.person("eve", &["web"]));
    let before = stand.orders();
    let psql = stand.psql(DELETE);
    let request = stand.waits();
    assert_eq!(request.command, DELETE);
    assert_eq!(request.rows, Some(Rows::Estimated(1)));
    assert_eq!(
        (request.policies.as_slice(), request.of.as_str()),
        (&["ask-orders".to_owned()][..], "dba")
    );
    assert_eq!(request.statements[0].objects, ["write public.orders"]);
    let shown = stand.weir(Some(&bob), &["show", &request.id]).stdout_text();
    assert!(
        shown.contains(DELETE) && shown.contains("about 1 row"),
        "{shown}"
    );

    // Who isn't named sees nothing of it; root sees it, and it isn't root's to answer.
    let refused = stand.weir(Some(&eve), &["approve", &request.id]);
    assert!(!refused.status.success() && refused.stderr_text().contains("no request"));
    let refused = stand.weir(None, &["approve", &request.id]);
    assert!(
        refused.stderr_text().contains("not among those"),
        "{}",
        refused.stderr_text()
    );
    assert_eq!(stand.orders(), before, "nothing is done while it waits");

    let approved = stand.weir(
        Some(&bob),
        &["approve", &request.id, "--reason", "ticket 7"],
    );
    assert!(approved.status.success(), "{}", approved.stderr_text());
    let (out, err) = said(psql);
    assert_eq!(out.trim(), "DELETE 1");
    assert!(err.contains("waits for the approval of dba: orders are changed by hand"));
    assert!(err.contains(&request.id));
    assert_eq!(stand.orders(), before - 1);

    let again = stand.weir(Some(&bob), &["approve", &request.id]);
    assert!(
        again
            .stderr_text()
            .contains("waits no longer: it was approved")
    );
    let events = stand.record(1);
    let steps = approvals(&events);
    assert!(
        matches!(&steps[0], Approval::Asked { request: id, rows_estimated: Some(1), .. } if *id == request.id)
    );
    assert!(
        matches!(&steps[1], Approval::Answered { by, answer: Answered::Once, reason: Some(reason), .. }
        if by == "oidc:https://id.example#bob" && reason == "ticket 7")
    );
    assert_eq!(how(&steps), Some(Settled::Approved));
    let verdicts: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Intent(intent) => Some(intent.verdict.clone()),
            _ => None,
        })
        .collect();
    assert!(
        matches!(&verdicts[..], [VerdictSummary::Ask { .. }, VerdictSummary::Allow { approved_by, .. }]
        if approved_by == &["oidc:https://id.example#bob"])
    );
}

#[test]
fn what_a_person_denies_is_an_error_with_their_reason_and_the_session_goes_on() {
    let stand = Stand::new(ASKS);
    let bob = stand.person("bob", &["dba"]);
    let before = stand.orders();
    let psql = stand
        .client(&["-c", DELETE, "-c", "SELECT 'alive'"])
        .start()
        .unwrap();
    let id = stand.waits().id;
    let denied = stand.weir(Some(&bob), &["deny", &id, "--reason", "ask support"]);
    assert!(denied.status.success(), "{}", denied.stderr_text());
    let (out, err) = said(psql);
    assert!(err.contains("bob has denied this: ask support"), "{err}");
    assert_eq!(out.trim(), "alive");
    assert_eq!(stand.orders(), before);
    assert_eq!(how(&approvals(&stand.record(1))), Some(Settled::Denied));
}

#[test]
fn two_must_approve_where_two_are_wanted() {
    let two = ASKS.replace(
        "@approvers(\"dba\")",
        "@approvers(\"dba\") @approvals(\"2\")",
    );
    let stand = Stand::new(&two);
    let (bob, dan) = (stand.person("bob", &["dba"]), stand.person("dan", &["dba"]));
    let before = stand.orders();
    let psql = stand.psql(DELETE);
    let id = stand.waits().id;
    let first = stand.weir(Some(&bob), &["approve", &id]);
    assert!(
        first.stdout_text().contains("still waits"),
        "{}",
        first.stdout_text()
    );
    assert!(!stand.weir(Some(&bob), &["approve", &id]).status.success());
    assert_eq!(stand.orders(), before);
    assert!(stand.weir(Some(&dan), &["approve", &id]).status.success());
    assert_eq!(said(psql).0.trim(), "DELETE 1");
}

#[test]
fn nobody_in_time_is_no() {
    let stand = Stand::new(&ASKS.replace("@approvers", "@timeout(\"1\") @approvers"));
    let before = stand.orders();
    let (_, err) = said(stand.psql(DELETE));
    assert!(err.contains("did not answer in time"), "{err}");
    assert_eq!(
        (stand.orders(), stand.settled().state()),
        (before, "timed_out")
    );
    assert_eq!(how(&approvals(&stand.record(1))), Some(Settled::TimedOut));
}

#[test]
fn an_agent_that_goes_away_or_cancels_leaves_nothing_to_approve() {
    let stand = Stand::new(ASKS);
    let bob = stand.person("bob", &["dba"]);
    let before = stand.orders();
    let psql = stand.psql(DELETE);
    let id = stand.waits().id;
    psql.signal(Signal::SIGKILL).unwrap();
    assert_eq!(stand.settled().state(), "gave_up");
    let late = stand.weir(Some(&bob), &["approve", &id]);
    assert!(
        late.stderr_text().contains("the agent went away"),
        "{}",
        late.stderr_text()
    );
    assert_eq!(how(&approvals(&stand.record(1))), Some(Settled::GaveUp));

    // Ctrl-C is a CancelRequest on another connection.
    let psql = stand.psql(DELETE);
    stand.waits();
    psql.signal(Signal::SIGINT).unwrap();
    let (_, err) = said(psql);
    assert!(err.contains("57014") || err.contains("Cancel"), "{err}");
    assert_eq!(stand.settled().state(), "cancelled");
    assert_eq!(stand.orders(), before);
}

#[test]
fn a_policy_that_asks_no_longer_settles_it_either_way() {
    let stand = Stand::new(ASKS);
    let before = stand.orders();
    let psql = stand.psql(DELETE);
    stand.waits();
    stand.gate.policies.send_replace(
        policies("@id(\"x\") forbid (principal, action == Weir::Action::\"delete\", resource);")
            .into(),
    );
    assert!(said(psql).1.contains("rule x"));
    assert_eq!(
        (stand.orders(), stand.settled().state()),
        (before, "policy_changed")
    );

    stand.gate.policies.send_replace(policies(ASKS).into());
    let psql = stand.psql(DELETE);
    stand.waits();
    stand.gate.policies.send_replace(policies("").into());
    assert_eq!(said(psql).0.trim(), "DELETE 1");
}

#[test]
fn a_yes_to_what_an_older_policy_asked_is_none_to_what_the_newer_one_does() {
    let stand = Stand::new(ASKS);
    let bob = stand.person("bob", &["dba"]);
    let psql = stand.psql(DELETE);
    let old = stand.waits();
    let newer = ASKS.replace("by hand", "with care");
    stand.gate.policies.send_replace(policies(&newer).into());
    let changed = || stand.waits().hash != old.hash;
    while !changed() {
        thread::sleep(Duration::from_millis(10));
    }
    let stale = stand.weir(Some(&bob), &["approve", &old.id, "--hash", &old.hash]);
    assert!(
        stale.stderr_text().contains("has changed since"),
        "{}",
        stale.stderr_text()
    );
    assert!(
        stand
            .weir(Some(&bob), &["approve", &old.id])
            .status
            .success()
    );
    assert_eq!(said(psql).0.trim(), "DELETE 1");
}

#[test]
fn a_shape_s_yes_lets_the_same_pass_with_other_values_and_nothing_else() {
    let stand = Stand::new(ASKS);
    stand
        .server
        .psql_as_superuser(
            "SET ROLE app; CREATE SCHEMA side; CREATE TABLE side.orders (id int); \
             INSERT INTO side.orders VALUES (2)",
        )
        .unwrap();
    let bob = stand.person("bob", &["dba"]);
    let psql = stand.psql(DELETE);
    let id = stand.waits().id;
    assert!(
        stand
            .weir(Some(&bob), &["approve", &id, "--shape", "5"])
            .status
            .success()
    );
    assert_eq!(said(psql).0.trim(), "DELETE 1");
    let (out, err) = said(stand.psql("delete from orders where id = 2"));
    assert_eq!(out.trim(), "DELETE 1", "{err}");
    let psql = stand.psql("DELETE FROM orders WHERE id > 2");
    assert_eq!(stand.waits().command, "DELETE FROM orders WHERE id > 2");
    psql.signal(Signal::SIGKILL).unwrap();
    stand.settled();
    // The same words for another table.
    let moved = [
        "-c",
        "SET search_path = side",
        "-c",
        "DELETE FROM orders WHERE id = 2",
    ];
    let psql = stand.client(&moved).start().unwrap();
    let other = stand.waits();
    assert_eq!(other.statements[0].objects, ["write side.orders"]);
    psql.signal(Signal::SIGKILL).unwrap();
}

#[test]
fn opening_a_session_waits_too() {
    let asks = r#"@id("ask-in") @approvers("dba")
        forbid (principal, action == Weir::Action::"connect", resource) unless { context.approved };"#;
    let stand = Stand::new(asks);
    let bob = stand.person("bob", &["dba"]);
    let psql = stand.psql("SELECT 'in'");
    let request = stand.waits();
    assert!(
        request.command.starts_with("open database shop as agent"),
        "{}",
        request.command
    );
    assert!(
        stand
            .weir(Some(&bob), &["approve", &request.id])
            .status
            .success()
    );
    assert_eq!(said(psql).0.trim(), "in");
    let psql = stand.psql("SELECT 'in'");
    stand.waits();
    psql.signal(Signal::SIGKILL).unwrap();
    assert_eq!(stand.settled().state(), "gave_up");
}

/// Drivers send Parse, Bind and Execute in one go, or prepare first and wait.
#[test]
fn the_extended_protocol_waits_with_its_parameters_and_prepares_without_asking() {
    let stand = Stand::new(ASKS);
    let bob = stand.person("bob", &["dba"]);
    let config = format!(
        "host=127.0.0.1 port={} user=agent dbname=shop sslmode=disable",
        stand.gate.address.port()
    );
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let before = stand.orders();
    let agent = runtime.spawn(async move {
        let (client, connection) = tokio_postgres::connect(&config, tokio_postgres::NoTls)
            .await
            .unwrap();
        tokio::spawn(connection);
        let statement = client
            .prepare("DELETE FROM orders WHERE id = $1")
            .await
            .unwrap();
        let deleted = client.execute(&statement, &[&3_i32]).await.unwrap();
        let typed = [(
            &4_i64 as &(dyn tokio_postgres::types::ToSql + std::marker::Sync),
            tokio_postgres::types::Type::INT8,
        )];
        let rows = client
            .query_typed("DELETE FROM orders WHERE id = $1 RETURNING id", &typed)
            .await;
        (deleted, rows.unwrap().len())
    });
    let request = stand.waits();
    assert_eq!(request.parameters.len(), 1);
    assert_eq!(stand.orders(), before);
    assert!(
        stand
            .weir(Some(&bob), &["approve", &request.id])
            .status
            .success()
    );
    let second = stand.waits();
    assert_ne!(second.id, request.id);
    assert!(second.command.contains("RETURNING"));
    // Its parameter is of another type than the target would take it for.
    let shown = stand.weir(Some(&bob), &["show", &second.id]).stdout_text();
    assert!(shown.contains("about 1 row"), "{shown}");
    // Nothing of what is held is at the target, not even its Parse.
    let seen = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%RETURNING id%' AND pid <> pg_backend_pid()";
    assert_eq!(stand.server.psql_as_superuser(seen).unwrap().trim(), "0");
    assert!(
        stand
            .weir(Some(&bob), &["approve", &second.id])
            .status
            .success()
    );
    assert_eq!(runtime.block_on(agent).unwrap(), (1, 1));
    assert_eq!(stand.orders(), before - 2);
    assert_eq!(stand.requests(Shown::All).len(), 2, "preparing asks nobody");
}

/// Answers that race with the agent's end: whatever comes first, nothing that wasn't approved is
/// done, and nothing twice.
#[test]
fn answers_that_race_with_the_agent_s_end_forward_nothing_twice_and_nothing_unasked() {
    let stand = Stand::new(ASKS);
    let bob = stand.person("bob", &["dba"]);
    for id in 10..16_u64 {
        let sql = format!("DELETE FROM orders WHERE id = {id}");
        let psql = stand.psql(&sql);
        let request = stand.waits();
        let before = stand.orders();
        let answer = stand.weir_begun(Some(&bob), &["approve", &request.id]);
        thread::sleep(Duration::from_millis((id - 10) * 7));
        psql.signal(Signal::SIGKILL).unwrap();
        let answered = answer.wait().unwrap().status.success();
        let settled = stand.settled();
        let sessions = usize::try_from(id - 9).unwrap();
        let events = stand.record(sessions);
        let done = before - stand.orders();
        println!("{id}: {} {done}", settled.state());
        match settled.state() {
            "approved" => assert!(answered && done <= 1),
            "gave_up" => assert!(!answered && done == 0),
            other => panic!("{other}"),
        }
        let intents = events.iter().filter(|event| {
            matches!(event, Event::Intent(intent)
            if matches!(intent.verdict, VerdictSummary::Allow { .. }))
        });
        assert!(intents.count() <= usize::from(answered));
        let completed = events.iter().filter(|event| {
            matches!(event, Event::Outcome { outcome, .. }
            if matches!(outcome.status, Status::Completed { .. }))
        });
        assert!(completed.count() <= 1);
    }
}
