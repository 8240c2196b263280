//! Ways around: to a value that is masked, and to a write that may not be.

use crate::stand;

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
