//! Clauses that are taken out of a query to be read: what they name is not lost with them.

use super::{check, read};
use crate::model::Statement;

/// The columns by which a text decides.
fn deciding(text: &str) -> Vec<String> {
    match read(text).as_slice() {
        [Statement::Command(command)] => command.columns.deciding.iter().cloned().collect(),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn what_a_conflict_is_found_by() {
    check(&[
        (
            "insert into t (a) values (1) on conflict (lower(a)) do nothing",
            "insert t:w [a] lower()",
        ),
        (
            "insert into t (a) values (1) on conflict (a collate \"C\" text_ops, (b || c)) \
             where d > f(e) do update set a = excluded.a",
            "insert t:w [a b c d e] f()",
        ),
        (
            "insert into t (a) values (1) on conflict (a) where setval('s', 1) > 0 do nothing",
            "update s:w t:w [a] setval()",
        ),
        (
            "insert into t (a) values (1) on conflict (a b c d) do nothing",
            "opaque syntax",
        ),
        (
            "insert into t (a) values (1) on conflict (a) where b",
            "opaque syntax",
        ),
        (
            "insert into t (a) values (1) on conflict (a) where b c do nothing",
            "opaque syntax",
        ),
        (
            "insert into t (a) values (1) on conflict ((select x from u)) do nothing",
            "insert t:w u:r [a x]",
        ),
    ]);
    let text = "insert into t (a) values (1) on conflict (lower(b)) where c do nothing";
    assert_eq!(deciding(text), ["b", "c"]);
}

#[test]
fn rows_of_documents() {
    check(&[
        (
            "select j.a, t.b from t, json_table(t.doc, 'strict $[*]' as p passing t.n as n \
             columns (i for ordinality, a int path '$.a' default f(t.c) on empty null on error, \
             x jsonb format json with conditional wrapper omit quotes on scalar string, \
             e boolean exists path '$.e' false on error, \
             nested path '$.b[*]' as q columns (z numeric(10, 2) path '$'))) as j",
            "select t:r [a b c doc n] f() json_table()",
        ),
        (
            "select * from json_table('[]'::jsonb, '$' columns (a text)) as j (b)",
            "select [*] json_table()",
        ),
        (
            "select * from json_table((select d from t), '$' columns (a s.\"Odd\"[] path '$.a')) j",
            "select t:r [* d] json_table()",
        ),
        (
            "select x.* from t, lateral xmltable(xmlnamespaces('u' as n, default 'v'), '/r' \
             passing by ref t.doc columns i for ordinality, a int path '@id' not null, \
             b text default g(t.c) path 'p' || t.d, c character varying(20)) as x",
            "select t:r [* c d doc] g() xmlnamespaces() xmltable()",
        ),
        (
            "select xmlparse(document a) from t",
            "select t:r [a] xmlparse()",
        ),
        (
            "select xmlparse(content a preserve whitespace) from t",
            "select t:r [a] xmlparse()",
        ),
        (
            "select xmlserialize(content b as character varying(20)) from t",
            "select t:r [b] xmlserialize()",
        ),
        // a call by that name, before the server knew it as syntax
        (
            "select * from json_table(a, b) x, t",
            "select t:r [* a b] json_table()",
        ),
        (
            "select * from s.json_table(1) x",
            "select [*] s.json_table()",
        ),
        // not the server's grammar
        (
            "select * from json_table(a, '$' columns (b)) x",
            "opaque syntax",
        ),
        (
            "select * from json_table(a, '$' columns (b int) c) x",
            "opaque syntax",
        ),
        (
            "select * from json_table(a, '$' columns (b int path c)) x",
            "opaque syntax",
        ),
        (
            "select * from json_table(a, '$' columns (b int select c)) x",
            "opaque syntax",
        ),
        (
            "select * from xmltable('/' passing a columns b int c d) x",
            "opaque syntax",
        ),
        (
            "select * from xmltable('/' passing a columns b int path) x",
            "opaque syntax",
        ),
    ]);
    assert_eq!(
        deciding("select 1 from t, json_table(doc, '$' columns (a int default n on empty)) j"),
        ["doc", "n"]
    );
}

#[test]
fn searches_and_cycles() {
    check(&[
        (
            "with recursive r (a, b) as (select x, y from t union all select x, y from u, r) \
             search depth first by a, b set o cycle a set c to f(1) default false using p \
             select b from r order by o",
            "select t:r u:r [a b o x y] f()",
        ),
        (
            "with recursive r as (select a from t) cycle a set c select a from r",
            "opaque syntax",
        ),
        (
            "with recursive r as (select a from t) search depth first by a select a from r",
            "opaque syntax",
        ),
        // names like any other
        (
            "select search, cycle from (select a from t) cycle",
            "select t:r [* a cycle search]",
        ),
    ]);
    let text = "with recursive r as (select a, ssn from t) cycle ssn set c using p select a from r";
    assert_eq!(deciding(text), ["ssn"]);
}

#[test]
fn a_join_may_be_called_by_a_name() {
    check(&[
        (
            "select j.a from t join u using (a, b) as j",
            "select t:r u:r [a b]",
        ),
        // its whole row
        (
            "select j from t join u using (a) as j",
            "select t:r u:r [* a j]",
        ),
        (
            "select j from (t join u using (a) as j)",
            "select t:r u:r [* a j]",
        ),
        (
            "delete from t using (select a from u) as j where j.a = t.a",
            "delete present t:w u:r [a]",
        ),
        (
            "delete from t using (table u) as j where j.a = t.a",
            "delete present t:w u:r [* a]",
        ),
    ]);
}

#[test]
fn what_a_call_returns_may_be_defined() {
    check(&[
        (
            "select a from f(x) as (a int, b s.kind[]), t",
            "select t:r [a x] f()",
        ),
        (
            "select f from s.f(g(1)) as (a int)",
            "select [* f] g() s.f()",
        ),
        (
            "with r (a) as (table t), q as (select 1) select a from r",
            "select t:r [* a]",
        ),
        (
            "select 1 from t window w as (partition by a)",
            "select t:r [a]",
        ),
    ]);
}

#[test]
fn words_that_change_nothing_of_what_is_named() {
    check(&[
        (
            "select a::text collate \"C\", b from t order by c collate s.\"x\" desc",
            "select t:r [a b c]",
        ),
        (
            "select sum(a) over (order by b range between '1 year'::interval preceding \
             and '1 day'::interval following) from t",
            "select t:r [a b] sum()",
        ),
        (
            "select collation for (a), b at local from t",
            "select t:r [a b] pg_collation_for()",
        ),
        (
            "select a from t where b is not document or c is document",
            "select t:r [a b c]",
        ),
        // a column of that name
        (
            "select a from t where not document",
            "select t:r [a document]",
        ),
        (
            "select a from t where b @@ any (c) and d * some (select e from u)",
            "select t:r u:r [a b c d e]",
        ),
        (
            "select trim(both from a), trim(leading b from c) from t",
            "select t:r [a b c] trim()",
        ),
        ("select a is null as isnull from t", "select t:r [a]"),
        ("select; select union select", "select\nselect"),
        (
            "merge into t using u on t.a = u.a when not matched then insert default values",
            "merge present t:w u:r [a]",
        ),
        (
            "select json_array(returning text format json encoding utf8), json_object('a': null with unique) from t",
            "select t:r json_array() json_object()",
        ),
    ]);
}

#[test]
fn a_limit_is_the_texts_own_wherever_its_parameter_stands() {
    let text = "select 1 from json_table('{}', '$' columns (a int default $1 on empty)) j limit $1";
    match read(text).as_slice() {
        [Statement::Command(command)] => {
            assert_eq!(command.row_limit, crate::model::RowLimit::Unknown);
        }
        other => panic!("{other:?}"),
    }
}
