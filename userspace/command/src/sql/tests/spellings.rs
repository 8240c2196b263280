//! What is written in other words before the parser sees it: each is read as the server reads it,
//! and what only looks like it hides nothing.

use super::{check, read};
use crate::model::Statement;

#[test]
fn types_before_strings_and_other_words_without_a_name() {
    check(&[
        ("select float8 '1' + a from t", "select t:r [a]"),
        (
            "select \"char\" 'a', name 'b', box '(1,1,2,2)' from t",
            "select t:r",
        ),
        ("select f(variadic a) from t", "select t:r [a] f()"),
        (
            "select sum(a) over (order by b rows between 1 preceding and c following exclude no others) from t",
            "select t:r [a b c] sum()",
        ),
        (
            "select a from t where b between symmetric c and d or b not between asymmetric c and e",
            "select t:r [a b c d e]",
        ),
        (
            "select a from t where b isnull or c notnull",
            "select t:r [a b c]",
        ),
        (
            "select * from rows from (f(a), g()) with ordinality as x (y, z), t",
            "select t:r [* a] f() g()",
        ),
    ]);
}

#[test]
fn one_row_by_a_cursor() {
    check(&[
        (
            "delete from t where current of c",
            "delete present t:w [ctid]",
        ),
        (
            "update t set a = 1 where current of c returning b",
            "update present t:r t:w [a b ctid]",
        ),
        // `current` and `of` may be names
        ("select current of from t", "select t:r [current]"),
        (
            "select current, a from t where current = 1",
            "select t:r [a current]",
        ),
        (
            "update t set a = 1 where current",
            "update present t:w [a current]",
        ),
        ("delete from t where current of from u", "opaque syntax"),
    ]);
}

#[test]
fn elements_that_are_written() {
    check(&[
        (
            "update t set a[1] = 2, b[1:2][3] = c",
            "update absent t:w [a b c] +derives",
        ),
        ("update t set a['x'] = '1'", "update absent t:w [a]"),
        (
            "insert into t (a[1], b[2].c) values (1, 2)",
            "insert t:w [a b c]",
        ),
        // what a subscript names is read
        ("update t set a[b] = 2", "opaque syntax"),
        ("update t set a[(select c from u)] = 2", "opaque syntax"),
        ("select a[1] from t where b[2] = 1", "select t:r [a b]"),
        (
            "select 1 set, a[(select b from u)] from t",
            "select t:r u:r [a b]",
        ),
    ]);
}

#[test]
fn calls_with_a_grammar_of_their_own() {
    check(&[
        (
            "select json_value(a, '$' returning int default b on empty error on error) from t",
            "select t:r [a b] json_value()",
        ),
        (
            "select json_query(a, '$' passing b as x returning s.kind with wrapper keep quotes on scalar string) from t",
            "select t:r [a b] json_query()",
        ),
        (
            "select json_exists(a, '$' true on error) from t",
            "select t:r [a] json_exists()",
        ),
        (
            "select json_object('a' value b, 'c' : d absent on null with unique keys returning text) from t",
            "select t:r [b d] json_object()",
        ),
        (
            "select json_arrayagg(a order by b null on null returning jsonb) from t",
            "select t:r [a b] json_arrayagg()",
        ),
        (
            "select xmlelement(name x, xmlattributes(a as y), b, xmlforest(c as z, d)) from t",
            "select t:r [a b c d] xmlattributes() xmlelement() xmlforest()",
        ),
        (
            "select xmlserialize(content a as text no indent), b from t",
            "select t:r [a b] xmlserialize()",
        ),
        (
            "select xmlroot(a, version b, standalone no value), xmlexists('x' passing by ref c) from t",
            "select t:r [a b c] xmlexists() xmlroot()",
        ),
    ]);
}

#[test]
fn words_of_those_grammars_are_columns_elsewhere() {
    check(&[
        (
            "select xmlforest(name as x, content, document as y) from t",
            "select t:r [content document name] xmlforest()",
        ),
        (
            "select xmlconcat(content, version) from t",
            "select t:r [content version] xmlconcat()",
        ),
        (
            "select xmlelement(name name, name) from t",
            "select t:r [name] xmlelement()",
        ),
        (
            "select json_scalar(value), json_array(passing, error, \"on\") from t",
            "select t:r [error on passing value] json_array() json_scalar()",
        ),
        (
            "select s.json_value(a), f(value, name) from t",
            "select t:r [a name value] f() s.json_value()",
        ),
        (
            "select json_value(a, '$' returning (select b from u)) from t",
            "opaque syntax",
        ),
        (
            "select json_value(a, '$' returning int[b]) from t",
            "opaque syntax",
        ),
        (
            "select xmlserialize(content a as text(b)) from t",
            "opaque syntax",
        ),
    ]);
}

#[test]
fn definitions_of_rarer_objects() {
    check(&[
        ("create collation s.c (locale = 'C')", "create s.c:d +ddl"),
        (
            "create or replace rule r as on insert to s.t where new.a > 1 do also delete from u",
            "create s.t:d +ddl +privilege +dynamic_code",
        ),
        (
            "create text search configuration c (copy = simple)",
            "create c:d +ddl",
        ),
        (
            "alter text search configuration c add mapping for word with simple",
            "alter c:d +ddl",
        ),
        (
            "alter operator family f using btree add function 1 (int) g(int)",
            "alter f:d +ddl +dynamic_code",
        ),
        (
            "alter operator @@ (int, int) set (restrict = f)",
            "alter +ddl +dynamic_code",
        ),
        (
            "alter type k add attribute a text, drop attribute b cascade",
            "alter k:d [a b] +ddl +destroy",
        ),
        (
            "alter subscription s connection 'host=x'",
            "alter s:d +ddl +network",
        ),
        ("alter event trigger e disable", "alter e:d +ddl +privilege"),
        (
            "alter table t alter a set expression as (b * 2)",
            "alter t:d [a b] +ddl +derives",
        ),
    ]);
}

#[test]
fn json_arrays_of_queries() {
    check(&[
        (
            "select json_array(select a from t where b = 1), c from u",
            "select t:r u:r [a b c] json_array()",
        ),
        (
            "select json_array(select a from t order by b format json encoding utf8 returning jsonb) from u",
            "select t:r u:r [a b] json_array()",
        ),
        (
            "select json_array(with x as (select a from t) select json_array(select f(a) from x returning text)), b from u",
            "select t:r u:r [a b] f() json_array()",
        ),
        (
            "select json_array(values (1), (2) returning text), json_array(table t)",
            "select t:r [*] json_array()",
        ),
        (
            "select json_array(select format from t format), json_array((select a from t), b) from t",
            "select t:r [* a b format] json_array()",
        ),
        ("select s.json_array(select a from t)", "opaque syntax"),
        (
            "select json_array(delete from t returning a)",
            "opaque syntax",
        ),
    ]);
    // As many rows as there are become one.
    let Some(Statement::Command(command)) = read("select json_array(select a from t)").pop() else {
        panic!("it is not read");
    };
    assert!(command.gathers);
}

#[test]
fn joins_that_a_merge_reads() {
    check(&[
        (
            "merge into t using a join b on a.x = b.y on t.id = a.id when matched then delete",
            "merge present a:r b:r t:w [id x y]",
        ),
        (
            "merge into t using a cross join b left join c using (z) on true when matched then delete",
            "merge trivial a:r b:r c:r t:w [z]",
        ),
        (
            "merge into t using a join (select p from b join c on true) d on a.x = case when matched then d.p end \
             on t.id = a.id when not matched by source then delete when not matched then insert values (a.x)",
            "merge absent a:r b:r c:r t:w [id matched p x] +derives",
        ),
        (
            "with w as (select 1) merge into t using w join a using (x) on t.id = a.id \
             when matched then update set n = case when a.m then 1 else 2 end",
            "merge present a:r t:w [id m n x] +derives",
        ),
        (
            "merge into t using a join b on true on false on true when matched then delete",
            "opaque syntax",
        ),
    ]);
}

#[test]
fn patterns_of_which_all_must_fit() {
    check(&[
        (
            "select a from t where b like all (array[c, 'x']) and d not ilike all (select e from u)",
            "select t:r u:r [a b c d e]",
        ),
        ("select \"all\"(a), b like all from t", "opaque unsupported"),
    ]);
}
