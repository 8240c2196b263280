//! By which columns a text decides that names results of queries.

use super::decisions::{check, deciding};
use super::read;
use crate::model::Statement;

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
            "select a, upper(b)::text::text from t order by upper",
            "b upper",
        ),
        (
            "select a, (case when true then b else c end)::text from t order by c",
            "b c",
        ),
        (
            "select a, substring(b from 1)::text from t order by substring",
            "b substring",
        ),
        (
            "select a, (select b as k from u)::text from t order by k",
            "b k",
        ),
        ("select a, (p).* from t p order by 3", "* a p"),
        ("select a, (p).* from t p", ""),
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
            "* a b x",
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
        (
            "select a from (select (p).* from t p) s (a, b) where b = 1",
            "* b",
        ),
        (
            "with w as (merge into t using (values (1)) s (i) on t.id = s.i when matched then update set n = 2 \
             when not matched then insert (id, n) values (0, '') returning t.id, t.b as x) \
             select id from w where x = 1",
            "b i id x",
        ),
        (
            "select 1 from t v, rows from (pg_options_to_table('{}'), lower(v.b)) as r (k, o, x)",
            "b",
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
