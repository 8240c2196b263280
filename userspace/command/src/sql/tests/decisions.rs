//! By which columns a text decides.

use super::read;
use crate::model::Statement;

/// The columns by which one statement decides, and a star where it may be all of something.
pub(super) fn deciding(text: &str) -> String {
    let read = read(text);
    let [Statement::Command(command)] = read.as_slice() else {
        panic!("{text}: {read:?}");
    };
    let columns = &command.columns;
    let named = columns.deciding.iter().map(String::as_str);
    let all = columns.all_deciding.then_some("*");
    all.into_iter().chain(named).collect::<Vec<_>>().join(" ")
}

pub(super) fn check(table: &[(&str, &str)]) {
    for (text, expected) in table {
        assert_eq!(deciding(text), *expected, "{text}");
    }
}

#[test]
fn what_is_only_shown_decides_nothing() {
    check(&[
        ("select a, upper(b), c || d, e::text, max(f) from t", ""),
        ("select * from t", ""),
        ("select t from t", ""),
        ("select case when a then b else c end from t", "a"),
        ("select a from t union all select b from u", ""),
        (
            "select (select a from t limit 1), array(select b from u)",
            "",
        ),
        ("update t set a = b where c = 1 returning d", "c"),
        ("insert into t (a) values (1) returning b", ""),
        (
            "select a from t where exists (select * from u where u.b = 1)",
            "b",
        ),
    ]);
}

#[test]
fn conditions_orders_and_comparisons_decide() {
    check(&[
        (
            "select a from t where b = 1 and (c or lower(d) like 'x%')",
            "b c d",
        ),
        ("select a from t having max(b) > 1", "b"),
        ("select t.a from t join u on t.b = u.c", "b c"),
        ("select a from t join u using (b)", "b"),
        ("select a from t natural join u", "*"),
        ("select a from t order by lower(b)", "b"),
        ("select a from t limit (select b from u)", "b"),
        ("select a from t tablesample bernoulli (b)", "b"),
        (
            "select 1 from t where exists (select jsonb_path_query_tz(b, '$'))",
            "b",
        ),
        ("select a, ts_parse('default', b) from t", "b"),
        (
            "select a from t where b in (select c from u where d = 1)",
            "b c d",
        ),
        (
            "select a = 'x', b in ('y'), c ~ 'z', d between 1 and 2 from t",
            "a b c d",
        ),
        ("select not (a like 'x') from t", "a"),
        ("select count(*) filter (where a > 1) from t", "a"),
        ("select string_agg(a, ',' order by b) from t", "b"),
        (
            "select percentile_disc(0.5) within group (order by a) from t",
            "a",
        ),
        (
            "select first_value(a) over (partition by b order by c) from t",
            "b c",
        ),
        (
            "select first_value(a) over w from t window w as (order by b)",
            "b",
        ),
        ("select case a when 'x' then b end from t", "a"),
        (
            "select nullif(a, 'x'), regexp_match(b, 'y'), generate_series(1, length(c)) from t",
            "a b c",
        ),
        ("select distinct on (a) b from t", "a"),
        ("delete from t where a = 1", "a"),
        ("delete from t using u where t.a = u.b", "a b"),
        (
            "merge into t using u on t.a = u.b when matched and u.c then delete",
            "a b c",
        ),
        (
            "insert into t values (1) on conflict (a) do update set b = 1 where t.c = 2",
            "a c",
        ),
        (
            "insert into t values (1) on conflict on constraint k do nothing",
            "*",
        ),
        ("select coalesce(a, 'x'), coalesce(b::text, c) from t", ""),
        (
            "select coalesce(a, (select 1 from u for update)) from t",
            "a",
        ),
        ("select (array['x'])[a], b[1] from t", "a"),
        ("select nextval((array['x', 'y'])[a])", "a"),
        (
            "with w as (select a from t where b) select a from w where a = 1",
            "a b",
        ),
        ("explain select a from t where b", "b"),
        ("declare c cursor for select a from t where b", "b"),
        ("copy (select a from t where b) to stdout", "b"),
    ]);
}

#[test]
fn what_is_grouped_or_held_against_one_another_decides() {
    check(&[
        ("select a, b from t union select c, d from u", "a b c d"),
        ("select a from t intersect all select b from u", "a b"),
        (
            "select a from t union all (select b from u except select c from v) union all select d from w",
            "b c",
        ),
        (
            "select x from t where exists (select a from u intersect select b)",
            "a b",
        ),
        (
            "with recursive r as (select a from t union select b from r) select 1 from r",
            "a b",
        ),
        ("select distinct a, lower(b) from t", "a b"),
        ("select distinct * from t", "*"),
        ("select all a from t", ""),
        ("select a, lower(b), c from t group by a, lower(b)", "a b"),
        ("select a, b, c from t group by 2", "b"),
        ("select a, lower(b) as x from t group by x", "b x"),
        ("select a, b, c from t group by rollup (1, (2, 1))", "a b"),
        (
            "select a, b, c, d from t group by grouping sets ((1), cube (c))",
            "a c",
        ),
        ("select count(distinct a), count(b) from t", "a"),
        ("select array_agg(distinct a order by b) from t", "a b"),
        ("select unnest(array_fill(1, array[length(a)])) from t", "a"),
        ("select x, json_array_elements(b) from t", "b"),
    ]);
}

#[test]
fn whole_rows_decide_too() {
    check(&[
        ("select 1 from t where t::text like 'x%'", "* t"),
        ("select 1 from t as r where r is not null", "* r"),
        ("select 1 from t where to_json(t) ->> 'a' = 'b'", "* t"),
        ("select 1 from t where t.to_json is null", "* to_json"),
        ("select 1 from t where (t).a = 1", "* a t"),
        // a column that is named like its table, behind the table's name
        ("select 1 from t where t.t = 1", "t"),
    ]);
}

#[test]
fn what_a_function_returns_is_no_row_of_a_relation() {
    check(&[
        (
            "select i * 7919 % 1000003 from generate_series(1, 5) i",
            "i",
        ),
        (
            "select 1 from generate_series(1, 5) as i where i > 2 order by i",
            "i",
        ),
        (
            "select 1 from generate_series(1, 5) where generate_series > 2",
            "generate_series",
        ),
        // but what it was given decides
        ("select p from t, unnest(t.a) p where p like 'x%'", "a p"),
        (
            "select 1 from t, jsonb_each_text(to_jsonb(t)) e where e.value = 'x'",
            "* t value",
        ),
        // and a relation of that name is one
        (
            "select 1 from generate_series(1, 5) i, t i where i is null",
            "* i",
        ),
        (
            "select 1 from (select a from t) s where s::text like 'x%'",
            "* s",
        ),
    ]);
}
