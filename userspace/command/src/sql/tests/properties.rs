//! What holds for all texts: no panic, and statements that are counted as they were written.

use proptest::prelude::{
    Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest,
};
use proptest::test_runner::Config;

use super::{edited, read};
use crate::model::{Statement, Verb};
use crate::sql::{Limits, setting, startup_settings, statements};

/// Statements that are read, of every family.
const STATEMENTS: [&str; 29] = [
    "select a, count(*) from t join u using (b) where c = $1 group by 1 order by a desc limit 5",
    "select p.*, (p).email, 'x'::text, array[1, 2] from people as p (a, b) for update",
    "with d as (delete from t where id = 1 returning *), e as (select 1) select * from d, e",
    "select case when a then 'b;' else $$c;$$ end, e'd\\'', U&\"\\0065\" from t -- ;\n",
    "insert into t (a, b) values (1, default) on conflict (a) do update set b = excluded.b",
    "update t set (a, b) = (select 1, 2), c = d from u where t.id = u.id returning *",
    "merge into t using s on t.id = s.id when matched then delete when not matched then insert values (1)",
    "copy t (a, b) from program 'x' with (format csv)",
    "copy (select a from t) to stdout",
    "explain (analyze, format json) delete from t",
    "prepare p (int) as select $1",
    "declare c scroll cursor for table t",
    "fetch backward 5 from c",
    "set local search_path to a, 'b'",
    "begin isolation level serializable, read only",
    "create table t (a int primary key default f(1), check (a > 1)) partition by range (a)",
    "create view v as select email from people with check option",
    "alter table t add column a int, drop constraint b cascade",
    "create policy p on t using (a = 1)",
    "drop table if exists a, b cascade",
    "grant select (a) on table t, s.u to public with grant option",
    "create role r login password 'x' in role s",
    "comment on column t.a is 'x'",
    "truncate only t, u restart identity",
    "copy (delete from t where a = 1 returning b) to stdout csv",
    "select * from t, json_table(a, '$' columns (b int default c on empty, nested '$' columns (d text))) j limit $1",
    "select * from xmltable('/' passing a columns b int path c default d not null, e for ordinality) as x",
    "with recursive r as (table t) search depth first by a set b cycle c set d to 1 default 2 using e select * from r",
    "create schema s create table t (a text collate \"C\" check (b > 1)) create view v as select a from t join u using (c) as j",
];

fn statement() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&STATEMENTS[..])
}

/// A text of statements with pieces cut out, put in and put elsewhere.
fn mutated() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(
            &[
                "'", "\"", "$$", "/*", "*/", "--", ";", "(", ")", "[", "]", ",", ".", "::", "\n",
                "\\", "E'", "U&'"
            ][..]
        )
        .prop_map(str::to_owned),
        prop::sample::select(crate::sql::keyword::all()).prop_map(|word| format!(" {word} ")),
        statement().prop_map(str::to_owned),
        any::<String>(),
    ];
    let edits = prop::collection::vec((any::<prop::sample::Index>(), 0..12_usize, piece), 0..6);
    (statement(), edits).prop_map(|(text, edits)| edited(text, edits))
}

#[test]
fn the_statements_are_read() {
    for text in STATEMENTS {
        assert!(
            matches!(read(text).as_slice(), [Statement::Command(_)]),
            "{text} is {:?}",
            read(text)
        );
    }
}

proptest! {
    #![proptest_config(Config { cases: 400, ..Config::default() })]

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(!statements(&bytes, &Limits::default()).is_empty());
    }

    #[test]
    fn no_text_panics(text in any::<String>()) {
        prop_assert!(!read(&text).is_empty());
    }

    #[test]
    fn no_mutation_panics(text in mutated()) {
        prop_assert!(!read(&text).is_empty());
    }

    #[test]
    fn statements_are_counted(texts in prop::collection::vec(statement(), 1..8), between in prop_oneof![Just(";"), Just(" ; /* ; */ ;\n"), Just("\n;--;\n")]) {
        let joined = texts.join(between);
        let met = read(&joined);
        prop_assert_eq!(met.len(), texts.len(), "{}", joined);
        for (text, met) in texts.iter().zip(met) {
            prop_assert_eq!(read(text), vec![met]);
        }
    }

    #[test]
    fn a_literal_changes_nothing_but_itself(literal in "[^'\\x00]{0,30}") {
        let met = read(&format!("select a from t where b = '{literal}'"));
        prop_assert_eq!(met, read("select a from t where b = ''"));
    }

    #[test]
    fn a_quoted_name_is_one_name(name in "[^\"\\x00]{1,40}") {
        let met = read(&format!("select 1 from \"{name}\""));
        let [Statement::Command(command)] = met.as_slice() else { panic!("{met:?}") };
        prop_assert_eq!(command.verb, Verb::Select);
        prop_assert_eq!(command.objects.len(), 1);
        prop_assert!(name.starts_with(&command.objects[0].name));
    }

    #[test]
    fn no_setting_panics(name in any::<String>(), value in any::<Option<String>>()) {
        drop(setting(&name, value.as_deref()));
        drop(startup_settings(&name));
    }
}
