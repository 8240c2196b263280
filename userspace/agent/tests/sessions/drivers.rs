//! Real drivers through the gate: what they do without thinking of weir must work, and what is
//! masked must stay masked in each of their formats.

use std::{future::Future, time::Duration};

use futures_util::{SinkExt as _, TryStreamExt as _};
use testbed::{Postgres, Spawn};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage, error::SqlState};
use weir_policy::{Policies, Source};
use weir_record::Status;

use crate::common::Gate;

fn stand() -> (Postgres, Gate) {
    let server = Postgres::builder()
        .tls(true)
        .sample_data(true)
        .start()
        .unwrap();
    let gate = Gate::before(&server);
    (server, gate)
}

fn with_client<F: Future<Output = ()>>(gate: &Gate, run: impl FnOnce(Client) -> F) {
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
fn no_detour_shows_a_masked_value() {
    let (server, gate) = stand();
    // What a database's owner may have made: code that reads tables behind a view, a row, a group.
    server
        .psql_as_superuser(
            "CREATE FUNCTION mail_of(int) RETURNS text LANGUAGE sql AS 'SELECT email FROM people WHERE id = $1';
             CREATE VIEW owners AS SELECT id, mail_of(person_id) AS who FROM orders;
             CREATE FUNCTION label(people) RETURNS text LANGUAGE sql AS 'SELECT $1.email';
             CREATE FUNCTION told(int[]) RETURNS text LANGUAGE sql AS 'SELECT string_agg(email, $$,$$) FROM people';
             CREATE AGGREGATE mails(int) (SFUNC = array_append, STYPE = int[], FINALFUNC = told, INITCOND = '{}');
             GRANT SELECT ON owners TO app",
        )
        .unwrap();
    let clear = server
        .psql_as_superuser("SELECT email FROM people UNION ALL SELECT card_number FROM people")
        .unwrap();
    let detours = [
        "SELECT email FROM people",
        "SELECT email AS x FROM people",
        "SELECT upper(email), lower(card_number) FROM people",
        "SELECT email || '' FROM people",
        "SELECT p FROM people p",
        "SELECT people FROM people",
        "SELECT row_to_json(p) FROM people p",
        "SELECT to_jsonb(p)->>'email' FROM people p",
        "SELECT (p).email FROM people p",
        "SELECT string_agg(email, ',') FROM people",
        "SELECT array_agg(email) FROM people",
        "SELECT x FROM (SELECT email AS x FROM people) s",
        "WITH s AS (SELECT email AS x FROM people) SELECT x FROM s",
        "WITH s AS (SELECT email AS x FROM people) SELECT x || '' FROM s",
        "WITH s(x) AS (SELECT email FROM people) SELECT count(*), max(x) FROM s",
        "SELECT email FROM people UNION SELECT card_number FROM people",
        "SELECT (SELECT email FROM people WHERE id = 1)",
        "SELECT * FROM people NATURAL JOIN (SELECT id, email FROM people) s",
        "SELECT substring(email, 1, 5), right(email, 5), reverse(email) FROM people",
        "SELECT email::bytea FROM people",
        "SELECT email::int FROM people",
        "SELECT 1/(length(email)-length(email)) FROM people",
        "TABLE people",
        "COPY people TO STDOUT",
        "COPY (SELECT email FROM people) TO STDOUT (FORMAT binary)",
        "BEGIN; DECLARE c CURSOR FOR SELECT email, upper(email) FROM people; FETCH ALL FROM c; COMMIT",
        "PREPARE q AS SELECT email, lower(email) FROM people; EXECUTE q",
        "EXPLAIN ANALYZE SELECT email FROM people WHERE email LIKE '%a%'",
        "CREATE TEMP TABLE t AS SELECT email AS x FROM people; SELECT x FROM t",
        "SELECT email AS x INTO TEMP t FROM people; SELECT x FROM t",
        "INSERT INTO orders (id, item) SELECT 9000 + id, email FROM people; SELECT item FROM orders WHERE id > 9000",
        "UPDATE people SET name = email WHERE id = 1 RETURNING name",
        "UPDATE people SET name = name WHERE id = 1 RETURNING email, upper(email), people",
        "SELECT most_common_vals FROM pg_stats WHERE tablename = 'people'",
        "SELECT most_common_vals::text FROM pg_stats WHERE tablename = 'people'",
        "SELECT query_to_xml('SELECT email FROM people', true, true, '')",
        "SELECT table_to_xml('people', true, true, '')",
        "DO $$ BEGIN RAISE NOTICE '%', (SELECT string_agg(email, ' ') FROM people); END $$",
        "SELECT set_config('a.b', email, false) FROM people; SELECT current_setting('a.b')",
        "SELECT format('%s', p) FROM people p",
        "SELECT jsonb_path_query(to_jsonb(p), '$.*') FROM people p",
        "SELECT * FROM people p, LATERAL (SELECT p.email AS y) l",
        "SELECT * FROM json_to_recordset((SELECT json_agg(p) FROM people p)) AS r(email text)",
        "SELECT unnest(array(SELECT email FROM people))",
        "SELECT U&\"\\0065mail\" FROM people",
        "SELECT \"email\" FROM \"public\".\"people\"",
        "VALUES ((SELECT email FROM people LIMIT 1))",
        "SELECT c || '' FROM (people CROSS JOIN (VALUES (1)) x) AS j(a, b, c, d, e, f)",
        "COPY (SELECT d || '' FROM (people CROSS JOIN orders) AS j(a, b, c, d)) TO STDOUT",
        "UPDATE people AS excluded SET name = excluded.email WHERE id = 1 RETURNING name",
        "MERGE INTO people AS excluded USING (VALUES (2)) s(x) ON excluded.id = s.x WHEN MATCHED THEN UPDATE SET name = excluded.email",
        "SELECT name FROM people",
        "SELECT lo_from_bytea(4242, convert_to(email, 'UTF8')) FROM people WHERE id = 1; SELECT convert_from(lo_get(4242), 'UTF8')",
        "SELECT pg_advisory_lock(card_number::bigint) FROM people WHERE id = 1; SELECT (classid::bigint << 32) + objid::bigint FROM pg_locks WHERE locktype = 'advisory'",
        "BEGIN; SELECT lo_lseek64(lo_open(lo_create(0), 131072), card_number::bigint, 0) FROM people WHERE id = 1; SELECT lo_tell64(0); COMMIT",
        "SELECT who FROM owners",
        "SELECT who || '' FROM owners",
        "COPY (SELECT who FROM owners) TO STDOUT",
        "SELECT p.label FROM people p",
        "SELECT people.label || '' FROM people",
        "COPY (SELECT p.label FROM people p) TO STDOUT",
        "SELECT mails(id) FROM people",
    ];
    for sql in detours {
        let out = gate.psql(sql);
        let seen = format!("{}{}", out.stdout_text(), out.stderr_text()).to_lowercase();
        for value in clear.lines() {
            let reversed: String = value.chars().rev().collect();
            let start: String = value.chars().take(9).collect();
            for shape in [value, reversed.as_str(), start.as_str()] {
                assert!(
                    !seen.contains(&shape.to_lowercase()),
                    "{sql} showed {shape}:\n{seen}"
                );
            }
        }
    }
    let served = server
        .psql_as_superuser("SELECT count(*) FROM orders WHERE id > 9000")
        .unwrap();
    assert_eq!(served.trim(), "0");
}

#[test]
fn no_detour_writes_what_may_not_be_written() {
    let (server, gate) = stand();
    let look = "SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM people), \
                (SELECT md5(string_agg(o::text, '' ORDER BY id)) FROM orders o)";
    let before = server.psql_as_superuser(look).unwrap();
    let detours = [
        "DELETE FROM orders",
        "DELETE FROM orders WHERE true",
        "DELETE FROM orders WHERE 1 = 1 OR id = 3",
        "DELETE FROM orders WHERE id = id",
        "UPDATE orders SET item = 'x'",
        "TRUNCATE orders",
        "/* hi */ DELETE /* there */ FROM ONLY orders",
        "PREPARE d AS DELETE FROM orders; EXECUTE d",
        "PREPARE d(int) AS UPDATE orders SET item = 'x'; EXECUTE d(1)",
        "EXPLAIN ANALYZE DELETE FROM orders",
        "EXPLAIN (ANALYZE true, COSTS off) UPDATE orders SET item = 'x'",
        "WITH gone AS (DELETE FROM orders RETURNING *) SELECT count(*) FROM gone",
        "WITH gone AS (DELETE FROM orders RETURNING id) INSERT INTO notes SELECT id FROM gone",
        "SELECT 1; DELETE FROM orders; SELECT 2",
        "DO $$ BEGIN DELETE FROM orders; END $$",
        "DROP TABLE orders CASCADE",
        "ALTER TABLE orders DROP COLUMN item",
        "ALTER TABLE orders RENAME TO gone",
        "CREATE RULE r AS ON SELECT TO people DO INSTEAD NOTHING",
        "MERGE INTO orders o USING people p ON true WHEN MATCHED THEN DELETE",
        "SET ROLE postgres",
        "SET SESSION AUTHORIZATION postgres",
        "RESET ROLE",
        "GRANT ALL ON orders TO PUBLIC",
        "ALTER ROLE app SUPERUSER",
        "CREATE ROLE x LOGIN",
        "ALTER SYSTEM SET log_statement = 'none'",
        "COPY orders TO PROGRAM 'cat'",
        "COPY orders FROM '/etc/passwd'",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT lo_export(1, '/tmp/x')",
        "SELECT pg_terminate_backend(1)",
        "SELECT dblink_exec('', 'DELETE FROM orders')",
        "SET standard_conforming_strings = off",
        "SET client_encoding = 'SJIS'",
        "SELECT set_config('standard_conforming_strings', 'off', false)",
        "SELECT set_config('role', 'postgres', false)",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE EXTENSION dblink",
        "SELECT 'a\\'; DELETE FROM orders --'",
        "VACUUM FULL orders",
    ];
    for sql in detours {
        let out = gate.psql(sql);
        assert!(
            out.stderr_text().contains("weir:"),
            "{sql}: {}{}",
            out.stdout_text(),
            out.stderr_text()
        );
    }
    assert_eq!(server.psql_as_superuser(look).unwrap(), before);
    let received = server.received().unwrap();
    for word in [
        "DELETE",
        "TRUNCATE",
        "DROP",
        "GRANT",
        "PROGRAM",
        "pg_read_file",
    ] {
        let seen = received
            .iter()
            .find(|text| text.contains(word) && !text.contains("weir-setup"));
        assert!(seen.is_none(), "the server received {seen:?}");
    }
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
        told.contains("NOTICE") && !told.contains("@example.com"),
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
