//! Columns that policies name: what a statement says of them, and what it leaves open.

use weir_command::{Statement, sql};

use super::support::{alice, bundle, crm, judge, outcome};
use crate::{Context, Diagnostics, Moment, Policies, Program, Request, Source, Verdict, Weekday};

const ALL: &str = r#"@id("all") permit (principal, action, resource);"#;

const NO_SSN: &str = r#"
    @id("all") permit (principal, action, resource);
    @id("no-ssn") forbid (
      principal,
      action in [Weir::Action::"read", Weir::Action::"write", Weir::Action::"ddl"],
      resource == Weir::Column::"crm/sales/public/people/ssn"
    );
    @id("keep-salary") forbid (
      principal, action in Weir::Action::"write",
      resource == Weir::Column::"crm/sales/public/people/salary"
    ) unless { context.approved };"#;

fn statement(text: &str) -> Statement {
    let mut statements = sql::statements(text.as_bytes(), &sql::Limits::default()).into_iter();
    let one = statements.next().unwrap();
    assert_eq!(statements.next(), None, "{text}");
    one
}

#[test]
fn a_column_is_judged_where_it_is_or_may_be_meant() {
    let policies = bundle(&[NO_SSN]);
    for (text, expected) in [
        ("SELECT name FROM public.people", "allow"),
        ("SELECT ssn FROM public.people", "no-ssn"),
        ("SELECT p.ssn FROM public.people p", "no-ssn"),
        ("SELECT name FROM public.people WHERE ssn = '1'", "no-ssn"),
        ("SELECT name FROM public.people ORDER BY ssn", "no-ssn"),
        ("SELECT \"SSN\" FROM public.people", "allow"),
        ("SELECT SSN FROM public.people", "no-ssn"),
        // It may be meant.
        ("SELECT * FROM public.people", "no-ssn"),
        ("SELECT p FROM public.people p", "no-ssn"),
        ("TABLE public.people", "no-ssn"),
        ("SELECT ssn FROM people", "no-ssn"),
        ("SELECT * FROM people", "no-ssn"),
        ("COPY public.people TO STDOUT", "no-ssn"),
        ("COPY public.people (name) TO STDOUT", "allow"),
        ("SELECT (SELECT ssn FROM public.people LIMIT 1)", "no-ssn"),
        (
            "SELECT ssn FROM public.orders JOIN public.people USING (id)",
            "no-ssn",
        ),
        // It can't be.
        ("SELECT ssn FROM public.orders", "allow"),
        ("SELECT ssn FROM other.people", "allow"),
        ("SELECT * FROM other.people", "allow"),
        // Written, or read on the way.
        ("INSERT INTO public.people (name) VALUES ('a')", "allow"),
        ("INSERT INTO public.people (ssn) VALUES ('a')", "no-ssn"),
        ("INSERT INTO public.people VALUES ('a')", "no-ssn"),
        ("UPDATE public.people SET name = 'a' WHERE id = 1", "allow"),
        ("UPDATE public.people SET name = ssn WHERE id = 1", "no-ssn"),
        (
            "UPDATE public.people SET name = 'a' WHERE ssn = '1'",
            "no-ssn",
        ),
        (
            "UPDATE public.people SET (ssn) = ROW ('1') WHERE id = 1",
            "no-ssn",
        ),
        ("DELETE FROM public.people WHERE id = 1", "no-ssn"),
        ("ALTER TABLE public.people DROP COLUMN name", "no-ssn"),
        (
            "MERGE INTO public.people p USING (VALUES (1)) v (id) ON p.id = v.id \
             WHEN MATCHED THEN UPDATE SET ssn = '1'",
            "no-ssn",
        ),
        // Only writing it is held.
        ("SELECT salary FROM public.people", "allow"),
        ("UPDATE public.people SET salary = 1 WHERE id = 1", "ask"),
        (
            "UPDATE public.people SET name = 'a' WHERE salary = 1",
            "allow",
        ),
    ] {
        assert_eq!(
            outcome(&judge(&policies, &statement(text))),
            expected,
            "{text}"
        );
    }
}

#[test]
fn a_column_that_is_held_can_be_approved() {
    let policies = bundle(&[NO_SSN]);
    let update = statement("UPDATE public.people SET salary = 1 WHERE id = 1");
    let Verdict::Ask(ask) = judge(&policies, &update) else {
        panic!("it is held")
    };
    let [requirement] = ask.requirements() else {
        panic!("{ask:?}")
    };
    assert_eq!(requirement.demands().len(), 1);
    assert_eq!(ask.deciding(), ["keep-salary"]);
}

#[test]
fn the_relation_must_be_permitted_nevertheless() {
    let nobody = bundle(&[&NO_SSN.replace(
        r#"@id("all") permit (principal, action, resource);"#,
        r#"
        @id("orders") permit (principal, action, resource) when { resource.name == "orders" };"#,
    )]);
    let verdict = judge(&nobody, &statement("SELECT name FROM public.people"));
    assert_eq!(outcome(&verdict), "default-deny");
}

#[test]
fn columns_can_be_listed_that_are_all_that_is_read() {
    let policies = bundle(&[
        ALL,
        r#"@id("only") forbid (principal, action in Weir::Action::"read", resource)
           unless { !context.all_columns && ["id", "name"].containsAll(context.columns_read) };
           @id("only-notes") forbid (principal, action in Weir::Action::"write", resource)
           unless { !context.all_columns_written && ["notes"].containsAll(context.columns_written) };"#,
    ]);
    for (text, expected) in [
        ("SELECT id, name FROM people", "allow"),
        ("SELECT id, ssn FROM people", "only"),
        ("SELECT * FROM people", "only"),
        ("UPDATE people SET notes = 'a' WHERE ssn = '1'", "allow"),
        ("UPDATE people SET ssn = 'a' WHERE id = 1", "only-notes"),
        ("INSERT INTO people VALUES (1)", "only-notes"),
        ("DELETE FROM people WHERE id = 1", "only-notes"),
    ] {
        assert_eq!(
            outcome(&judge(&policies, &statement(text))),
            expected,
            "{text}"
        );
    }
}

fn load(text: &str) -> Result<Policies, Diagnostics> {
    Policies::load(&[Source {
        name: "a.cedar".into(),
        text: text.into(),
    }])
}

#[test]
fn what_could_not_hold_of_a_column_is_refused() {
    for (policy, found) in [
        (
            r#"@id("a") permit (principal, action, resource == Weir::Column::"crm/sales/public/people/ssn");"#,
            "a permit on a column permits nothing",
        ),
        (
            r#"@id("a") forbid (principal, action, resource == Weir::Column::"people/ssn");"#,
            "can't be a Column",
        ),
        (
            r#"@id("a") forbid (principal, action, resource is Weir::Column) when { resource.name == "ssn" };"#,
            "no column is named here",
        ),
    ] {
        let error = load(&format!("{ALL}{policy}")).unwrap_err().to_string();
        assert!(error.contains(found), "{policy}: {error}");
    }
}

#[test]
fn a_policy_about_what_weir_does_not_speak_yet_is_told() {
    let told = |policy: &str| {
        let policies =
            load(&format!("{ALL}\n@id(\"a\") {policy}")).unwrap_or_else(|e| panic!("{e}"));
        let warnings = policies.warnings().iter().map(ToString::to_string);
        warnings
            .filter(|text| text.contains("protects nothing yet"))
            .count()
    };
    for policy in [
        r#"forbid (principal, action == Weir::Action::"http_post", resource);"#,
        r#"forbid (principal, action in [Weir::Action::"kube_exec", Weir::Action::"ssh_shell"], resource);"#,
        r#"forbid (principal, action, resource) when { resource is Weir::Path };"#,
        r#"forbid (principal, action in Weir::Action::"write", resource in Weir::Namespace::"prod/default");"#,
        r#"permit (principal, action, resource) when { action == Weir::Action::"http_get" };"#,
    ] {
        assert_eq!(told(policy), 1, "{policy}");
    }
    for policy in [
        r#"forbid (principal, action in [Weir::Action::"http_post", Weir::Action::"insert"], resource);"#,
        r#"forbid (principal, action in Weir::Action::"write", resource);"#,
        r#"forbid (principal, action, resource) unless { resource is Weir::Path };"#,
    ] {
        assert_eq!(told(policy), 0, "{policy}");
    }
}

#[test]
fn the_moment_and_the_program_are_facts() {
    let policies = bundle(&[
        ALL,
        r#"@id("office-hours") forbid (principal, action in Weir::Action::"write", resource)
           when { context.hour < 8 || context.hour >= 18 || ["saturday", "sunday"].contains(context.weekday) };
           @id("known-program") forbid (principal, action in Weir::Action::"read", resource)
           unless { context has process && context.process.exe == "/usr/bin/psql" };"#,
    ]);
    let outcome = |text: &str, hour, weekday, exe: Option<&str>| {
        let context = Context {
            moment: Moment { hour, weekday },
            process: exe.map(|exe| Program {
                exe: exe.into(),
                exe_hash: None,
                uid: Some(1000),
            }),
            ..Context::default()
        };
        match policies.judge(&Request {
            subject: &alice(),
            target: &crm(),
            statement: &statement(text),
            names: None,
            context: &context,
        }) {
            Verdict::Deny(refusal) => refusal.rule,
            _ => "allow".to_owned(),
        }
    };
    let write = "INSERT INTO t (a) VALUES (1)";
    assert_eq!(outcome(write, 9, Weekday::Friday, None), "allow");
    assert_eq!(outcome(write, 18, Weekday::Friday, None), "office-hours");
    assert_eq!(outcome(write, 9, Weekday::Sunday, None), "office-hours");
    let read = "SELECT a FROM t";
    let psql = Some("/usr/bin/psql");
    assert_eq!(outcome(read, 9, Weekday::Friday, psql), "allow");
    assert_eq!(outcome(read, 9, Weekday::Friday, None), "known-program");
}
