//! Real drivers through the gate: what they do without thinking of weir must work, and what is
//! masked must stay masked in each of their formats.

use std::{future::Future, time::Duration};

use futures_util::{SinkExt as _, TryStreamExt as _};
use testbed::Spawn;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage, error::SqlState};
use weir_policy::{Policies, Source};
use weir_record::Status;

use crate::{common::Gate, stand};

pub(crate) fn with_client<F: Future<Output = ()>>(gate: &Gate, run: impl FnOnce(Client) -> F) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = format!(
        "host=127.0.0.1 port={} user=agent dbname=shop sslmode=disable",
        gate.address.port()
    );
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(&config, NoTls).await.unwrap();
        let driver = tokio::spawn(connection);
        tokio::time::timeout(Duration::from_secs(60), run(client))
            .await
            .expect("in time");
        driver.abort();
    });
}

fn rows(messages: Vec<SimpleQueryMessage>) -> Vec<Vec<Option<String>>> {
    let rows = messages.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(
            (0..row.len())
                .map(|i| row.get(i).map(str::to_owned))
                .collect(),
        ),
        _ => None,
    });
    rows.collect()
}

#[test]
fn binary_results_are_masked_and_keep_their_types() {
    let (server, gate) = stand();
    with_client(&gate, |client| async move {
        let sql = "SELECT id, name, email, card_number, born FROM people WHERE id = $1";
        for id in [1_i32, 2, 1] {
            let row = client.query_one(sql, &[&id]).await.unwrap();
            assert_eq!(row.get::<_, i32>("id"), id);
            assert!(!row.get::<_, String>("name").is_empty());
            assert!(row.get::<_, String>("email").starts_with('*'));
            assert!(row.get::<_, String>("card_number").starts_with('*'));
        }
        let aliased = client.query_one("SELECT p.email AS harmless FROM people p LIMIT 1", &[]);
        assert!(aliased.await.unwrap().get::<_, String>(0).starts_with('*'));
    });
    drop(server);
}

#[test]
fn what_others_change_meanwhile_is_masked_too() {
    let (server, gate) = stand();
    let direct = &server;
    with_client(&gate, |client| async move {
        client.simple_query("SELECT 1").await.unwrap();
        tokio::time::sleep(Duration::from_millis(1100)).await;
        let made = "CREATE TABLE fresh (id int, email text); \
                    INSERT INTO fresh VALUES (1, 'fresh@example.com'); \
                    CREATE VIEW fresh_view AS SELECT email AS other FROM fresh; \
                    ALTER TABLE notes ADD email text; \
                    ALTER TABLE people ADD login text GENERATED ALWAYS AS (lower(email)) STORED; \
                    CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS \
                    $$ BEGIN RAISE NOTICE '%', (SELECT max(email) FROM people); RETURN NEW; END $$; \
                    CREATE TRIGGER tell BEFORE INSERT ON fresh EXECUTE FUNCTION tell(); \
                    CREATE TABLE ruled (id int); \
                    CREATE RULE also AS ON INSERT TO ruled DO ALSO SELECT upper(email) FROM people; \
                    GRANT ALL ON ALL TABLES IN SCHEMA public TO app";
        direct.psql_as_superuser(made).unwrap();
        for sql in [
            "SELECT upper(email) FROM fresh",
            "SELECT other, upper(other) FROM fresh_view",
            "COPY fresh TO STDOUT",
            "SELECT login, login || '' FROM people",
            "INSERT INTO ruled VALUES (1)",
        ] {
            let shown = format!("{:?}", client.simple_query(sql).await).to_lowercase();
            assert!(!shown.contains("example.com\""), "{sql}: {shown}");
            assert!(!shown.contains("fresh@e"), "{sql}: {shown}");
        }
        // A name that isn't there is the agent's own mistake, and told as such.
        let unknown = client
            .simple_query("SELECT * FROM nowhere")
            .await
            .unwrap_err();
        assert!(unknown.as_db_error().unwrap().message().contains("nowhere"));
    });
    let out = gate.psql("INSERT INTO fresh VALUES (2, 'x') RETURNING upper(email)");
    let told = format!("{}{}", out.stdout_text(), out.stderr_text());
    assert!(
        !told.contains("NOTICE") && !told.contains("@example.com"),
        "{told}"
    );
}

#[test]
fn a_refusal_in_a_transaction_aborts_it_as_an_error_would() {
    let (server, gate) = stand();
    with_client(&gate, |client| async move {
        client.batch_execute("BEGIN").await.unwrap();
        client
            .execute("UPDATE orders SET item = 'kept?' WHERE id = 1", &[])
            .await
            .unwrap();
        let refused = client.execute("DELETE FROM orders", &[]).await.unwrap_err();
        let error = refused.as_db_error().unwrap();
        assert_eq!(error.code(), &SqlState::INSUFFICIENT_PRIVILEGE);
        assert!(
            error.detail().unwrap().contains("rule no-bulk-write"),
            "{error:?}"
        );
        let next = client.query("SELECT 1", &[]).await.unwrap_err();
        assert_eq!(next.code(), Some(&SqlState::IN_FAILED_SQL_TRANSACTION));
        client.batch_execute("ROLLBACK").await.unwrap();
        let item = client
            .query_one("SELECT item FROM orders WHERE id = 1", &[])
            .await
            .unwrap();
        assert_ne!(item.get::<_, String>(0), "kept?");
    });
    drop(server);
}

#[test]
fn a_pipeline_goes_on_after_a_refusal_and_savepoints_hold() {
    let (server, gate) = stand();
    with_client(&gate, |client| async move {
        let statement = client.prepare("SELECT $1::int4 + 1").await.unwrap();
        let (one, two, three) = tokio::join!(
            client.query_one(&statement, &[&1_i32]),
            client.query("TRUNCATE orders", &[]),
            client.query_one(&statement, &[&3_i32]),
        );
        assert_eq!(one.unwrap().get::<_, i32>(0), 2);
        assert!(
            two.unwrap_err()
                .as_db_error()
                .unwrap()
                .message()
                .starts_with("weir:")
        );
        assert_eq!(three.unwrap().get::<_, i32>(0), 4);

        client.batch_execute("BEGIN; SAVEPOINT a").await.unwrap();
        client.batch_execute("DROP TABLE orders").await.unwrap_err();
        client.batch_execute("ROLLBACK TO a; COMMIT").await.unwrap();
        let many = client
            .simple_query("SELECT 1; SELECT 2; SELECT 3")
            .await
            .unwrap();
        assert_eq!(rows(many).len(), 3);
        let refused = client
            .simple_query("SELECT 1; DROP TABLE orders; SELECT 3")
            .await;
        assert!(refused.is_err());
        assert_eq!(
            rows(client.simple_query("SELECT 7").await.unwrap())[0][0].as_deref(),
            Some("7")
        );
    });
    let left = server
        .psql_as_superuser("SELECT count(*) > 0 FROM orders")
        .unwrap();
    assert_eq!(left.trim(), "t");
}

#[test]
fn copies_cursors_and_cancels_work() {
    let (server, gate) = stand();
    with_client(&gate, |client| async move {
        let id = rows(
            client
                .simple_query("SELECT max(id) FROM orders")
                .await
                .unwrap(),
        );
        assert!(id[0][0].is_some());
        let text = "COPY orders (id, person_id, item, amount, placed) FROM STDIN";
        let sink = client.copy_in::<_, bytes::Bytes>(text).await.unwrap();
        let mut sink = Box::pin(sink);
        sink.send(bytes::Bytes::from_static(
            b"9001\t1\tfirst\t1\t2026-01-01\n9002\t1\tsecond\t2\t2026-01-01\n",
        ))
        .await
        .unwrap();
        assert_eq!(sink.as_mut().finish().await.unwrap(), 2);
        let out = client
            .copy_out("COPY orders (item) TO STDOUT")
            .await
            .unwrap();
        let all: Vec<bytes::Bytes> = out.try_collect().await.unwrap();
        assert!(all.concat().ends_with(b"first\nsecond\n"));

        let token = client.cancel_token();
        let (slept, ()) = tokio::join!(client.simple_query("SELECT pg_sleep(30)"), async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            token.cancel_query(NoTls).await.unwrap();
        });
        assert_eq!(slept.unwrap_err().code(), Some(&SqlState::QUERY_CANCELED));
        client.simple_query("SELECT 1").await.unwrap();
    });
    drop(server);
}

#[test]
fn a_reload_judges_what_was_prepared_before() {
    let (server, gate) = stand();
    let policies = gate.policies.clone();
    with_client(&gate, |client| async move {
        let statement = client
            .prepare("SELECT name FROM people WHERE id = 1")
            .await
            .unwrap();
        client.query_one(&statement, &[]).await.unwrap();
        let stricter = Policies::load(&[
            Source { name: "a.cedar".into(), text: "@id(\"all\") permit(principal, action, resource);".into() },
            Source {
                name: "b.cedar".into(),
                text: "@id(\"no-people\") @message(\"people are private\") forbid(principal, action in Weir::Action::\"read\", resource) when { resource is Weir::Relation && resource.name == \"people\" };".into(),
            },
        ])
        .unwrap();
        policies.send_replace(stricter.into());
        tokio::time::sleep(Duration::from_millis(200)).await;
        let refused = client.query_one(&statement, &[]).await.unwrap_err();
        assert!(
            refused
                .as_db_error()
                .unwrap()
                .detail()
                .unwrap()
                .contains("no-people")
        );
        client
            .simple_query("SELECT count(*) FROM orders")
            .await
            .unwrap();
    });
    drop(server);
}

#[test]
fn the_record_tells_what_each_command_became() {
    let (server, gate) = stand();
    gate.psql_with(&[
        "-c",
        "SELECT name FROM people",
        "-c",
        "DROP TABLE orders",
        "-c",
        "SELECT 1/0",
    ]);
    let ended = gate.ended(1);
    let path = weir_record::find(&gate.records, &ended[0].start.id.to_string()).unwrap();
    let outcomes: Vec<Status> = weir_record::SessionReader::open(&path)
        .unwrap()
        .filter_map(|entry| match entry.unwrap() {
            weir_record::Entry::Event(weir_record::Event::Outcome { outcome, .. }) => {
                Some(outcome.status)
            }
            _ => None,
        })
        .collect();
    assert!(matches!(&outcomes[0], Status::Completed { tag } if tag.starts_with("SELECT ")));
    assert_eq!(outcomes[1], Status::Refused);
    assert!(matches!(&outcomes[2], Status::Failed { code, .. } if code == "22012"));
    drop(server);
}

#[test]
fn python_drivers_work_and_see_masked_values() {
    let (server, gate) = stand();
    let script = format!(
        r#"
import asyncio, asyncpg, psycopg
where = dict(host="127.0.0.1", port={port}, user="agent")
with psycopg.connect(dbname="shop", sslmode="require", **where) as c:
    print("psycopg", c.execute("SELECT email FROM people WHERE id = %s", (1,)).fetchone()[0])
    with c.cursor(binary=True) as b:
        print("binary", b.execute("SELECT card_number FROM people WHERE id = %s", (1,)).fetchone()[0])
    for _ in range(8):
        assert c.execute("SELECT %s::int", (3,)).fetchone()[0] == 3
    with c.cursor("server_side") as s:
        s.execute("SELECT id, email FROM people")
        assert len(s.fetchmany(5)) == 5
    with c.pipeline():
        rows = [c.execute("SELECT %s::int", (i,)) for i in range(5)]
    assert [r.fetchone()[0] for r in rows] == [0, 1, 2, 3, 4]
    c.commit()
    try:
        c.execute("DELETE FROM orders")
    except psycopg.errors.InsufficientPrivilege as e:
        print("refused", "no-bulk-write" in e.diag.message_detail)
    c.rollback()
    c.execute("SELECT 1")
async def main():
    c = await asyncpg.connect(database="shop", ssl=False, **where)
    print("asyncpg", await c.fetchval("SELECT email FROM people WHERE id = $1", 1))
    async with c.transaction():
        async for row in c.cursor("SELECT id, email FROM people", prefetch=3):
            assert row["email"].startswith("*")
    try:
        await c.execute("TRUNCATE orders")
    except asyncpg.InsufficientPrivilegeError:
        print("asyncpg refused")
    await c.close()
asyncio.run(main())
"#,
        port = gate.address.port()
    );
    let python = testbed::venv().unwrap();
    let out = Spawn::new(python)
        .args(["-c", &script])
        .deadline(Duration::from_secs(60))
        .run()
        .unwrap();
    let shown = out.stdout_text();
    println!("{shown}\n{}", out.stderr_text());
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 5, "{shown}\n{}", out.stderr_text());
    assert!(lines[0].starts_with("psycopg *") && lines[1].starts_with("binary *"));
    assert_eq!(lines[2], "refused True");
    assert!(lines[3].starts_with("asyncpg *"));
    drop(server);
}
