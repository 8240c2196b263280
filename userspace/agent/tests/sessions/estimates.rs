//! How many rows a statement concerns, as the target's planner thinks, against real clients; and the
//! connection of weir's own that the planner is asked on.

use testbed::Postgres;
use tokio_postgres::{Client, error::SqlState};
use weir_record::{Entry, Event};

use crate::{
    killed::wait_until,
    rows::{SIGNALS, refused, rows},
    server,
    signals::{gate_of, intents, run, with_client},
};

const SMALL: &str = r#"
@id("all")
permit (principal, action in Weir::Action::"command", resource);
@id("small-changes")
@message("this may change more than 100 rows")
forbid (principal, action in Weir::Action::"write", resource)
unless { context has estimated_rows && context.estimated_rows <= 100 };
"#;

/// 20 000 rows in `public.big`, and two in `other.big`.
const BIG: &str = "
    SET ROLE app;
    CREATE TABLE big (id int PRIMARY KEY, n int NOT NULL DEFAULT 0);
    INSERT INTO big SELECT generate_series(1, 20000);
    CREATE SCHEMA other;
    CREATE TABLE other.big (id int PRIMARY KEY, n int NOT NULL DEFAULT 0);
    INSERT INTO other.big VALUES (1), (2);
    CREATE TABLE grows (n int NOT NULL);
    INSERT INTO grows SELECT 0 FROM generate_series(1, 5);
    CREATE VIEW bigger AS SELECT id, n FROM big;
    ANALYZE big; ANALYZE other.big; ANALYZE grows;
";

/// Refused for want of an estimate, before the target could say what is wrong with it.
async fn untold(client: &Client, sql: &str) {
    let told = client.batch_execute(sql).await.unwrap_err();
    assert_eq!(
        told.code(),
        Some(&SqlState::INSUFFICIENT_PRIVILEGE),
        "{sql}"
    );
}

fn changed(server: &Postgres, table: &str) -> u64 {
    let count = format!("SELECT count(*) FROM {table} WHERE n <> 0");
    let told = server.psql_as_superuser(&count).unwrap();
    told.trim().parse().unwrap()
}

#[test]
fn a_change_is_judged_by_what_the_planner_thinks_that_it_is() {
    let server = server();
    server.psql_as_superuser(BIG).unwrap();
    let gate = gate_of(&server, SMALL, SIGNALS);
    let small = "small-changes";
    with_client(&gate, |client| async move {
        for sql in [
            "UPDATE big SET n = 1 WHERE id = 5",
            "INSERT INTO big (id) VALUES (30001), (30002)",
            "DELETE FROM bigger WHERE id = 6",
            "WITH u AS (UPDATE big SET n = 1 WHERE id = 7 RETURNING id) SELECT id FROM u",
        ] {
            rows(&client, sql, &[]).await;
        }
        let by_parameter = "UPDATE big SET n = 2 WHERE id < $1 AND id > $2";
        rows(&client, by_parameter, &[&12_i32, &10_i32]).await;
        refused(&client, by_parameter, &[&20_000_i32, &10_i32], small).await;
        rows(&client, by_parameter, &[&13_i32, &11_i32]).await;
        for sql in [
            "UPDATE big SET n = 3 WHERE id > 5",
            "UPDATE big SET n = 3",
            "DELETE FROM bigger WHERE id > 5",
            "INSERT INTO big (id) SELECT id + 50000 FROM big",
            "WITH u AS (UPDATE big SET n = 3 WHERE id > 9 RETURNING id) SELECT id FROM u LIMIT 1",
            "MERGE INTO big USING other.big o ON big.id > o.id WHEN MATCHED THEN UPDATE SET n = 3",
            // of these nothing can be told
            "UPDATE big SET n = 3 WHERE id = abs(5)",
            "UPDATE big SET n = 3 WHERE id = 5 AND 'ä' = 'ä'",
            "EXPLAIN ANALYZE UPDATE big SET n = 3 WHERE id = 5",
        ] {
            refused(&client, sql, &[], small).await;
        }
        for sql in [
            "UPDATE big SET n = 3 WHERE id = 5; UPDATE big SET n = 3 WHERE id = 6",
            "PREPARE p AS UPDATE big SET n = 3 WHERE id = 5",
            "COPY (UPDATE big SET n = 3 WHERE id = 5 RETURNING id) TO STDOUT",
        ] {
            assert!(client.batch_execute(sql).await.is_err(), "{sql}");
        }
    });
    assert_eq!(changed(&server, "big"), 4);
    // What policy wasn't told, and why, is on record.
    let summary = &gate.summaries()[0];
    let path = weir_record::store::path_of(&gate.records, summary.start.id);
    let entries = weir_record::SessionReader::open(&path).unwrap();
    let notes: Vec<String> = entries
        .filter_map(|entry| match entry.unwrap() {
            Entry::Event(Event::Note { message, .. }) => Some(message),
            _ => None,
        })
        .collect();
    for why in ["calls functions", "not plain ASCII", "syntax error"] {
        let told = |note: &&String| note.contains("can't be estimated") && note.contains(why);
        assert!(notes.iter().any(|note| told(&note)), "{why}: {notes:?}");
    }
    let intents = intents(&gate);
    let judged = intents.iter().filter_map(|intent| intent.context);
    let estimates: Vec<u64> = judged
        .filter_map(|context| context.rows.estimated)
        .collect();
    assert!(
        estimates.contains(&1) && estimates.iter().any(|rows| *rows > 10_000),
        "{estimates:?}"
    );
}

#[test]
fn an_estimate_is_of_the_relation_that_the_session_means() {
    let server = server();
    server.psql_as_superuser(BIG).unwrap();
    let gate = gate_of(&server, SMALL, SIGNALS);
    let update = "UPDATE big SET n = 7";
    let out = run(
        &gate,
        &[
            update,
            "SET search_path = other",
            update,
            "SET search_path = public",
            update,
        ],
    );
    assert_eq!(
        out.stdout_text().matches("UPDATE 2").count(),
        1,
        "{}",
        out.stderr_text()
    );
    assert_eq!(
        out.stderr_text().matches("small-changes").count(),
        2,
        "{}",
        out.stderr_text()
    );
    assert_eq!(
        (changed(&server, "big"), changed(&server, "other.big")),
        (0, 2)
    );
}

#[test]
fn an_estimate_is_made_anew_for_each_message() {
    let server = server();
    server.psql_as_superuser(BIG).unwrap();
    let gate = gate_of(&server, SMALL, SIGNALS);
    let grow = || {
        let more = "INSERT INTO grows SELECT 0 FROM generate_series(1, 5000); ANALYZE grows";
        server.psql_as_superuser(more).unwrap();
    };
    with_client(&gate, |client| async move {
        let prepared = client.prepare("UPDATE grows SET n = n").await.unwrap();
        assert_eq!(client.execute(&prepared, &[]).await.unwrap(), 5);
        grow();
        let told = client.execute(&prepared, &[]).await.unwrap_err();
        let told = told.as_db_error().unwrap();
        assert!(told.detail().unwrap().contains("small-changes"), "{told:?}");
    });
}

/// The connections for estimates that the server has: their processes, and what these are doing.
fn planners(server: &Postgres) -> Vec<(i32, String)> {
    let asked = "SELECT pid || ' ' || state FROM pg_stat_activity \
                 WHERE application_name = 'weir estimate' ORDER BY backend_start";
    let told = server.psql_as_superuser(asked).unwrap();
    let lines = told.lines().filter_map(|line| line.split_once(' '));
    lines
        .map(|(pid, state)| (pid.parse().unwrap(), state.to_owned()))
        .collect()
}

#[test]
fn a_session_keeps_a_connection_for_its_estimates_while_it_needs_one() {
    let server = server();
    server.psql_as_superuser(BIG).unwrap();
    let gate = gate_of(&server, SMALL, SIGNALS);
    let (small, one) = ("small-changes", "UPDATE big SET n = 1 WHERE id = $1");
    let first = std::cell::Cell::new(0);
    with_client(&gate, |client| {
        let (server, gate, first) = (&server, &gate, &first);
        async move {
            rows(&client, one, &[&1_i32]).await;
            let [(pid, state)] = &planners(server)[..] else {
                panic!("{:?}", planners(server));
            };
            let (pid, idle) = (*pid, "idle".to_owned());
            assert_eq!(*state, idle, "in no transaction");
            // What is refused, and what the planner doesn't take, leave it as it was.
            refused(&client, "UPDATE big SET n = 1", &[], small).await;
            untold(&client, "UPDATE big SET nothing = 1").await;
            untold(&client, "UPDATE big SET n = 1 WHERE id = 'x'").await;
            rows(&client, one, &[&2_i32]).await;
            assert_eq!(planners(server), [(pid, idle.clone())]);
            // Nobody else's session uses it.
            let to = format!(
                "host=127.0.0.1 port={} user=agent dbname=shop",
                gate.address.port()
            );
            let (other, connection) = tokio_postgres::connect(&to, tokio_postgres::NoTls)
                .await
                .unwrap();
            let driver = tokio::spawn(connection);
            rows(&client, one, &[&2_i32]).await;
            rows(&other, one, &[&3_i32]).await;
            let both = planners(server);
            assert!(both.len() == 2 && both[0].0 == pid, "{both:?}");
            // It ends with its session, and no sooner.
            drop(other);
            driver.await.unwrap().unwrap();
            wait_until("the other session's is gone", || {
                planners(server).len() == 1
            });
            // Where it is broken another takes its place, and the statement hears nothing of that.
            server
                .psql_as_superuser(&format!("SELECT pg_terminate_backend({pid}, 5000)"))
                .unwrap();
            rows(&client, one, &[&4_i32]).await;
            let [(another, _)] = &planners(server)[..] else {
                panic!("{:?}", planners(server));
            };
            assert_ne!(*another, pid);
            // Nobody's session holds one that it doesn't use.
            wait_until("an idle one is let go", || planners(server).is_empty());
            rows(&client, one, &[&5_i32]).await;
            let last = planners(server);
            assert_eq!(last.len(), 1);
            first.set(last[0].0);
        }
    });
    assert_ne!(first.get(), 0);
    wait_until("the session's is gone", || planners(&server).is_empty());
    assert_eq!(changed(&server, "big"), 5);
}

/// One estimate after the other in one connection: what one looked for its names in is nothing to the next.
#[test]
fn estimates_of_one_connection_leave_nothing_behind() {
    let server = server();
    server.psql_as_superuser(BIG).unwrap();
    let gate = gate_of(&server, SMALL, SIGNALS);
    let small = "small-changes";
    with_client(&gate, |client| async move {
        let update = "UPDATE big SET n = 7";
        for _ in 0..3 {
            refused(&client, update, &[], small).await;
            client
                .batch_execute("SET search_path = other")
                .await
                .unwrap();
            assert_eq!(client.execute(update, &[]).await.unwrap(), 2);
            refused(&client, "UPDATE public.big SET n = 7", &[], small).await;
            untold(&client, "UPDATE nowhere SET n = 7").await;
            client.batch_execute("RESET search_path").await.unwrap();
        }
    });
    assert_eq!(
        (changed(&server, "big"), changed(&server, "other.big")),
        (0, 2)
    );
}
