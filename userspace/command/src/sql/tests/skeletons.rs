//! What passes for read alike, and is.

use proptest::prelude::{Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::test_runner::Config;

use super::{edited, read};
use crate::model::Statement;
use crate::sql::{keyword, skeleton};

fn skeleton_of(text: &str) -> Option<String> {
    let mut bytes = b"left from before".to_vec();
    skeleton(text.as_bytes(), &mut bytes).then(|| String::from_utf8(bytes).unwrap())
}

/// Whether the second passes for read like the first.
fn alike(one: &str, other: &str) -> bool {
    let one = skeleton_of(one);
    one.is_some() && one == skeleton_of(other)
}

#[test]
fn texts_that_differ_in_their_values_are_alike() {
    for (one, other) in [
        (
            "SELECT a FROM t WHERE b = 1",
            "SELECT a FROM t WHERE b = 23456;",
        ),
        (
            "SELECT a FROM t WHERE b<1 AND c>='x'",
            "SELECT a FROM t WHERE b<2 AND c>='it''s'",
        ),
        (
            "select a from t where b in (1, 2) limit 3",
            "select a from t where b in (7, 8) limit 3",
        ),
        (
            "UPDATE t SET a = 'x', b = 2 WHERE c = 3",
            "UPDATE t SET a = '', b = 9 WHERE c = 8",
        ),
        (
            "INSERT INTO t VALUES (1, 'a', NULL, f('x')), (2, 'b', true, now())",
            "INSERT INTO t VALUES (3, 'c', NULL, f('x')), (4, 'd', true, now())",
        ),
        (
            "WITH d AS (DELETE FROM t WHERE a = 1 RETURNING b) SELECT b FROM d WHERE \"C\" <> 'x'",
            "WITH d AS (DELETE FROM t WHERE a = 2 RETURNING b) SELECT b FROM d WHERE \"C\" <> 'y'",
        ),
    ] {
        assert!(alike(one, other), "{one}");
        assert_eq!(read(one), read(other));
    }
}

#[test]
fn a_value_that_a_reading_may_look_at_stays() {
    for (one, other) in [
        ("SELECT a FROM t LIMIT 1", "SELECT a FROM t LIMIT 2"),
        (
            "SELECT a, b FROM t ORDER BY 1",
            "SELECT a, b FROM t ORDER BY 2",
        ),
        (
            "SELECT a, b FROM t ORDER BY a, 1",
            "SELECT a, b FROM t ORDER BY a, 2",
        ),
        (
            "SELECT 1 FROM t WHERE a IN (SELECT b, c FROM u ORDER BY b, 1)",
            "SELECT 1 FROM t WHERE a IN (SELECT b, c FROM u ORDER BY b, 2)",
        ),
        (
            "SELECT 1 FROM t WHERE a IN ((SELECT b, c FROM u) UNION SELECT 1, 2 ORDER BY 2, 1)",
            "SELECT 1 FROM t WHERE a IN ((SELECT b, c FROM u) UNION SELECT 1, 2 ORDER BY 2, 2)",
        ),
        (
            "SELECT set_config('role', 'a', true)",
            "SELECT set_config('role', 'b', true)",
        ),
        ("SELECT f(values (1), ('a'))", "SELECT f(values (1), ('b'))"),
        (
            "SELECT setval('a', 1) FROM t WHERE b = 1",
            "SELECT setval('b', 1) FROM t WHERE b = 1",
        ),
        (
            "SELECT a FROM t WHERE b = 'x'::regclass",
            "SELECT a FROM t WHERE b = 'y'::regclass",
        ),
        (
            "SELECT a FROM t WHERE b = 1",
            "SELECT a FROM t WHERE b = 'x'",
        ),
        (
            "SELECT a FROM t WHERE b = 1",
            "SELECT a FROM t WHERE b = 1.5",
        ),
        (
            "SELECT a IS NFC NORMALIZED FROM t WHERE b::s.in('nfc') = c",
            "SELECT a IS NFC NORMALIZED FROM t WHERE b::s.in('x') = c",
        ),
        ("SELECT s . values('nfc')", "SELECT s . values('x')"),
        ("SELECT CAST(a AS in('nfc'))", "SELECT CAST(a AS in('x'))"),
        (
            "SELECT a, b FROM t ORDER BY s.values(1), (1)",
            "SELECT a, b FROM t ORDER BY s.values(1), (2)",
        ),
        ("SELECT f(a := 'x')", "SELECT f(a := 'y')"),
    ] {
        let both = skeleton_of(one).zip(skeleton_of(other));
        assert!(both.is_some_and(|(one, other)| one != other), "{one}");
    }
}

#[test]
fn what_bytes_alone_do_not_tell_has_none() {
    for text in [
        "",
        " ",
        "SET search_path = 'x'",
        "EXPLAIN SELECT a FROM t WHERE b = 1",
        "SELECT a FROM t WHERE b = 1; SET search_path = 'x'",
        "SELECT a FROM t WHERE b = 1 -- why",
        "SELECT a FROM t WHERE b = 1 /* why */",
        "SELECT a FROM t WHERE b = $1",
        "SELECT a FROM t WHERE b = $$x$$",
        "SELECT a FROM t WHERE b = E'\\''",
        "SELECT a FROM t WHERE b = 'x",
        "SELECT a FROM \"t",
        "SELECT a FROM t WHERE b = 'ä'",
        "SELECT a FROM t WHERE b = '\u{1}'",
        "SELECT a FROM t WHERE b = \u{1}",
        "SELECT a FROM t WHERE (b = 1",
        "SELECT a FROM t WHERE b = 1)",
        "selecta",
    ] {
        assert_eq!(skeleton_of(text), None, "{text}");
    }
    let long = format!("SELECT a FROM t WHERE b = '{}'", "x".repeat(1 << 16));
    assert_eq!(skeleton_of(&long), None);
    let deep = format!("SELECT {}1{}", "(".repeat(1000), ")".repeat(1000));
    assert_eq!(skeleton_of(&deep), None);
}

/// Queries and changes of rows, with values wherever they may be.
const TEXTS: [&str; 16] = [
    "select a, 1, 'x' from t where b = 1 and c <> 'x' or d in (1, 2, 'y') order by a, 2 limit 5",
    "select count(*) from t where f(a = 'x', b, 'y') > 2 group by 1, b having sum(c) >= 10 fetch first 3 rows only",
    "select set_config('role', 'x', true), setval('s', 3) from t where a = 5 and b = -1",
    "select * from (values (1, 'a'), (2, 'b')) as v (a, b) where a = 2 offset 1",
    "select a from t where b = 'x'::text and c = cast('y' as regclass) and d = date '2020-01-01'",
    "select a from t where (b, c) in ((1, 'x'), (2, 'y')) and d in (select e, 1 from u order by e, 1)",
    "select case when a = 1 then 'x' else 'y' end from t where b between 1 and 2 and c like 'z%'",
    "select position('x' in ('y')), a[1], b[1:2] from t where a[1] = 1 and b = any ('{1,2}')",
    "insert into t (a, b) values (1, 'x'), (2, 'y') on conflict (a) do update set b = 'z' where t.a = 3 returning a",
    "insert into t values (1, null, default, now(), f('x', 1), 'x' || 'y', (select 1), array[1, 2])",
    "insert into t select 1, 'x' from u where a in (1) union all select 2, 'y' order by 1, 2",
    "update t set a = 1, b = 'x', (c, d) = (1, 'y') from u where t.e = u.e and t.f = 1",
    "delete from t using u where t.a = 1 or 1 = 1 or u.b = 'x'",
    "with w as (update t set a = 'x' where b = 1 returning c) select c from w where d in (1, 2) limit 1",
    "with recursive r (a) as (select 1 union select a + 1 from r where a < 5) select a from r where a = 3",
    "select a from t tablesample bernoulli (5) where interval '1 day' = b and e <= 'z' collate \"C\" for update",
];

/// Their texts with pieces put in and cut out.
fn mutated() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(
            &[
                "'",
                "\"",
                ";",
                "(",
                ")",
                "[",
                "]",
                ",",
                ".",
                "::",
                ":",
                "=",
                "<",
                ">",
                " = ",
                "-",
                "*",
                "\n",
                "\\",
                " in (",
                " values (",
                " 1",
                " 'x'",
                ", 2",
                ", 'y'",
                "), (",
                " order by 1, ",
                " limit ",
                " set_config(",
                " = 1",
                " = 'x'",
                "e'",
                "(select ",
                ".in(",
                "s.values(",
                " as ",
                "(2)",
            ][..]
        )
        .prop_map(str::to_owned),
        prop::sample::select(keyword::all()).prop_map(|word| format!(" {word} ")),
        prop::sample::select(&TEXTS[..]).prop_map(str::to_owned),
        "[ -~]{0,4}",
    ];
    let edits = prop::collection::vec((any::<prop::sample::Index>(), 0..8_usize, piece), 0..5);
    (prop::sample::select(&TEXTS[..]), edits).prop_map(|(text, edits)| edited(text, edits))
}

/// Another text of the same skeleton.
fn filled(skeleton: &str, numbers: &[u64], strings: &[String]) -> String {
    let (mut numbers, mut strings) = (numbers.iter().cycle(), strings.iter().cycle());
    let mut text = String::new();
    for c in skeleton.chars() {
        match c {
            '\u{1}' => text.push_str(&numbers.next().unwrap().to_string()),
            '\u{2}' => {
                let value = strings.next().unwrap().replace('\'', "''");
                text.push_str(&format!("'{value}'"));
            }
            c => text.push(c),
        }
    }
    text
}

proptest! {
    #![proptest_config(Config { cases: 2000, ..Config::default() })]

    #[test]
    fn texts_of_one_skeleton_are_read_alike(
        text in mutated(),
        numbers in prop::collection::vec(0..1_000_000_000_000_000_000_u64, 1..4),
        strings in prop::collection::vec("[ -~\\n]{0,12}", 1..4),
    ) {
        let Some(skeleton) = skeleton_of(&text) else {
            return Ok(());
        };
        let other = filled(&skeleton, &numbers, &strings);
        prop_assert_eq!(skeleton_of(&other), Some(skeleton), "{} {}", text, other);
        let (one, other_read) = (read(&text), read(&other));
        let commands = one.iter().all(|statement| matches!(statement, Statement::Command(_)));
        if commands {
            prop_assert_eq!(one, other_read, "{} {}", text, other);
        } else {
            // Its end may have been cut off: nothing else differs.
            prop_assert!(other_read.iter().any(|statement| matches!(statement, Statement::Opaque(_))));
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let mut into = Vec::new();
        let text = [b"select ", &bytes[..]].concat();
        let has = skeleton(&text, &mut into);
        prop_assert!(has || into.len() <= text.len());
    }
}
