//! Statements read by hand: the session, transactions, prepared statements, cursors, copies.

use super::{check, line};
use crate::sql::{function_call, setting, startup_settings};

#[test]
fn settings() {
    check(&[
        ("set a to b", "set +setting {a = b}"),
        (
            "SET LOCAL X.Y = 1, 'b', -2.5",
            "set +setting {x.y = 1, b, -2.5}",
        ),
        ("set session \"A\" = on", "set +setting {a = on}"),
        ("set session to 1", "set +setting {session = 1}"),
        ("set a to default", "set +setting {a = ?}"),
        ("set a from current", "set +setting {a = ?}"),
        ("set time zone 'utc'", "set +setting {timezone = utc}"),
        (
            "set time zone interval '1' hour",
            "set +setting {timezone = ?}",
        ),
        ("set schema 's'", "set +setting {search_path = s}"),
        (
            "set names 'UTF-8'",
            "set +setting {client_encoding = UTF-8}",
        ),
        (
            "set client_encoding = 'utf8'",
            "set +setting {client_encoding = utf8}",
        ),
        (
            "set standard_conforming_strings = on",
            "set +setting {standard_conforming_strings = on}",
        ),
        (
            "set xml option document",
            "set +setting {xmloption = document}",
        ),
        (
            "set dynamic_library_path = '/tmp'",
            "set +setting +dynamic_code {dynamic_library_path = /tmp}"
                .replace("+setting +dynamic_code", "+dynamic_code +setting")
                .as_str(),
        ),
        ("reset a", "set +setting {a = ?}"),
        ("reset all", "set +setting"),
        ("show a.b; show all; show time zone", "show\nshow\nshow"),
        (
            "discard all; discard temp",
            "set +setting {discard}\nset +setting {discard}",
        ),
        (
            "set constraints all deferred; set constraints s.a, b immediate",
            "transaction\ntransaction",
        ),
    ]);
}

#[test]
fn who_the_session_is() {
    check(&[
        ("set role bob", "assume +privilege {role = bob}"),
        ("set local role to 'bob'", "assume +privilege {role = bob}"),
        ("set \"role\" = bob", "assume +privilege {role = bob}"),
        ("set role none", "assume +privilege {role = none}"),
        ("reset role", "assume +privilege {role = ?}"),
        (
            "set session authorization 'bob'",
            "assume +privilege {session_authorization = bob}",
        ),
        (
            "set session session authorization default",
            "assume +privilege {session_authorization = ?}",
        ),
        (
            "reset session authorization",
            "assume +privilege {session_authorization = ?}",
        ),
        (
            "select set_config('role', 'bob', false)",
            "select set_config() +privilege {role = bob}",
        ),
    ]);
}

#[test]
fn transactions() {
    for text in [
        "begin",
        "begin work isolation level repeatable read read only, not deferrable",
        "start transaction read write",
        "commit and no chain",
        "end transaction",
        "rollback",
        "abort work and chain",
        "savepoint a",
        "release a",
        "release savepoint savepoint",
        "rollback work to savepoint a",
        "rollback to a",
        "prepare transaction 'x'",
        "commit prepared 'x'",
        "rollback prepared 'x'",
        "set transaction isolation level read uncommitted",
        "set local transaction snapshot 'x'",
    ] {
        check(&[(text, "transaction")]);
    }
}

#[test]
fn statements_about_statements() {
    check(&[
        (
            "prepare p (int, text) as select a from t where b = $1",
            "prepare t:r [a b] {prepare p}",
        ),
        (
            "prepare \"P\" as delete from t",
            "prepare absent t:w {prepare P}",
        ),
        ("execute p (1, f(2))", "execute f() {execute p}"),
        (
            "deallocate p; deallocate prepare all; deallocate prepare",
            "deallocate {deallocate p}\ndeallocate {deallocate *}\ndeallocate {deallocate prepare}",
        ),
        ("explain select a from t", "explain t:r [a]"),
        ("explain delete from t", "explain absent t:w"),
        (
            "explain (analyze off, format json) delete from t",
            "explain absent t:w",
        ),
        ("explain (select a from t)", "explain t:r [a]"),
        ("explain verbose table t", "explain t:r [*]"),
        ("explain analyze delete from t", "delete absent t:w"),
        ("explain analyse verbose delete from t", "delete absent t:w"),
        (
            "explain (verbose, analyze) delete from t",
            "delete absent t:w",
        ),
        ("explain (analyze 1) delete from t", "delete absent t:w"),
        (
            "explain (analyze on, analyze off) delete from t",
            "delete absent t:w",
        ),
        (
            "explain (analyze 'false') delete from t",
            "explain absent t:w",
        ),
        ("explain analyze execute p", "execute {execute p}"),
        ("explain execute p (1)", "explain {execute p}"),
        (
            "explain analyze create table n as select a from t",
            "create n:d t:r [a] +ddl +derives",
        ),
    ]);
}

#[test]
fn cursors() {
    check(&[
        (
            "declare c binary no scroll cursor with hold for select a from t",
            "declare t:r [a] {declare c}",
        ),
        (
            "fetch c; fetch next c; fetch all in c",
            "fetch {fetch c}\nfetch {fetch c}\nfetch {fetch c}",
        ),
        (
            "fetch backward 5 from c; move -3 c; move absolute 2 from c",
            "fetch {fetch c}\nfetch {fetch c}\nfetch {fetch c}",
        ),
        ("fetch from \"C\"", "fetch {fetch C}"),
        ("fetch next", "fetch {fetch next}"),
        ("close c; close all", "close {close c}\nclose {close *}"),
    ]);
}

#[test]
fn copies() {
    check(&[
        ("copy t to stdout", "copy_out t:r [*]"),
        (
            "copy t (a, b) to stdout with (format binary)",
            "copy_out t:r [a b]",
        ),
        (
            "copy (select a from t) to stdout csv header",
            "copy_out t:r [a]",
        ),
        (
            "copy s.t from stdin with (format csv, force_null (a)) where b > 1",
            "copy_in s.t:w [* b]",
        ),
        (
            "copy t from stdin delimiter ',' null as 'x'",
            "copy_in t:w [*]",
        ),
        (
            "copy (delete from t where a = 1 returning b) to stdout",
            "delete present t:r t:w [a b]",
        ),
        (
            "copy (update t set a = 1 returning *) to stdout csv",
            "update absent t:r t:w [* a]",
        ),
        (
            "copy (with d as (delete from t returning b) select b, c from d, u) to stdout",
            "delete absent t:r t:w u:r [b c]",
        ),
        (
            "copy (insert into t select a from u returning b) to program 'id'",
            "insert t:r t:w u:r [a b] +program +derives",
        ),
        (
            "copy (merge into t using u on t.a = u.a when matched then delete returning b) to '/tmp/x'",
            "merge present t:r t:w u:r [a b] +file",
        ),
        (
            "copy (select setval('s', 1)) to stdout",
            "update s:w setval()",
        ),
        ("copy t from '/etc/passwd'", "copy_in t:w [*] +file"),
        ("copy t to '/tmp/x'", "copy_out t:r [*] +file"),
        ("copy t from program 'id'", "copy_in t:w [*] +program"),
        ("copy (select 1) to program 'id'", "copy_out +program"),
        // the server takes either word either way
        ("copy t to stdin", "copy_out t:r [*]"),
    ]);
}

#[test]
fn upkeep_and_messages() {
    check(&[
        (
            "lock table only t, s.u in access exclusive mode nowait",
            "lock s.u:w t:w",
        ),
        ("lock t in access share mode", "lock t:r"),
        ("lock t", "lock t:w"),
        (
            "listen a; notify a, 'x'; unlisten *; unlisten a",
            "notify\nnotify\nnotify\nnotify",
        ),
        (
            "vacuum; vacuum full verbose t, s.u (a)",
            "maintain\nmaintain s.u:d t:d [a]",
        ),
        ("vacuum (analyze, full off) t", "maintain t:d"),
        ("analyze t (a)", "maintain t:r [a]"),
        ("cluster t using i; cluster", "maintain i:d t:d\nmaintain"),
        (
            "reindex (verbose) table concurrently s.t; reindex schema s",
            "maintain s.t:d\nmaintain s:d",
        ),
        (
            "refresh materialized view concurrently m with no data",
            "maintain m:w",
        ),
        ("checkpoint", "maintain"),
        (
            "truncate table only t, s.u * restart identity cascade",
            "truncate s.u:w t:w +destroy",
        ),
        ("comment on table t is 'x'", "comment t:d"),
        ("comment on column s.t.c is null", "comment s.t:d [c]"),
        ("comment on trigger g on t is ''", "comment t:d"),
    ]);
}

#[test]
fn code() {
    check(&[
        ("do $$ begin end $$", "do +dynamic_code"),
        ("do language plpgsql 'x'", "do +dynamic_code"),
        (
            "call s.p(1, a => (select b from t))",
            "call t:r [b] s.p() +dynamic_code",
        ),
    ]);
}

#[test]
fn functions_that_reach_beyond_rows() {
    check(&[
        ("select pg_read_file('x')", "select pg_read_file() +file"),
        (
            "select pg_catalog.\"pg_ls_dir\"('x')",
            "select pg_catalog.pg_ls_dir() +file",
        ),
        (
            "select lo_import('x')",
            "update pg_catalog.pg_largeobject:w lo_import() +file",
        ),
        (
            "select * from public.dblink('x', 'y') as t (a int)",
            "select [*] public.dblink() +network +dynamic_code",
        ),
        (
            "select query_to_xml('select 1', true, true, '')",
            "select query_to_xml() +dynamic_code",
        ),
        (
            "select 1 where pg_terminate_backend(1)",
            "select pg_terminate_backend() +session",
        ),
        (
            "select a from t order by (select pg_reload_conf())",
            "select t:r [a] pg_reload_conf() +session",
        ),
        (
            "select set_config('work_mem', '1', true)",
            "select set_config() +setting {work_mem = 1}",
        ),
        ("select pg_sleep(1)", "select pg_sleep()"),
    ]);
}

#[test]
fn startup_parameters() {
    assert_eq!(
        line(&setting("Search_Path", Some("s"))),
        "set +setting {search_path = s}"
    );
    assert_eq!(
        line(&setting("role", Some("r"))),
        "assume +privilege {role = r}"
    );
    assert_eq!(
        line(&setting("client_encoding", Some("utf-8"))),
        "set +setting {client_encoding = utf-8}"
    );
    assert_eq!(
        line(&setting("client_encoding", Some("SJIS"))),
        "opaque changes_lexing"
    );
    for encoding in [
        "windows-949",
        "WIN936",
        "Big5",
        "GB18030",
        "johab",
        "uhc",
        "",
    ] {
        let read = line(&setting("client_encoding", Some(encoding)));
        assert_eq!(read, "opaque changes_lexing", "{encoding}");
    }
    for encoding in ["latin1", "ISO-8859-1", "EUC_KR", "windows-1252", "KOI8R"] {
        let read = line(&setting("CLIENT_ENCODING", Some(encoding)));
        let set = format!("set +setting {{client_encoding = {encoding}}}");
        assert_eq!(read, set);
    }
    assert_eq!(
        line(&setting("client_encoding", None)),
        "opaque changes_lexing"
    );
    assert_eq!(
        line(&setting("standard_conforming_strings", Some("off"))),
        "opaque changes_lexing"
    );
    assert_eq!(
        line(&setting("standard_conforming_strings", Some(" TRUE "))),
        "set +setting {standard_conforming_strings =  TRUE }"
    );
    assert_eq!(
        startup_settings("-c a=1 --b-c=2").map(|settings| settings.len()),
        Some(2)
    );
    assert_eq!(startup_settings("-d 5"), None);
}

#[test]
fn the_fast_path() {
    assert_eq!(line(&function_call()), "function_call +dynamic_code");
}
