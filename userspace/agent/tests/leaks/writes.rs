//! By writing: what a change gives back, and what it puts where no mask follows.

use crate::stand::{Stand, Walk::Simple, Way};

#[test]
fn a_change_gives_back_nothing_clear() {
    let of = |path, texts| Way {
        path,
        walk: Simple(texts),
    };
    Stand::new().holds(&[
        of("UPDATE RETURNING", &["UPDATE vault SET name = 'x' WHERE id = 1 RETURNING email"]),
        of("UPDATE RETURNING *", &["UPDATE vault SET name = 'x' WHERE id = 1 RETURNING *"]),
        of("UPDATE RETURNING an expression", &["UPDATE vault SET name = 'x' WHERE id = 1 RETURNING upper(email)"]),
        of("DELETE RETURNING", &["DELETE FROM logins WHERE at > '2000-01-01' RETURNING email"]),
        of("UPDATE of a view RETURNING", &["UPDATE readers SET name = 'x' WHERE id = 1 RETURNING reached_at"]),
        of(
            "WITH … RETURNING",
            &["WITH u AS (UPDATE vault SET name = 'x' WHERE id = 1 RETURNING email AS a) SELECT a FROM u"],
        ),
        of(
            "ON CONFLICT RETURNING",
            &["INSERT INTO vault (id, firm_id, name) VALUES (1, 1, 'x') \
               ON CONFLICT (id) DO UPDATE SET name = 'y' RETURNING email"],
        ),
        of(
            "INSERT of it RETURNING",
            &["INSERT INTO firms SELECT 10, email FROM vault WHERE id = 1 RETURNING name"],
        ),
        of(
            "INSERT … SELECT",
            &["INSERT INTO firms SELECT 10, email FROM vault WHERE id = 1", "SELECT name FROM firms"],
        ),
        of(
            "UPDATE … FROM",
            &["UPDATE firms SET name = v.email FROM vault v WHERE v.firm_id = firms.id", "SELECT name FROM firms"],
        ),
        of(
            "UPDATE of a column by another",
            &["UPDATE vault SET name = email WHERE id = 1", "SELECT name FROM vault"],
        ),
        of(
            "MERGE",
            &["MERGE INTO firms f USING vault v ON v.firm_id = f.id WHEN MATCHED THEN UPDATE SET name = v.email",
              "SELECT name FROM firms"],
        ),
        of("CREATE TABLE AS", &["CREATE TABLE taken AS SELECT email AS a FROM vault", "SELECT a FROM taken"]),
        of("SELECT INTO", &["SELECT email AS a INTO taken FROM vault", "SELECT a FROM taken"]),
        of("CREATE TEMP TABLE AS", &["CREATE TEMP TABLE taken AS TABLE vault", "SELECT * FROM taken"]),
        of("CREATE VIEW", &["CREATE VIEW taken AS SELECT email AS a FROM vault", "SELECT a FROM taken"]),
        of("CREATE TEMP VIEW", &["CREATE TEMP VIEW taken AS SELECT email AS a FROM vault", "SELECT a FROM taken"]),
        of(
            "CREATE MATERIALIZED VIEW",
            &["CREATE MATERIALIZED VIEW taken AS SELECT email AS a FROM vault", "SELECT a FROM taken"],
        ),
        of(
            "CREATE FUNCTION",
            &["CREATE FUNCTION taken() RETURNS text LANGUAGE sql AS 'SELECT email FROM vault WHERE id = 1'",
              "SELECT taken()"],
        ),
        of("RENAME COLUMN", &["ALTER TABLE vault RENAME email TO a", "SELECT a FROM vault"]),
        of(
            "ADD GENERATED",
            &["ALTER TABLE derived ADD a text GENERATED ALWAYS AS (upper(email)) STORED", "SELECT a FROM derived"],
        ),
        of("ALTER … USING", &["ALTER TABLE derived ALTER id TYPE text USING email", "SELECT id FROM derived"]),
        of(
            "a setting",
            &["SELECT set_config('a.b', email, true) FROM vault WHERE id = 1", "SHOW a.b"],
        ),
        of(
            "application_name",
            &["SELECT set_config('application_name', email, true) FROM vault WHERE id = 1"],
        ),
        of(
            "a large object",
            &["SELECT lo_from_bytea(700001, api_key) FROM vault WHERE id = 1", "SELECT lo_get(700001)"],
        ),
        of(
            "a sequence",
            &["CREATE SEQUENCE counts", "SELECT setval('counts', account_number) FROM vault WHERE id = 1",
              "SELECT last_value FROM counts"],
        ),
        of(
            "an advisory lock",
            &["SELECT pg_advisory_xact_lock(account_number) FROM vault WHERE id = 1",
              "SELECT (classid::bigint << 32) + objid::bigint FROM pg_locks WHERE locktype = 'advisory'"],
        ),
    ]);
}
