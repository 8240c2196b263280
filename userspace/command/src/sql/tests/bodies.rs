//! Semicolons that end no statement, and what hides behind what looks like one.

use super::check;

const MADE: &str = "create f:d +ddl +dynamic_code";

#[test]
fn routines_whose_body_is_sql() {
    for made in [
        "create function f() returns int begin atomic select 1; end",
        "create or replace function f(a int) returns int language sql begin atomic ;;return a;; end;",
        "create procedure f() begin atomic end",
        "create function f() returns int begin atomic select case when true then 1 end; end",
        "create function f() returns int begin atomic select 1 as end, 2 case; select 3 begin; end",
        "create function f() returns int begin atomic insert into t values ((1)); delete from t; end ; ;",
    ] {
        check(&[(made, MADE)]);
        // What follows is a statement of its own.
        let followed = format!(
            "select 1; {}; drop table t",
            made.trim_end_matches([';', ' '])
        );
        let all = format!("select\n{MADE}\ndrop t:d +ddl +destroy");
        check(&[(&followed, &all)]);
    }
}

#[test]
fn what_is_no_body_hides_nothing() {
    check(&[
        (
            "create function f() returns int begin atomic select 1; end drop table t",
            "opaque syntax",
        ),
        (
            "create function f() returns int begin atomic select 1; drop table t",
            "opaque syntax",
        ),
        (
            "create function f() returns int begin atomic select (1; 2); end",
            "opaque syntax",
        ),
        (
            "create function f() returns int begin atomic create function g() returns int \
             begin atomic select 1; end; end; drop table t",
            "opaque unsupported",
        ),
        (
            "create function f(a int default (begin atomic)) returns int language sql as ''; drop table t; end",
            "opaque unsupported",
        ),
        (
            "select begin atomic from t; drop table t; end",
            "opaque unsupported",
        ),
        (
            "create view function as select begin atomic; drop table t; end",
            "opaque unsupported",
        ),
        (
            "create or replace view function as select begin atomic; drop table t; end",
            "opaque unsupported",
        ),
        (
            "create \"function\" begin atomic; drop table t; end",
            "opaque unsupported",
        ),
        (
            "explain create function f() returns int begin atomic select 1; end",
            "opaque unsupported",
        ),
    ]);
}

#[test]
fn commands_of_a_rule() {
    let made = "create t:d +ddl +privilege +dynamic_code";
    check(&[
        (
            "create rule r as on insert to t do also (delete from a; delete from (b); )",
            made,
        ),
        (
            "create or replace rule r as on insert to t do (notify a; notify b); drop table t",
            &format!("{made}\ndrop t:d +ddl +destroy"),
        ),
        (
            "create rule r as on insert to t do also (delete from a; drop table b",
            "opaque syntax",
        ),
        (
            "create rule r as on insert to t do also (delete from a; drop table b]",
            "opaque syntax",
        ),
        (
            "create view rule as (select 1; drop table t)",
            "opaque syntax",
        ),
        ("create \"rule\" (select 1; drop table t)", "opaque syntax"),
    ]);
}
