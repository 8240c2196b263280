//! How many rows a statement concerns, against real clients: by its text and by a parameter; and what a
//! write's COPY shows.

use tokio_postgres::{Client, error::SqlState, types::ToSql};

use crate::{
    common::Gate,
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

pub(crate) const SIGNALS: &str = "";

pub(crate) async fn refused(
    client: &Client,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
    rule: &str,
) {
    let error = match client.query(sql, parameters).await {
        Ok(rows) => panic!("{sql} gave {} rows", rows.len()),
        Err(error) => error,
    };
    let told = error.as_db_error().unwrap();
    assert_eq!(told.code(), &SqlState::INSUFFICIENT_PRIVILEGE, "{sql}");
    assert!(told.detail().unwrap().contains(rule), "{sql}: {told:?}");
}

pub(crate) async fn rows(client: &Client, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> usize {
    match client.query(sql, parameters).await {
        Ok(rows) => rows.len(),
        Err(error) => panic!("{sql}: {error:?}"),
    }
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
