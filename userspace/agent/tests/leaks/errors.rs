//! By error: what a failing statement says of the row that it failed on.

use crate::stand::{Stand, Walk::Simple, Way};

#[test]
fn an_error_quotes_nothing() {
    let of = |path, texts| Way {
        path,
        walk: Simple(texts),
    };
    Stand::new().holds(&[
        of("a cast that fails", &["SELECT ssn::int FROM vault"]),
        of("one in a WHERE", &["SELECT 1 FROM vault WHERE ssn::int = 1"]),
        of("one in an assignment", &["UPDATE vault SET name = (SELECT ssn::int::text FROM vault WHERE id = 1) WHERE id = 2"]),
        of("one to JSON", &["SELECT (ssn || '{')::json FROM vault"]),
        of("a date cast", &["SELECT ssn::date FROM vault"]),
        of("a type's name", &["SELECT ssn::regtype FROM vault"]),
        of("a CHECK's detail", &["UPDATE vault SET id = -1 WHERE id = 1"]),
        of("a NOT NULL's detail", &["UPDATE vault SET name = NULL WHERE id = 1"]),
        of("a CHECK behind a view", &["UPDATE nameless SET id = -1 WHERE id = 1"]),
        of("a trigger's notice behind a view", &["UPDATE told_by SET id = 8 WHERE id = 1"]),
        of("a NOT NULL behind a foreign key", &["DELETE FROM firms WHERE id = 1"]),
        of("a foreign key's detail", &["DELETE FROM vault WHERE id = 1"]),
        of(
            "a foreign key's detail, deferred",
            &["SET CONSTRAINTS ALL DEFERRED", "UPDATE vault SET email = 'a@b' WHERE id = 1", "SET CONSTRAINTS ALL IMMEDIATE"],
        ),
        of("a unique index's detail", &["UPDATE vault SET ssn = (SELECT ssn FROM vault WHERE id = 1) WHERE id = 2"]),
        of("a range's parts", &["SELECT ssn::int4range FROM vault"]),
        of("a function's own message", &["SELECT fails(1)"]),
        of("RAISE NOTICE", &["SELECT aloud(1)"]),
        of("DO … RAISE NOTICE", &["DO $$ BEGIN RAISE NOTICE '%', (SELECT email FROM vault WHERE id = 1); END $$"]),
        of("a subquery's result as a name", &["SELECT (SELECT ssn FROM vault WHERE id = 1)::regclass"]),
        of("nextval of it", &["SELECT nextval(ssn) FROM vault"]),
        of("LIMIT of it", &["SELECT 1 LIMIT (SELECT ssn::int FROM vault WHERE id = 1)"]),
    ]);
}
