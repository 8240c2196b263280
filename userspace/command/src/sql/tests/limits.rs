//! How many rows a statement may answer with, and what makes a limit say little.

use super::read;
use crate::model::{RowLimit, Statement};
use RowLimit::{AtMost, Parameter, Unknown};

/// The bound of a text's last statement.
fn limit(text: &str) -> RowLimit {
    match read(text).last() {
        Some(Statement::Command(command)) => command.row_limit,
        other => panic!("{text}: {other:?}"),
    }
}

fn gathers(text: &str) -> bool {
    match read(text).as_slice() {
        [Statement::Command(command)] => command.gathers,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn the_outermost_limit_bounds_the_answer() {
    for (text, bound) in [
        ("select a from t limit 10", AtMost(10)),
        ("select a from t limit 0", AtMost(0)),
        ("select a from t limit (10)", AtMost(10)),
        ("select a from t offset 5 limit 10", AtMost(10)),
        ("select a from t limit 10 offset 99", AtMost(10)),
        ("table t limit 10", AtMost(10)),
        ("values (1), (2) limit 1", AtMost(1)),
        (
            "select a from t order by a fetch first 10 rows only",
            AtMost(10),
        ),
        ("select a from t fetch next row only", AtMost(1)),
        ("select a from t fetch first 2 rows only", AtMost(2)),
        ("select a from t limit 10 for update", AtMost(10)),
        (
            "with x as (select a from t) select a from x limit 3",
            AtMost(3),
        ),
        (
            "select a from t union all select a from u limit 7",
            AtMost(7),
        ),
        ("(select a from t limit 7)", AtMost(7)),
        ("((select a from t limit 7) offset 1)", AtMost(7)),
        ("(select a from t limit 7) limit 3", AtMost(3)),
        ("copy (select a from t limit 5) to stdout", AtMost(5)),
        ("explain select a from t limit 5", AtMost(5)),
        ("explain analyze select a from t limit 5", AtMost(5)),
        ("prepare p as select a from t limit 5", AtMost(5)),
        ("declare c cursor for select a from t limit 5", AtMost(5)),
        ("select a from t; select a from t limit 5", AtMost(5)),
    ] {
        assert_eq!(limit(text), bound, "{text}");
    }
}

#[test]
fn what_bounds_less_than_the_whole_is_no_limit() {
    for text in [
        "select a from t",
        "select a from t limit all",
        "select a from t limit null",
        "select a from t limit -1",
        "select a from t limit 1 + 1",
        "select a from t limit 1.5",
        "select a from t limit 1e3",
        "select a from t limit '10'",
        "select a from t limit 0x10",
        "select a from t limit 10::int",
        "select a from t limit 99999999999999999999",
        "select a from t limit (select 1)",
        "select a from t offset 10",
        "select a from t fetch first 10 rows with ties",
        "select a from t order by a fetch first row with ties",
        "select a from (select a from t limit 10) x",
        "with x as (select a from t limit 10) select a from x, u",
        "select a from t where a in (select a from u limit 1)",
        "(select a from t limit 1) union all select a from t",
        "(select a from t limit 1) union all (select a from t limit 1)",
        "select a from t union all (select a from t limit 1)",
        "copy t to stdout",
        "copy (select a from t) to stdout",
        "select a from t limit 5; select a from t",
    ] {
        assert_eq!(limit(text), Unknown, "{text}");
    }
}

#[test]
fn a_limit_on_what_a_write_returns_is_no_limit_on_the_write() {
    for text in [
        "with d as (delete from t returning a) select a from d limit 1",
        "with d as (insert into t select a from u limit 1 returning a) table d limit 1",
        "insert into t select a from u limit 10",
        "update t set a = 1 where a in (select a from t limit 1)",
        "create table n as select a from t limit 10",
        "select a into n from t limit 10",
        "select setval('s', 1) limit 1",
        "prepare p as with d as (delete from t returning a) select a from d limit 1",
    ] {
        assert_eq!(limit(text), Unknown, "{text}");
    }
}

#[test]
fn a_parameter_bounds_where_it_can_be_nothing_but_a_count() {
    for (text, bound) in [
        ("select a from t limit $1", Parameter(1)),
        (
            "select a from t where a = $1 limit $2 offset $3",
            Parameter(2),
        ),
        ("select a from t fetch first $1 rows only", Parameter(1)),
        ("explain select a from t limit $1", Parameter(1)),
        // of whatever type it is elsewhere
        ("select a from t where a = $1 limit $1", Unknown),
        ("select a from t limit $1 offset $1", Unknown),
        ("select a from t limit $1 + 1", Unknown),
        ("select a from t limit $1::int", Unknown),
        ("select a from t limit $99999999", Unknown),
        // whoever executes it says what the parameter is
        ("prepare p as select a from t limit $1", Unknown),
        ("declare c cursor for select a from t limit $1", Unknown),
        ("copy (select a from t limit $1) to stdout", Unknown),
    ] {
        assert_eq!(limit(text), bound, "{text}");
    }
}

#[test]
fn a_fetch_returns_no_more_than_its_count() {
    for (text, bound) in [
        ("fetch c", AtMost(1)),
        ("fetch next from c", AtMost(1)),
        ("fetch 100 from c", AtMost(100)),
        ("fetch forward 100 in c", AtMost(100)),
        ("fetch backward 100 c", AtMost(100)),
        ("fetch -100 c", AtMost(100)),
        ("fetch 0 c", AtMost(1)),
        ("fetch absolute -7 from c", AtMost(1)),
        ("fetch relative 7 from c", AtMost(1)),
        ("fetch all from c", Unknown),
        ("fetch forward all c", Unknown),
        ("fetch backward all in c", Unknown),
        ("fetch 99999999999999999999 from c", Unknown),
        ("move all in c", AtMost(0)),
        ("move 5 in c", AtMost(0)),
    ] {
        assert_eq!(limit(text), bound, "{text}");
    }
}

#[test]
fn one_row_may_hold_what_was_in_many() {
    for text in [
        "select array_agg(a) from t limit 1",
        "select my_own(a) from t limit 1",
        "select t.array_agg from t limit 1",
        "select (t).json_agg from t limit 1",
        "select string_agg(a, ',') over () from t limit 1",
        "select array(select a from t) limit 1",
        "select (select a from t limit 1), (select a from t offset 1 limit 1) limit 1",
        "select x from (select array_agg(a) as x from t) s limit 1",
        "with s as (select json_agg(t) as x from t) select x from s limit 1",
        "select a from t limit 1 offset (select a from t)",
        "values (array(select a from t))",
        "with recursive r (n, s) as (select 0, '' union all select n + 1, s || a from r join t \
         on id = n + 1) select s from r order by n desc limit 1",
        "copy (select array_agg(a) from t) to stdout",
    ] {
        assert!(gathers(text), "{text}");
    }
    for text in [
        "select * from t limit 1",
        "select a || b, a + 1, t.count from t limit 1",
        "select a from t where exists (select 1 from u) and a in (select a from u) limit 1",
        "select a from (select a from t) x limit 1",
        "fetch 5 from c",
    ] {
        assert!(!gathers(text), "{text}");
    }
}
