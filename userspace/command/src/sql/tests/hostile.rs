//! Texts by which weir should be made to read something else than the server does.
//!
//! Each is opaque, or is read with what it would hide.

use super::{check, read};
use crate::model::Statement;

#[test]
fn what_is_no_text() {
    let read = |bytes: &[u8]| crate::sql::statements(bytes, &crate::sql::Limits::default());
    for bytes in [
        &b"select '\xff'"[..],
        b"select 1\0; drop table t",
        b"\xed\xa0\x80",
        b"select e'\\xff'",
    ] {
        let met = read(bytes);
        let [Statement::Opaque(opaque)] = met.as_slice() else {
            panic!("{bytes:?} is {met:?}")
        };
        assert_eq!(
            opaque.reason,
            crate::model::OpaqueReason::Encoding,
            "{bytes:?}"
        );
    }
    check(&[
        ("select e'\\000'", "opaque encoding"),
        ("select e'\\x80'", "opaque encoding"),
    ]);
}

#[test]
fn lexing() {
    check(&[
        // ends that never come
        ("select 'a", "opaque syntax"),
        ("select \"a", "opaque syntax"),
        ("select $a$ $b$", "opaque syntax"),
        ("select 1 /* /* */", "opaque syntax"),
        ("select e'a\\'", "opaque syntax"),
        ("select (1", "opaque syntax"),
        ("select 1)", "opaque syntax"),
        ("select (1; drop table t)", "opaque syntax"),
        ("select (1]", "opaque syntax"),
        // read differently by servers of different versions
        ("select 123abc from t", "opaque syntax"),
        ("select $1abc", "opaque syntax"),
        ("select 1\u{b}", "opaque syntax"),
        ("select 0x", "opaque syntax"),
        ("select 1.5.3", "opaque syntax"),
        // syntax of other databases
        ("select `a` from t", "opaque syntax"),
        ("select 1 # drop", "select [drop]"),
        ("select a from t where b == 1 # c\n", "select t:r [a b c]"),
        ("select \\d", "opaque syntax"),
        ("select {fn now()}", "opaque syntax"),
        ("select \"\" from t", "opaque syntax"),
        // another escape, which the server takes for nothing else
        ("select U&\"d!0061ta\" uescape '!'", "select [data]"),
        (
            "select U&\"d!!\\0061\" /* x */ UEscape -- y\n '!'",
            "select [d!\\0061]",
        ),
        ("select U&\"d\\0061ta\" uescape", "opaque syntax"),
        ("select U&\"d\\0061ta\" uescape 'a'", "opaque syntax"),
        ("select U&\"d+0061ta\" uescape '+'", "opaque syntax"),
        ("select U&\"d!0061ta\" uescape '!!'", "opaque syntax"),
        ("select U&\"d!0061ta\" uescape E'!'", "opaque syntax"),
        (
            "select U&\"d!0061ta\" uescape '!' uescape '?'",
            "opaque unsupported",
        ),
        ("select U&'\\d83d\\de00'", "opaque syntax"),
        ("select U&'\\zzzz'", "opaque syntax"),
        // what a lexer of another dialect would call a comment or a string
        (
            "select 1 --/* \n; drop table t --*/",
            "select\ndrop t:d +ddl +destroy",
        ),
        (
            "select 'a' -- 'b\n; drop table t -- '",
            "select\ndrop t:d +ddl +destroy",
        ),
        ("select $1$$; drop table t; $$", "opaque unsupported"),
        (
            "select a$$; drop table t; -- $$",
            "select [a$$]\ndrop t:d +ddl +destroy",
        ),
        (
            "select é$$; drop table t; -- $$",
            "select [é$$]\ndrop t:d +ddl +destroy",
        ),
        ("select \u{2003}from t", "select [\u{2003}from]"),
        (
            "select 1 @-- drop\n 2; drop table t",
            "select\ndrop t:d +ddl +destroy",
        ),
        ("select a <-1 from t", "select t:r [a]"),
    ]);
}

#[test]
fn grammar_of_other_dialects_never_reaches_a_command() {
    check(&[
        ("select * from t prewhere a = 1", "opaque syntax"),
        ("select top 5 * from t", "opaque syntax"),
        ("select * except (a) from t", "opaque syntax"),
        ("select * exclude a from t", "opaque syntax"),
        ("from t select a", "opaque syntax"),
        ("from t", "opaque syntax"),
        ("select a from t |> where b", "opaque syntax"),
        ("select a from t limit 5, 10", "opaque syntax"),
        ("select a from t group by all", "opaque unsupported"),
        ("select a from t order by all", "opaque unsupported"),
        (
            "select a from t union by name select b from u",
            "opaque unsupported",
        ),
        ("select a from t cluster by b", "opaque syntax"),
        ("select a from t connect by b", "opaque syntax"),
        ("select a from t left semi join u on true", "opaque syntax"),
        (
            "select a from t global join u on true",
            "opaque unsupported",
        ),
        ("select a from t with (nolock)", "opaque unsupported"),
        ("select a from table(f())", "opaque unsupported"),
        ("select 'a' 'b'", "opaque unsupported"),
        ("select a from 't'", "opaque unsupported"),
        ("select a b c from t", "opaque syntax"),
        ("select array<int>[1]", "opaque syntax"),
        ("delete t from t", "opaque unsupported"),
        ("delete from t, u where a", "opaque unsupported"),
        ("delete from t where a limit 1", "opaque unsupported"),
        ("update t join u on true set a = 1", "opaque unsupported"),
        ("update t set a = 1 limit 1", "opaque unsupported"),
        ("insert t values (1)", "opaque unsupported"),
        ("insert into table t values (1)", "opaque unsupported"),
        (
            "insert into t values (1) on duplicate key update a = 1",
            "opaque syntax",
        ),
        ("replace into t values (1)", "opaque syntax"),
        ("show tables", "show"),
        ("use shop", "opaque syntax"),
        ("describe t", "opaque syntax"),
        ("explain t", "opaque syntax"),
        ("kill 5", "opaque syntax"),
    ]);
}

#[test]
fn reserved_words_become_no_names() {
    check(&[
        // the parser would take LOCAL for a word of its own
        ("insert into local as t select 1", "opaque unsupported"),
        ("insert into local default values", "opaque syntax"),
        // a type that a constant follows is a column where none does
        ("select date null from t", "opaque unsupported"),
        ("select interval x from t", "opaque unsupported"),
        ("select interval - 1 from t", "opaque unsupported"),
        // a clause, and no label
        ("select a isnull from t", "select t:r [a]"),
        ("select x.only from t", "select t:r [only]"),
        ("select a as only from t", "select t:r [a]"),
        ("select a as table from t", "select t:r [a]"),
        ("select a table, b from t", "select t:r [a b]"),
    ]);
}

#[test]
fn what_changes_how_later_texts_are_read() {
    for text in [
        "set standard_conforming_strings = off",
        "SET \"Standard_Conforming_Strings\" TO 'no'",
        "set local standard_conforming_strings to default",
        "set standard_conforming_strings from current",
        "reset standard_conforming_strings",
        "set client_encoding = 'gbk'",
        "set names 'SJIS'",
        "set names",
        "reset client_encoding",
        "select set_config('standard_conforming_strings', 'off', false)",
        "select set_config('Client_Encoding', 'BIG5', false)",
        "select pg_catalog.set_config('standard_conforming_strings'::text, $1, true)",
        "select set_config($1, 'off', false)",
        "select set_config('standard_' || 'conforming_strings', 'off', false)",
        "select set_config(setting_name => 'standard_conforming_strings', new_value => 'off', is_local => false)",
        "select set_config(e'standard\\x5fconforming_strings', 'off', false)",
        "select 1 from t where a or set_config(b, c, d) = ''",
        "with c as (select set_config('client_encoding', 'x', false)) select * from c",
        "update pg_settings set setting = 'off' where name = 'standard_conforming_strings'",
        "update pg_catalog.pg_settings s set setting = 'off'",
        "with u as (update pg_settings set setting = 'off' returning 1) select * from u",
        "alter role r set standard_conforming_strings = off",
        "alter database d set client_encoding = 'sjis'",
        "alter system set standard_conforming_strings = off",
        "alter function f() set standard_conforming_strings = off",
    ] {
        check(&[(text, "opaque changes_lexing")]);
    }
}

#[test]
fn several_changes_of_the_session_at_once_are_not_followed() {
    check(&[
        (
            "select set_config('a', 'b', false), set_config('c', 'd', false)",
            "opaque unsupported",
        ),
        (
            "select 1 where set_config('a', 'b', true) = '' or set_config('c', 'd', true) = ''",
            "opaque unsupported",
        ),
        (
            "prepare p as select set_config('a', 'b', false)",
            "opaque unsupported",
        ),
    ]);
}

#[test]
fn what_is_not_followed_is_opaque_by_itself() {
    check(&[
        (
            "select 1; load 'x'; select 2",
            "select\nopaque unsupported\nselect",
        ),
        (
            "create schema s create table t (a int) grant select on t to public",
            "opaque unsupported",
        ),
        ("create table t as execute p", "opaque unsupported"),
        (
            "copy (delete from t returning *) to stdout (format parquet)",
            "opaque unsupported",
        ),
        (
            "declare c cursor for delete from t returning *",
            "opaque unsupported",
        ),
        (
            "create table n as with d as (delete from t returning *) select * from d",
            "opaque unsupported",
        ),
        (
            "with d as (delete from t returning *) select * into n from d",
            "opaque unsupported",
        ),
        ("alter extension e update", "opaque unsupported"),
        (
            "alter table all in tablespace a set tablespace b",
            "opaque unsupported",
        ),
        ("select a.b.c.d.e from t", "select t:r [e]"),
        ("select 1 from a.b.c.d", "opaque unsupported"),
        ("prepare p as create table t (a int)", "opaque unsupported"),
    ]);
}

#[test]
fn details_hold_no_literal() {
    for text in [
        "select 'hunter2",
        "select 'hunter2' 'hunter2'",
        "alter role r password 'hunter2' frobnicate",
        "select $$hunter2$$ from 'hunter2'",
        "update t set a = 'hunter2' limit 'hunter2'",
        "frobnicate 'hunter2'",
        "select set_config('client_encoding', 'hunter2', false)",
    ] {
        let met = read(text);
        let [Statement::Opaque(opaque)] = met.as_slice() else {
            panic!("{text} is {met:?}")
        };
        assert!(
            !opaque.detail.contains("hunter"),
            "{text}: {}",
            opaque.detail
        );
        assert!(!opaque.detail.is_empty());
    }
}
