//! Changes of rows: predicates, derived values, and writes within other statements.

use super::check;

#[test]
fn predicates() {
    check(&[
        ("delete from t", "delete absent t:w"),
        ("delete from t where id = 1", "delete present t:w [id]"),
        ("delete from t where true", "delete trivial t:w"),
        ("delete from t where 1 = 1", "delete trivial t:w"),
        ("delete from t where $1", "delete trivial t:w"),
        (
            "delete from t where now() > '2020-01-01'",
            "delete trivial t:w now()",
        ),
        (
            "delete from t where exists (select * from u)",
            "delete trivial t:w u:r [*]",
        ),
        (
            "delete from t where id = 1 or true",
            "delete trivial t:w [id]",
        ),
        (
            "delete from t where (id = 1 or (name = 'x' or ('a' = 'a')))",
            "delete trivial t:w [id name]",
        ),
        (
            "delete from t where not (id = 1 and false)",
            "delete trivial t:w [id]",
        ),
        (
            "delete from t where not not (id = 1 or 2 > 1)",
            "delete trivial t:w [id]",
        ),
        (
            "delete from t where (id = 1 or true) is true",
            "delete trivial t:w [id]",
        ),
        ("delete from t where id = id", "delete trivial t:w [id]"),
        (
            "delete from t x where x.id = (id)",
            "delete trivial t:w [id]",
        ),
        (
            "delete from t where id is not distinct from id",
            "delete trivial t:w [id]",
        ),
        (
            "delete from t where not id <> id",
            "delete trivial t:w [id]",
        ),
        (
            "delete from t where id = 1 and true",
            "delete present t:w [id]",
        ),
        (
            "delete from t where id = 1 or false",
            "delete present t:w [id]",
        ),
        (
            "delete from t where not (id = 1 or true)",
            "delete present t:w [id]",
        ),
        (
            "delete from t using u where t.id = u.id",
            "delete present t:w u:r [id]",
        ),
        (
            "delete from t where id <> id or a = 1",
            "delete present t:w [a id]",
        ),
        ("update t set a = 1", "update absent t:w [a]"),
        ("update t set a = 1 where b", "update present t:w [a b]"),
        (
            "update only s.t x set a = 1 where x.b = 2",
            "update present s.t:w [a b]",
        ),
    ]);
}

#[test]
fn derived_values() {
    check(&[
        ("insert into t values (1, $1)", "insert t:w"),
        (
            "insert into t (a) values ((select b from u))",
            "insert t:w u:r [a b] +derives",
        ),
        (
            "insert into t select a from u",
            "insert t:w u:r [a] +derives",
        ),
        ("insert into t (a) table u", "insert t:w u:r [* a] +derives"),
        (
            "insert into t select * from unnest($1::int[])",
            "insert t:w [*] unnest()",
        ),
        ("insert into t default values", "insert t:w"),
        (
            "with c as (select a from u) insert into t select a from c",
            "insert t:w u:r [a] +derives",
        ),
        (
            "update t set a = b where id = 1",
            "update present t:w [a b id] +derives",
        ),
        (
            "update t set a = a + 1 where id = 1",
            "update present t:w [a id]",
        ),
        (
            "update t set a = u.a from u where t.id = u.id",
            "update present t:w u:r [a id] +derives",
        ),
        (
            "update t set a = (select b from u) where id = 1",
            "update present t:w u:r [a b id] +derives",
        ),
        (
            "update t set (a, b) = (b, a) where id = 1",
            "update present t:w [a b id] +derives",
        ),
        (
            "update t set a = t::text where id = 1",
            "update present t:w [* a id t] +derives",
        ),
        (
            "update t set a = default where id = 1",
            "update present t:w [a id]",
        ),
        (
            "insert into t (a) values (1) on conflict (id) do update set a = excluded.a, n = t.n + 1",
            "insert t:w [a id n]",
        ),
        // `excluded` is what the statement wants to insert only where it inserts
        (
            "update t as excluded set a = excluded.b where id = 1",
            "update present t:w [a b id] +derives",
        ),
        (
            "merge into t as excluded using (values (1)) s (x) on excluded.id = s.x
             when matched then update set a = excluded.b",
            "merge present t:w [a b id x] +derives",
        ),
        (
            "insert into t (a) values (1) on conflict on constraint k do update set a = t.b where t.c",
            "insert t:w [a b c] +derives",
        ),
        (
            "merge into t using s on t.id = s.id when matched and t.x then update set a = s.a
             when not matched then insert (id) values (s.id)",
            "merge present s:r t:w [a id x] +derives",
        ),
        (
            "merge into t using s on true when matched then delete",
            "merge trivial s:r t:w",
        ),
        // what its ON says bounds none of these
        (
            "merge into t using s on t.id = s.id when not matched by source then delete \
             when not matched by target then insert values (s.id)",
            "merge absent s:r t:w [id] +derives",
        ),
        (
            "merge into t using s on t.id = s.id when not matched by source and true then update set a = 1",
            "merge trivial s:r t:w [a id]",
        ),
        (
            "merge into t using s on t.id = s.id when not matched by source and t.x = 1 then delete",
            "merge present s:r t:w [id x]",
        ),
        (
            "merge into t using s on true when not matched by source and t.x = 1 then delete",
            "merge trivial s:r t:w [x]",
        ),
        (
            "merge into t using s on t.id = s.id when not matched by source and t.x then do nothing",
            "merge present s:r t:w [id x]",
        ),
        (
            "merge into t using s on t.id = s.id when matched by source then delete",
            "opaque syntax",
        ),
    ]);
}

#[test]
fn returning_reads() {
    check(&[
        (
            "delete from t where id = 1 returning email",
            "delete present t:r t:w [email id]",
        ),
        ("insert into t values (1) returning *", "insert t:r t:w [*]"),
        (
            "update t set a = 1 where b returning old",
            "update present t:r t:w [* a b old]",
        ),
    ]);
}

#[test]
fn writes_within_queries_count() {
    check(&[
        (
            "with d as (delete from t returning *) select * from d",
            "delete absent t:r t:w [*]",
        ),
        (
            "with d as (delete from t where a = 1) select 1",
            "delete present t:w [a]",
        ),
        (
            "with a as (delete from t where x = 1), b as (delete from u where true), c as (insert into v values (1)) select 1",
            "delete trivial t:w u:w v:w [x]",
        ),
        (
            "with a as (delete from t) update u set x = 1 where y",
            "delete absent t:w u:w [x y]",
        ),
        (
            "with a as (update t set x = 1) insert into u values (1)",
            "update absent t:w u:w [x]",
        ),
        // the table that is written is never a common table expression
        ("with t as (select 1) delete from t", "delete absent t:w"),
        (
            "with t as (select 1) update t set a = 1 where exists (select 1 from t)",
            "update trivial t:w [a]",
        ),
    ]);
}

#[test]
fn functions_that_write() {
    check(&[
        ("select setval('s.q', 5)", "update s.q:w setval()"),
        ("select setval($1, 5)", "update setval()"),
        (
            "select lo_unlink(1)",
            "update pg_catalog.pg_largeobject:w lo_unlink()",
        ),
        ("select nextval('q')", "select nextval()"),
        (
            "update pg_catalog.pg_authid set rolsuper = true where a",
            "update present pg_catalog.pg_authid:w [a rolsuper] +ddl +privilege",
        ),
    ]);
}
