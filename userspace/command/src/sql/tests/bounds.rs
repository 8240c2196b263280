//! What a text may cost.

use std::time::{Duration, Instant};

use super::{line, read};
use crate::sql::{Limits, statements};

/// Reads a text and checks that it was quick, in a build without optimisation.
fn quick(text: &str) -> String {
    let start = Instant::now();
    let met = read(text);
    let took = start.elapsed();
    let shown: String = text.chars().take(60).collect();
    assert!(took < Duration::from_secs(5), "{shown} took {took:?}");
    met.first().map(line).unwrap_or_default()
}

#[test]
fn limits_hold() {
    let limits = Limits {
        bytes: 20,
        statements: 2,
        depth: 3,
    };
    let met = |text: &str| line(statements(text.as_bytes(), &limits).first().unwrap());
    assert_eq!(met("select 1; select 2;;"), "select");
    assert_eq!(met("select 1;;;select 1;"), "select");
    assert_eq!(met("begin; end; abort;"), "opaque too_large");
    assert_eq!(met("select (((1)))"), "select");
    assert_eq!(met("select ((((1))))"), "opaque too_large");
    assert_eq!(met("select [[[[1]]]]"), "opaque too_large");
    assert_eq!(met("select 'aaaaaaaaaaaaaaa'"), "opaque too_large");
}

#[test]
fn nesting_is_refused_before_it_is_parsed() {
    for opening in [
        "(",
        "[",
        "(select ",
        "f(",
        "array[",
        "case when (",
        "x in (",
        "not (",
        "exists (select (",
    ] {
        let count = 100_000 / opening.len();
        assert_eq!(
            quick(&format!("select {}", opening.repeat(count))),
            "opaque too_large",
            "{opening}"
        );
    }
    for opening in ["(", "((select * from ", "(t join "] {
        let text = format!("select * from {}", opening.repeat(20_000));
        assert_eq!(quick(&text), "opaque too_large", "{opening}");
    }
}

#[test]
fn nesting_within_the_limit_does_not_explode() {
    for (opening, middle, closing) in [
        ("(", "1", ")"),
        ("(", "a.b.c(1)", ")"),
        ("f(", "1", ")"),
        ("f(a => ", "1", ")"),
        ("cast(", "1", " as int)"),
        ("(select ", "1", ")"),
        ("(select * from (select 1) x where a in ", "(1)", ")"),
        ("array[", "1", "]"),
        ("x[", "1", "]"),
        ("case when (", "1", ") then 2 end"),
        ("coalesce(interval '1' day, ", "1", ")"),
        ("substring(trim(", "a", ") from 1)"),
        ("not (not ", "a", ")"),
        ("(", "a", ", b)"),
        ("row(", "a", ") = any "),
        ("exists (select 1 where ", "a", ")"),
        ("(case a when 1 then (", "b", ") end)"),
        ("position((", "a", ") in b)"),
        ("extract(year from (", "a", "))"),
        ("interval (", "a", ")"),
        ("date (", "a", ")"),
        ("overlay((", "a", ") placing b from 1)"),
        ("xmlelement((", "a", "))"),
        ("(a, (", "b", ")) overlaps (c, d)"),
        ("array(select ", "1", ")"),
    ] {
        for depth in [10, 24, 49] {
            let (nested, end) = (opening.repeat(depth), closing.repeat(depth));
            quick(&format!("select {nested}{middle}{end} from t"));
            quick(&format!("select {nested}{middle}{end} ! from t"));
            quick(&format!("select {nested}{middle}"));
            quick(&format!("select * from {nested}{middle}{end} x"));
            quick(&format!("select * from {nested}t join u on a{end} x"));
            quick(&format!("insert into t {nested}{middle}{end}"));
            quick(&format!(
                "create table t (a int check ({nested}{middle}{end}))"
            ));
        }
    }
}

/// Runs on a stack of half of what a thread usually has.
fn narrow(test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new()
        .stack_size(1 << 20)
        .spawn(test)
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn bounds_hold_together() {
    narrow(all_bounds);
}

fn all_bounds() {
    // joins that await their conditions at every level of nesting
    for (joins, levels) in [(7, 49), (3, 49), (30, 10)] {
        let open = format!("select a from t{} join (", " join t".repeat(joins)).repeat(levels);
        let close = format!(") x{}", " on true".repeat(joins + 1)).repeat(levels);
        quick(&format!("{open}select 1{close}"));
        let open = format!("(t{} join ", " join t".repeat(joins)).repeat(levels);
        let close = format!("{} )", " on true".repeat(joins + 1)).repeat(levels);
        quick(&format!("select a from {open}t{close}"));
        quick(&format!("select a from {open}t"));
    }
    // chains at every level
    for link in ["not ", "- ", "a + ", "a or ", "case when ", "1 in "] {
        let open = format!("{}(", link.repeat(39)).repeat(49);
        quick(&format!("select {open}1{}", ")".repeat(49)));
        quick(&format!("delete from t where {open}1{}", ")".repeat(49)));
        quick(&format!("select {open}select 1{}", ")".repeat(49)));
    }
}

#[test]
fn runs_of_operator_characters_are_read_once() {
    for run in ["+", "-+", "*-", "<", "@", "+ ", "/ "] {
        let text = format!("select 1 {} 1", run.repeat((1 << 20) / run.len() - 20));
        assert!(quick(&text).starts_with("opaque"), "{run}");
    }
    // a comment ends a run, whatever it is made of
    let text = format!("select 1 +/*{}*/ 1", "*=".repeat(1 << 18));
    assert_eq!(quick(&text), "select");
}

#[test]
fn chains_neither_recurse_nor_drag() {
    narrow(chains);
}

fn chains() {
    for (link, expected) in [
        (" + 1", "select t:r [a]"),
        (" or a", "select t:r [a]"),
        (" and not a", "select t:r [a]"),
        (" || a", "select t:r [a]"),
        (" is null", "select t:r [a]"),
        ("::int", "select t:r [a]"),
        ("::int[]", "select t:r [a]"),
        ("[1]", "select t:r [a]"),
        (" collate x", "select t:r [a]"),
        (" at time zone 'utc'", "select t:r [a]"),
        (" between a and a", "select t:r [a]"),
        (" like 'a'", "select t:r [a]"),
        (" operator(s.+) a", "select t:r [a]"),
        (".b", "select t:r [b]"),
    ] {
        assert_eq!(
            quick(&format!("select a{} from t", link.repeat(15))),
            expected,
            "{link}"
        );
        for count in [400, 1_900, 4_500] {
            quick(&format!("select a{} from t", link.repeat(count)));
            quick(&format!("delete from t where a{}", link.repeat(count)));
            quick(&format!(
                "create table t (a int default a{})",
                link.repeat(count)
            ));
        }
    }
    for prefix in [
        "not ",
        "- ",
        "+ ",
        "~ ",
        "@ ",
        "interval ",
        "case when ",
        "date ",
        "array",
        "exists ",
        "row ",
    ] {
        for count in [39, 400, 4_500] {
            quick(&format!("select {}a from t", prefix.repeat(count)));
            quick(&format!(
                "select {}a from t",
                format!("1 {prefix}").repeat(count)
            ));
        }
    }
    for link in [
        " union select a",
        " intersect select a, b",
        " except all (select a)",
        " join t on a",
        " join t",
        " natural join t",
        ", t",
        " cross join t",
    ] {
        for count in [20, 1_500, 4_500] {
            quick(&format!("select a from t{}", link.repeat(count)));
        }
    }
}

#[test]
fn every_keyword_may_be_repeated() {
    for word in crate::sql::keyword::all() {
        let run = format!("{word} ").repeat(39);
        quick(&run);
        quick(&format!("select {run}"));
        quick(&format!("select a from t {run}"));
        quick(&format!("create table t (a {run})"));
        quick(&format!("select {}", format!("{word} + a.").repeat(150)));
        assert!(
            quick(&format!("select {}", run.repeat(3))).starts_with("opaque"),
            "{word}"
        );
    }
}

/// A look that goes to the end of a text must not be had again and again.
#[test]
fn clauses_that_look_ahead_do_so_a_few_times() {
    for (open, again, close) in [
        (
            "select * from xmltable('/' passing a ",
            "columns a int path ",
            "b)",
        ),
        ("select * from json_table(a, '$' ", "columns (a int) ", ")"),
        (
            "select * from json_table(a, '$' ",
            "nested columns (a int default b ",
            ")",
        ),
        ("insert into t values (1) ", "on conflict (a) where b ", ""),
        ("insert into t values (1) ", "on conflict (a, ", ""),
        ("with r as (select 1) ", ") cycle a set b to c ", "select 1"),
        ("select * from (t) ", ") search depth first by a, ", ""),
        ("select * from f(a", ") as (b int, c ", ""),
        ("select * from t join u using (a", ") as b, (c", ""),
        ("select a ", "collate a.", "b"),
        ("select 'a'", "::a.b", " preceding"),
    ] {
        for count in [10, 2_000, 30_000] {
            quick(&format!("{open}{}{close}", again.repeat(count)));
        }
    }
    // but each that is one is read
    let tables = ", json_table('[]', '$' columns (a int)) j".repeat(60);
    assert_eq!(
        quick(&format!("select a from t{tables}")),
        "select t:r [a] json_table()"
    );
}

#[test]
fn long_lists_are_read() {
    let ids = vec!["1"; 20_000].join(", ");
    assert_eq!(
        quick(&format!("select a from t where b in ({ids})")),
        "select t:r [a b]"
    );
    let rows = vec!["($1, $2, 'x', null)"; 5_000].join(", ");
    assert_eq!(quick(&format!("insert into t values {rows}")), "insert t:w");
    let branches = vec!["a = 1"; 900].join(" or ");
    assert_eq!(
        quick(&format!("delete from t where {branches}")),
        "delete present t:w [a]"
    );
    let tables: Vec<String> = (0..2_000).map(|n| format!("t{n}")).collect();
    assert!(quick(&format!("select 1 from {}", tables.join(", "))).starts_with("select t0:r"));
    let value = "x".repeat(1 << 19);
    assert_eq!(
        quick(&format!("insert into t values ('{value}')")),
        "insert t:w"
    );
    assert_eq!(quick(&",".repeat(1 << 20)), "opaque too_large");
    assert_eq!(quick(&"a ".repeat(1 << 19)), "opaque too_large");
}
