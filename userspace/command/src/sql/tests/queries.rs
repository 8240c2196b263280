//! Queries: objects, columns, functions.

use super::check;

#[test]
fn relations_and_columns() {
    check(&[
        ("SELECT 1", "select"),
        (
            "select id, Email from People where ID = $1",
            "select people:r [email id]",
        ),
        (r#"select "Email" from "People""#, "select People:r [Email]"),
        ("select a from s.t, d.s.u", "select d.s.u:r s.t:r [a]"),
        (
            "select p.id from people p join orders as o on o.pid = p.id",
            "select orders:r people:r [id pid]",
        ),
        ("select s.t.a from s.t", "select s.t:r [a]"),
        (
            "select 1 from t where a in (select b from u where u.c = t.d)",
            "select t:r u:r [a b c d]",
        ),
        (
            "select (select max(x) from u) from t order by (select y from v)",
            "select t:r u:r v:r [x y] max()",
        ),
        ("select * from (select a from t) x (b)", "select t:r [* a]"),
        (
            "select 1 from t, lateral (select a from u) x",
            "select t:r u:r [a]",
        ),
        ("values (1, (select a from t))", "select t:r [a]"),
        (
            "select a from t union select b from u intersect (select c from v)",
            "select t:r u:r v:r [a b c]",
        ),
        ("select a from only t", "select t:r [a]"),
        (
            "select a from t tablesample bernoulli (10) repeatable (1)",
            "select t:r [a]",
        ),
        (
            "select a from t for no key update of t skip locked",
            "select t:r [a]",
        ),
        (
            "select a from t fetch first 5 rows with ties",
            "select t:r [a]",
        ),
        ("select exists (select from t)", "select t:r"),
        ("select from t", "select t:r"),
    ]);
}

#[test]
fn all_columns() {
    check(&[
        ("select * from t", "select t:r [*]"),
        ("select t.* from t", "select t:r [*]"),
        ("table t", "select t:r [*]"),
        ("table only s.t union table u", "select s.t:r u:r [*]"),
        ("select people from people", "select people:r [* people]"),
        ("select p from people p", "select people:r [* p]"),
        (
            "select row_to_json(p) from people p",
            "select people:r [* p] row_to_json()",
        ),
        (
            "select p.row_to_json from people p",
            "select people:r [* row_to_json]",
        ),
        (
            "select public.people.array_agg from people",
            "select people:r [* array_agg]",
        ),
        (
            "select email(p) from people p",
            "select people:r [* p] email()",
        ),
        (
            "select (p).email from people p",
            "select people:r [* email p]",
        ),
        ("select (f(1)).* from t", "select t:r [*] f()"),
        (
            "select count(p.*) from people p",
            "select people:r [*] count()",
        ),
        ("select a from t natural join u", "select t:r u:r [* a]"),
        (
            "select c from people as p (a, b, c)",
            "select people:r [* c]",
        ),
        (
            "select c from (people cross join t) as j (a, b, c)",
            "select people:r t:r [* c]",
        ),
        ("select count(*) from people", "select people:r count()"),
        ("select a from t join u using (b)", "select t:r u:r [a b]"),
    ]);
}

#[test]
fn expressions_to_their_leaves() {
    check(&[
        (
            "select case a when b then c else d end from t",
            "select t:r [a b c d]",
        ),
        (
            "select a between b and c, d is not null, not e from t",
            "select t:r [a b c d e]",
        ),
        (
            "select a like b escape c, d ilike e, f similar to g from t",
            "select t:r [a b c d e f g]",
        ),
        (
            "select a::int, cast(b as s.kind), c::text[] from t",
            "select t:r [a b c]",
        ),
        (
            "select a[b], c[d:e], (f(g)).h from t",
            "select t:r [a b c d e g h] f()",
        ),
        (
            "select a = any (b), c <> all (select d from u) from t",
            "select t:r u:r [a b c d]",
        ),
        (
            "select a ->> 'x', b @> c, d || e, -f, @ g, h operator(s.+) i from t",
            "select t:r [a b c d e f g h i]",
        ),
        (
            "select a at time zone b, c collate \"C\", extract(epoch from d) from t",
            "select t:r [a b c d] extract()",
        ),
        (
            "select array[a, b], array(select c from u), row(d, e), (f, g) from t",
            "select t:r u:r [a b c d e f g] row()",
        ),
        (
            "select f(a, x => b, c), s.g(distinct d order by e) filter (where h) from t",
            "select t:r [a b c d e h] f() s.g()",
        ),
        (
            "select rank() over (partition by a order by b rows between c preceding and current row) from t",
            "select t:r [a b c] rank()",
        ),
        (
            "select sum(a) over w from t window w as (order by b)",
            "select t:r [a b] sum()",
        ),
        (
            "select percentile_cont(0.5) within group (order by a) from t",
            "select t:r [a] percentile_cont()",
        ),
        (
            "select substring(a from b for c), position(d in e), overlay(f placing g from h) from t",
            "select t:r [a b c d e f g h] overlay() position() substring()",
        ),
        (
            "select date '2020-01-01', interval '1' day, timestamp with time zone 'now', bit '1' from t",
            "select t:r",
        ),
        (
            "select e'\\x41', u&'\\0041', $$a$$, n'x', b'1', x'f', 1_000, .5, $1 from t",
            "select t:r",
        ),
        (
            "select current_user, current_date, localtimestamp(3), session_user",
            "select current_date() current_user() localtimestamp() session_user()",
        ),
        (
            "select a from t group by grouping sets ((b), (c)), rollup (d), cube (e) having f",
            "select t:r [a b c d e f]",
        ),
        (
            "select distinct on (a) b from t order by c desc nulls last, d using >",
            "select t:r [a b c d]",
        ),
        (
            "select json_object('a': b, 'c' value d) from t",
            "select t:r [b d] json_object()",
        ),
    ]);
}

#[test]
fn words_of_other_dialects_are_names() {
    check(&[
        (
            "select top, minus, qualify, sample from t final",
            "select t:r [minus qualify sample top]",
        ),
        ("select 1 from a semi join b on true", "select a:r b:r"),
        // the alias is a whole row, which other dialects would not see
        (
            "select semi from people semi join b on true",
            "select b:r people:r [* semi]",
        ),
        (
            "select convert(a, 'x', 'y'), ceil(b), \"if\"(c) from t",
            "select t:r [a b c] ceil() convert() if()",
        ),
        ("select a div, b xor from t", "select t:r [a b]"),
        (
            "select interval, time, date, position from t",
            "select t:r [date interval position time]",
        ),
    ]);
}

#[test]
fn table_functions() {
    check(&[
        (
            "select * from generate_series(1, 2) g",
            "select [*] generate_series()",
        ),
        (
            "select * from unnest($1::int[]) with ordinality as u (a, b)",
            "select [*] unnest()",
        ),
        (
            "select * from s.f((select a from t)) x",
            "select t:r [* a] s.f()",
        ),
        ("select * from f(1) as x (a int, b text)", "select [*] f()"),
        // a database in front says nothing, and would hide the name from a policy
        ("select * from app.s.f(1)", "select [*] s.f()"),
        ("select * from t, lateral f(t.a) x", "select t:r [* a] f()"),
    ]);
}

#[test]
fn common_table_expressions_are_in_sight_where_the_server_sees_them() {
    check(&[
        (
            "with c as (select a from t) select * from c",
            "select t:r [* a]",
        ),
        // not in itself
        (
            "with t as (select a from t) select * from t",
            "select t:r [* a]",
        ),
        // in itself when recursive
        (
            "with recursive c as (select 1 union all select a from c) select a from c",
            "select [a]",
        ),
        // in those after it, not before
        (
            "with a as (select x from b), b as (select y from a) select 1",
            "select b:r [x y]",
        ),
        (
            "with recursive a as (select x from b), b as (select y from a) select 1",
            "select [x y]",
        ),
        // not outside of its WITH
        (
            "select x from (with c as (select 1) select x from c) s, c",
            "select c:r [x]",
        ),
        (
            "(with c as (select 1) select x from c) union select x from c",
            "select c:r [x]",
        ),
        // in subqueries
        (
            "with c as (select 1) select x from t where y in (select z from c)",
            "select t:r [x y z]",
        ),
        // never with a schema
        (
            "with c as (select 1) select x from public.c",
            "select public.c:r [x]",
        ),
        (
            r#"with "C" as (select 1) select x from c"#,
            "select c:r [x]",
        ),
    ]);
}

#[test]
fn labels_are_no_columns() {
    check(&[
        ("select 1 as email, 2 name", "select"),
        ("select 1 as from, 2 as year, 3 as \"Select\"", "select"),
        ("select a as select from t", "select t:r [a]"),
    ]);
}

#[test]
fn names_are_folded_and_cut_as_the_server_does() {
    let long = "A".repeat(70);
    let cut = "a".repeat(63);
    check(&[
        (&format!("select 1 from {long}"), &format!("select {cut}:r")),
        (
            &format!("select 1 from \"{long}\""),
            &format!("select {}:r", cut.to_uppercase()),
        ),
        // 62 letters and one of two bytes: cut before it
        (
            &format!("select 1 from {}é", "b".repeat(62)),
            &format!("select {}:r", "b".repeat(62)),
        ),
        ("select 1 from ÉTÉ", "select ÉtÉ:r"),
        (r#"select 1 from U&"p\0065ople""#, "select people:r"),
        (r#"select 1 from U&"P\+000065ople""#, "select People:r"),
        (r#"select 1 from "a""b""#, "select a\"b:r"),
        // a space of Unicode is a letter to the server
        ("select 1 from a\u{a0}b", "select a\u{a0}b:r"),
        ("select \u{17f}elect from t", "select t:r [\u{17f}elect]"),
    ]);
}

#[test]
fn statements_are_split_as_the_server_splits_them() {
    check(&[
        ("", "empty"),
        (" -- nothing\n ; /* nor /* here */ */ ;", "empty"),
        ("select 1; ; select a from t;", "select\nselect t:r [a]"),
        (
            "select ';' ; select $$;$$ ; select \";\" from t",
            "select\nselect\nselect t:r [;]",
        ),
        ("/* c */ select 1 -- c", "select"),
        (
            "select 1 --\r; drop table t",
            "select\ndrop t:d +ddl +destroy",
        ),
        (
            "select '\\'; drop table t; --'",
            "select\ndrop t:d +ddl +destroy",
        ),
        ("select e'\\'; drop table t; --'", "select"),
        ("select 'a'\n  'b; drop table t;'", "select"),
        ("select $a$ $b$ ; $a$, $$ $a$ $$", "select"),
        (
            "select a$b$ from t; select 1 from u -- $b$",
            "select t:r [a$b$]\nselect u:r",
        ),
        ("select /* /* */ ; drop table t; */ 1", "select"),
    ]);
}

#[test]
fn select_into_makes_a_table() {
    check(&[
        ("select a into b from t", "create b:d t:r [a] +ddl +derives"),
        ("select 1 as a into temp table b", "create b:d +ddl"),
    ]);
}

#[test]
fn what_drivers_and_tools_ask() {
    check(&[
        (
            "SELECT n.nspname as \"Schema\", CASE c.relkind WHEN 'r' THEN 'table' END as \"Type\",
               pg_catalog.pg_get_userbyid(c.relowner) as \"Owner\"
             FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE c.relkind IN ('r','') AND n.nspname !~ '^pg_toast' AND c.relname OPERATOR(pg_catalog.~) '^(t)$' COLLATE pg_catalog.default
               AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 1,2;",
            "select pg_catalog.pg_class:r pg_catalog.pg_namespace:r [nspname oid relkind relname relnamespace relowner] pg_catalog.pg_get_userbyid() pg_catalog.pg_table_is_visible()",
        ),
        (
            "SELECT t.typname, a.attname, 'x'::\"char\", a.attrelid::pg_catalog.regclass::pg_catalog.text, ARRAY(SELECT u.x FROM unnest(t.y) WITH ORDINALITY AS u (x, n)) FROM pg_type t, pg_attribute a WHERE t.oid = ANY($1::oid[]) AND NOT a.attisdropped LIMIT 1",
            "select pg_attribute:r pg_type:r [attisdropped attname attrelid oid typname x y] unnest()",
        ),
        (
            "SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET ALL;",
            "select pg_advisory_unlock_all()\nclose {close *}\nnotify\nset +setting",
        ),
        (
            "SELECT pg_catalog.set_config('search_path', '', false)",
            "select pg_catalog.set_config() +setting {search_path = }",
        ),
        ("select pg_catalog.version()", "select pg_catalog.version()"),
        ("show transaction isolation level", "show"),
        ("SET application_name = 'x'", "set +setting {application_name = x}"),
        ("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY", "set +setting"),
    ]);
}
