//! How many rows a statement concerns, against real clients: by its text, by a parameter, and as the
//! target's planner thinks; and what a write's COPY shows.

use testbed::Postgres;
use tokio_postgres::{Client, error::SqlState, types::ToSql};
use weir_record::{Entry, Event};

use crate::{
    common::Gate,
    killed::wait_until,
    server,
    signals::{gate_of, intents, run, with_client},
};

const FEW: &str = r#"
@id("all")
permit (principal, action in Weir::Action::"command", resource);
@id("few-people")
forbid (principal, action in Weir::Action::"read", resource)
when { resource.name == "people" }
unless { context has row_limit && context.row_limit <= 2 && !context.gathers_rows };
"#;

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

const SIGNALS: &str = "";

async fn refused(client: &Client, sql: &str, parameters: &[&(dyn ToSql + Sync)], rule: &str) {
    let error = match client.query(sql, parameters).await {
        Ok(rows) => panic!("{sql} gave {} rows", rows.len()),
        Err(error) => error,
    };
    let told = error.as_db_error().unwrap();
    assert_eq!(told.code(), &SqlState::INSUFFICIENT_PRIVILEGE, "{sql}");
    assert!(told.detail().unwrap().contains(rule), "{sql}: {told:?}");
}

/// Refused for want of an estimate, before the target could say what is wrong with it.
async fn untold(client: &Client, sql: &str) {
    let told = client.batch_execute(sql).await.unwrap_err();
    assert_eq!(
        told.code(),
        Some(&SqlState::INSUFFICIENT_PRIVILEGE),
        "{sql}"
    );
}

async fn rows(client: &Client, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> usize {
    match client.query(sql, parameters).await {
        Ok(rows) => rows.len(),
        Err(error) => panic!("{sql}: {error:?}"),
    }
}

fn changed(server: &Postgres, table: &str) -> u64 {
    let count = format!("SELECT count(*) FROM {table} WHERE n <> 0");
    let told = server.psql_as_superuser(&count).unwrap();
    told.trim().parse().unwrap()
}

#[test]
fn an_answer_is_limited_by_what_its_text_and_its_parameters_say() {
    let server = server();
    let views =
        "SET ROLE app; CREATE VIEW everybody AS SELECT array_agg(name) AS names FROM people";
    server.psql_as_superuser(views).unwrap();
    let gate = gate_of(&server, FEW, SIGNALS);
    let few = "few-people";
    with_client(&gate, |client| async move {
        let by_parameter = "SELECT name FROM people ORDER BY id LIMIT $1";
        assert_eq!(rows(&client, by_parameter, &[&2_i64]).await, 2);
        refused(&client, by_parameter, &[&3_i64], few).await;
        // NULL is no limit
        refused(&client, by_parameter, &[&None::<i64>], few).await;
        // One statement, bound with values that differ in what they may.
        let prepared = client.prepare(by_parameter).await.unwrap();
        assert_eq!(client.query(&prepared, &[&1_i64]).await.unwrap().len(), 1);
        let told = client.query(&prepared, &[&1000_i64]).await.unwrap_err();
        assert!(told.as_db_error().unwrap().detail().unwrap().contains(few));
        assert_eq!(client.query(&prepared, &[&2_i64]).await.unwrap().len(), 2);
        // What SQL runs by a name has no value that is known.
        client
            .batch_execute("PREPARE mine AS SELECT name FROM people LIMIT 2")
            .await
            .unwrap();
        assert_eq!(client.simple_query("EXECUTE mine").await.unwrap().len(), 4);
        let open = client.batch_execute("PREPARE yours AS SELECT name FROM people LIMIT $1");
        assert!(open.await.is_err());
        for n in 0..20 {
            let execute = format!("EXECUTE s{n}(1000)");
            assert!(client.simple_query(&execute).await.is_err(), "{execute}");
        }
        assert_eq!(
            rows(&client, "SELECT name FROM people LIMIT 2", &[]).await,
            2
        );
        for sql in [
            "SELECT name FROM people",
            "SELECT name FROM people LIMIT 3",
            "SELECT array_agg(name) FROM people LIMIT 1",
            "SELECT ARRAY(SELECT name FROM people) LIMIT 1",
            "SELECT names FROM everybody LIMIT 1",
            "WITH RECURSIVE r (n, s) AS (SELECT 0, '' UNION ALL SELECT n + 1, s || name \
             FROM r JOIN people ON id = n + 1) SELECT s FROM r ORDER BY n DESC LIMIT 1",
            "SELECT name FROM people ORDER BY born FETCH FIRST 2 ROWS WITH TIES",
        ] {
            refused(&client, sql, &[], few).await;
        }
    });
    let intents = intents(&gate);
    let judged = intents.iter().filter_map(|intent| intent.context);
    let limits: Vec<u64> = judged.filter_map(|context| context.rows.limit).collect();
    assert!(
        limits.contains(&2) && limits.contains(&3) && limits.contains(&1000),
        "{limits:?}"
    );
}

#[test]
fn the_count_of_an_execute_limits_no_portal() {
    let server = server();
    let gate = gate_of(&server, FEW, SIGNALS);
    with_client(&gate, |mut client| async move {
        let transaction = client.transaction().await.unwrap();
        let told = transaction.bind("SELECT name FROM people", &[]).await;
        let told = told
            .err()
            .expect("a portal that any number of Executes may read");
        assert!(
            told.as_db_error()
                .unwrap()
                .detail()
                .unwrap()
                .contains("few-people")
        );
        drop(transaction);
        // One that is limited stays so, whatever each Execute asks for.
        let transaction = client.transaction().await.unwrap();
        let portal = transaction
            .bind("SELECT name FROM people LIMIT 2", &[])
            .await
            .unwrap();
        assert_eq!(transaction.query_portal(&portal, 1).await.unwrap().len(), 1);
        assert_eq!(
            transaction.query_portal(&portal, 1000).await.unwrap().len(),
            1
        );
        let cursor = "DECLARE c CURSOR FOR SELECT name FROM people";
        assert!(transaction.batch_execute(cursor).await.is_err());
    });
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
    let log = std::fs::read_to_string(server.log()).unwrap();
    for broken in ["unexpected EOF", "unexpected eof", "could not receive"] {
        let of_planner = |line: &&str| line.contains(&format!("[{}]", first.get()));
        let told = log.lines().filter(of_planner).find(|l| l.contains(broken));
        assert_eq!(told, None, "it says goodbye");
    }
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

#[test]
fn a_write_is_copied_out_as_what_it_is_and_shows_no_masked_value() {
    let server = server();
    let gate = Gate::before(&server);
    let out = run(
        &gate,
        &[
            "COPY (DELETE FROM orders WHERE id = 1 RETURNING id, item) TO STDOUT (FORMAT csv)",
            "COPY (DELETE FROM orders RETURNING id) TO STDOUT",
            "COPY (UPDATE people SET name = 'x' WHERE id = 1 RETURNING id, email) TO STDOUT",
            "COPY (UPDATE people SET name = 'x' WHERE id = 1 RETURNING *) TO STDOUT",
            "COPY (UPDATE people SET name = 'y' WHERE id = 2 RETURNING id) TO STDOUT",
        ],
    );
    let (told, wrong) = (out.stdout_text(), out.stderr_text());
    assert!(
        told.lines().any(|line| line.starts_with("1,")),
        "{told}{wrong}"
    );
    assert!(told.lines().any(|line| line == "2"), "{told}{wrong}");
    assert!(!told.contains('@'), "{told}");
    assert_eq!(wrong.matches("no-bulk-write").count(), 1, "{wrong}");
    assert_eq!(wrong.matches("mask-copy").count(), 2, "{wrong}");
    let names = server.psql_as_superuser("SELECT name FROM people WHERE id < 3 ORDER BY id");
    assert_eq!(
        names.unwrap().lines().collect::<Vec<_>>(),
        ["Ada Brandt", "y"]
    );
    let ended = gate.ended(1);
    assert_eq!(ended[0].rows, 2);
}
