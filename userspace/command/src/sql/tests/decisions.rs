//! By which columns a text decides.

use super::read;
use crate::model::Statement;

/// The columns by which one statement decides, and a star where it may be all of something.
fn deciding(text: &str) -> String {
    let read = read(text);
    let [Statement::Command(command)] = read.as_slice() else {
        panic!("{text}: {read:?}");
    };
    let columns = &command.columns;
    let named = columns.deciding.iter().map(String::as_str);
    let all = columns.all_deciding.then_some("*");
    all.into_iter().chain(named).collect::<Vec<_>>().join(" ")
}

fn check(table: &[(&str, &str)]) {
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
            "c",
        ),
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
fn a_result_that_orders_is_what_it_shows() {
    check(&[
        ("select a, lower(b) from t order by 2", "b"),
        ("select a, lower(b) as c from t order by c", "b c"),
        ("select a, b from t order by 1 desc", "a"),
        ("select a, b from t order by 7", ""),
        ("select b, * from t order by 1", "b"),
        ("select a, b from t order by (2)", "b"),
        ("select a, b from t order by ((0x2))", "b"),
        ("select a, b from t order by 0b10, 0_1", "a b"),
        ("select a, b as c from t order by (c)", "b c"),
        ("(select a, b from t) order by 2", "b"),
        ("((select a, b from t) limit 5) order by 2", "b"),
        ("select a, lower(b) from t order by lower", "b lower"),
        ("select a, b::int from t order by b", "b"),
        ("select a, (b || 'x')::int from t order by int4", "b int4"),
        ("select a, lower(b) from t order by a", "a"),
        ("select a, (b || 'x')::text from t order by a", "a"),
        ("select a, case when c then b end from t order by a", "a c"),
        (
            "select a, case when c then 1 else b end from t order by b",
            "b c",
        ),
        (
            "select a, case when c then 1 else lower(b) end from t order by lower",
            "b c lower",
        ),
        ("select a, substring(b from 1) from t order by c", "c"),
        (
            "select a, b from t union all select c, d from u order by 2",
            "b d",
        ),
        (
            "select a, b from t union all select c, d from u order by b",
            "b d",
        ),
        (
            "select a, b as x from t union all (select c, d from u order by 1) order by x",
            "b c d x",
        ),
        ("select distinct on (2) a, b from t", "b"),
        ("select distinct on ((x)) a, b as x from t", "b x"),
        (
            "values ((select a from t), (select b from t)) order by 2",
            "b",
        ),
        (
            "select a from t where b in (select c from u order by 1)",
            "b c",
        ),
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
fn what_decides_by_another_name_is_what_that_is_made_of() {
    check(&[
        (
            "select a from (select a, b as x from t) s where x like 'k%'",
            "b x",
        ),
        (
            "select a from (select a, upper(b || c) as x from t) s order by s.x",
            "b c x",
        ),
        (
            "select y from (select upper(x) as y from (select b as x from t) s) r where y = 'k'",
            "b x y",
        ),
        (
            "select a from (select a, upper(b) from t) s where upper = 'k'",
            "b upper",
        ),
        (
            "select a from (select a, (b || c)::bpchar from t) s where bpchar = 'k'",
            "b bpchar c",
        ),
        (
            "select a from (select a, b from t) s (c, d) where d = 1",
            "b d",
        ),
        (
            "select a from (select a, b from t) s (c) where c = 1",
            "a c",
        ),
        ("select a from t as v (c, d) where d = 1", "* d"),
        (
            "select a from (t join u on true) as j (c, d) where d = 1",
            "* d",
        ),
        (
            "select 1 from (values (1, (select b from t))) v where column2 = 1",
            "b column2",
        ),
        (
            "select 1 from (values (1, 2), (3, (select b from t))) v (x, y) where y = 1",
            "b y",
        ),
        (
            "with c as (select a, b as x from t) select a from c where x = 1",
            "b x",
        ),
        (
            "with c (y, x) as (select a, b from t) select y from c as d order by d.x",
            "b x",
        ),
        (
            "with c as (select b as x from t) select 1 from c as d (z) where z = 1",
            "* z",
        ),
        (
            "with recursive r as (select a, b as x from t union all select a, x from r where x = 1) \
             select 1 from r",
            "b x",
        ),
        (
            "with w as (update t set a = 1 returning b as x) select 1 from w where x = 1",
            "b x",
        ),
        (
            "with w as (insert into t values (1) returning b as x) select 1 from w where x = 1",
            "b x",
        ),
        (
            "select 1 from (select a as x from t union all select b from u) s where x = 1",
            "a b x",
        ),
        (
            "select 1 from (select a as x from t union all select * from u) s where x = 1",
            "* a x",
        ),
        (
            "select 1 from (select *, a as x from t) s where x = 1",
            "a x",
        ),
        (
            "select 1 from (select * from t union all select a, b from u) s where x = 1",
            "* x",
        ),
        (
            "select u.a from u join (select b as x from t) s on u.a = s.x",
            "a b x",
        ),
        (
            "select 1 from u join (select b as x from t) s using (x)",
            "b x",
        ),
        (
            "select a from t where a in (select x from (select b as x from u) s)",
            "a b x",
        ),
        (
            "select 1 from (select (select b from u) as x, a from t) s where x = 1",
            "b x",
        ),
        (
            "select 1 from (select t as x from t) s where x is null",
            "* t x",
        ),
        (
            "select 1 from (select case when a then b else c || d end from t) s where \"case\" = 1",
            "a b c case d",
        ),
        // what is only shown by another name decides nothing
        ("select x from (select a, b as x from t) s where a = 1", "a"),
        ("select b as x from t where x = 1", "x"),
    ]);
}

#[test]
fn subqueries_in_results_that_order_cost_no_more_the_deeper_they_lie() {
    let deeper = |text: String, _| format!("select 1, ({text}) as x from t order by x, 2");
    let text = (0..40).fold("select a from t order by 1".to_owned(), deeper);
    assert!(deciding(&text).contains('a'));
}

#[test]
fn wide_and_many_lists_of_results_cost_what_they_are_long() {
    let list = |item: &str, count: usize| vec![item; count].join(", ");
    let wide = list("a", 30_000);
    for text in [
        format!("select 1 from (select {wide}) s where a = 1"),
        format!("select 1 from (select {wide} from t union all select b from u) s where a = 1"),
        format!("select {wide} from t order by {}", list("a", 60)),
        format!(
            "select a as x, {} from t group by x, {}",
            list("b as x", 10_000),
            list("x", 60)
        ),
        format!(
            "with c ({}) as (select {wide} from t) select 1 from c where x = 1",
            list("x", 5000)
        ),
    ] {
        let said = deciding(&text);
        assert!(said.contains('a') || said.contains('*'), "{said}");
    }
}

#[test]
fn a_result_that_is_behind_a_star_may_be_any() {
    for text in [
        "select *, b from t order by 2",
        "select * from t order by 1",
        "select t.*, b from t order by (3)",
        "select distinct on (1) * from t",
        "select a, b from t union all select * from u order by 2",
        "select * from t union all select a, b from u order by b",
    ] {
        let [Statement::Command(command)] = &read(text)[..] else {
            panic!("{text}");
        };
        assert!(command.columns.all_deciding, "{text}");
    }
    for text in [
        "select *, b from t order by b",
        "select b, * from t order by 1",
    ] {
        let [Statement::Command(command)] = &read(text)[..] else {
            panic!("{text}");
        };
        assert!(!command.columns.all_deciding, "{text}");
    }
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
