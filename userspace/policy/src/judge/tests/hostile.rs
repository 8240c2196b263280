//! Names and numbers that someone chose with care.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use weir_command::{Access, Object, Verb};

use super::support::{alice, bundle, crm, judge, judge_as, make, outcome, refusal, subject};
use crate::{Context, Policies, Request, Target};

const ALLOW: &str =
    r#"@id("all") permit (principal, action in Weir::Action::"command", resource);"#;

fn object(database: Option<&str>, schema: Option<&str>, name: &str) -> Object {
    Object {
        database: database.map(Into::into),
        schema: schema.map(Into::into),
        name: name.into(),
        access: Access::Read,
    }
}

#[test]
fn no_name_passes_for_another() {
    let policies = bundle(&[
        r#"@id("one") permit (principal, action == Weir::Action::"select", resource == Weir::Relation::"crm/sales/public/people");"#,
    ]);
    let of = |o| outcome(&judge(&policies, &make(Verb::Select).exactly(o).done())).to_owned();
    assert_eq!(of(object(None, Some("public"), "people")), "allow");
    assert_eq!(of(object(Some("sales"), Some("public"), "people")), "allow");
    for hostile in [
        object(None, None, "public/people"),
        object(None, None, "people"),
        object(None, Some("public/people"), ""),
        object(None, Some(""), "public/people"),
        object(Some("sales/public"), None, "people"),
        object(Some(""), Some("sales/public"), "people"),
        object(None, Some("public"), "people\0"),
        object(None, Some("public"), "people\n"),
        object(None, Some("public"), "people\""),
        object(None, Some("public"), "people\", Weir::Relation::\"x"),
        object(None, Some("public"), "People"),
        object(None, Some("public%2Fpeople"), ""),
        object(None, Some("public"), "\u{43f}eople"),
    ] {
        assert_eq!(of(hostile.clone()), "default-deny", "{hostile:?}");
    }
}

#[test]
fn no_subject_or_target_passes_for_another() {
    let policies = bundle(&[
        r#"@id("g") permit (principal in Weir::Group::"dba", action == Weir::Action::"select", resource in Weir::Database::"crm/sales");"#,
    ]);
    let read = make(Verb::Select).reads("people").done();
    let hostile = subject(
        "Weir::Group::\"dba\"",
        &["dba\"", "dba/", "x, dba", "dba\0"],
    );
    assert_eq!(
        outcome(&judge_as(&policies, &hostile, &read)),
        "default-deny"
    );
    let target = Target {
        name: "crm/sales".into(),
        database: String::new(),
        ..crm()
    };
    let (subject, context) = (subject("s", &["dba"]), Context::default());
    assert_eq!(outcome(&judge_as(&policies, &subject, &read)), "allow");
    let request = Request {
        subject: &subject,
        target: &target,
        statement: &read,
        names: None,
        context: &context,
    };
    assert_eq!(outcome(&policies.judge(&request)), "default-deny");
}

#[test]
fn a_name_without_a_schema_may_mean_each_that_policies_tell_apart() {
    let unqualified = make(Verb::Select).reads("salaries").done();
    let elsewhere = make(Verb::Select).reads("public.salaries").done();
    for forbid in [
        r#"resource in Weir::Schema::"crm/sales/payroll""#,
        r#"resource == Weir::Relation::"crm/sales/payroll/salaries""#,
        r#"resource is Weir::Relation && resource has schema && resource.schema == "payroll""#,
        r#"resource is Weir::Relation && resource has schema && ["x", "payroll"].contains(resource.schema)"#,
        r#"resource is Weir::Relation && resource has schema && resource.schema like "pay*""#,
    ] {
        let forbid = format!(
            r#"@id("payroll") @message("salaries are private") forbid (principal, action in Weir::Action::"command", resource) when {{ {forbid} }};"#
        );
        let policies = bundle(&[ALLOW, &forbid]);
        let refusal = refusal(judge(&policies, &unqualified));
        assert_eq!(refusal.rule, "payroll", "{forbid}");
        assert!(
            refusal.message.starts_with(
                "salaries are private (a name without a schema may mean crm/sales/pay"
            ),
            "{}",
            refusal.message
        );
        assert_eq!(outcome(&judge(&policies, &elsewhere)), "allow", "{forbid}");
    }
    // Schemas of another target are none that it could mean.
    let other = r#"@id("o") forbid (principal, action in Weir::Action::"command", resource in Weir::Schema::"erp/sales/payroll");"#;
    let policies = bundle(&[ALLOW, other]);
    assert_eq!(outcome(&judge(&policies, &unqualified)), "allow");
    assert_eq!(policies.rules.schemas.of("crm", "sales").count(), 0);
    assert!(policies.rules.schemas.of("erp", "sales").eq(["payroll"]));
    // An exception among permits is as good as a forbid.
    let except = r#"@id("e") permit (principal, action in Weir::Action::"command", resource)
        unless { resource is Weir::Relation && resource has schema && resource.schema == "payroll" };"#;
    assert_eq!(
        outcome(&judge(&bundle(&[except]), &unqualified)),
        "default-deny"
    );
}

#[test]
fn a_refusal_is_one_line_of_bounded_length_whatever_the_name() {
    let policies =
        bundle(&[r#"@id("none") permit (principal, action == Weir::Action::"show", resource);"#]);
    let name = format!("a\n\u{1b}[2J\0\"{}", "x".repeat(100_000));
    let refusal = refusal(judge(&policies, &make(Verb::Select).reads(&name).done()));
    assert!(refusal.message.len() < 400, "{}", refusal.message.len());
    assert!(
        !refusal.message.contains(char::is_control),
        "{}",
        refusal.message
    );
}

#[test]
fn more_than_is_judged_is_denied_not_cut() {
    let policies = bundle(&[ALLOW]);
    let objects = |n: usize| {
        (0..n).fold(make(Verb::Select), |made, i| {
            made.reads(&format!("public.t{i}"))
        })
    };
    assert_eq!(outcome(&judge(&policies, &objects(1000).done())), "allow");
    assert_eq!(
        outcome(&judge(&policies, &objects(1001).done())),
        "too-large"
    );
    let calls = |n: usize| (0..n).fold(make(Verb::Select), |made, i| made.calls(&format!("f{i}")));
    assert_eq!(outcome(&judge(&policies, &calls(256).done())), "allow");
    assert_eq!(outcome(&judge(&policies, &calls(257).done())), "too-large");
    let names: Vec<String> = (0..201).map(|i| format!("c{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(
        outcome(&judge(&policies, &objects(99).columns(&names).done())),
        "allow"
    );
    assert_eq!(
        outcome(&judge(&policies, &objects(100).columns(&names).done())),
        "too-large"
    );
    // Five schemas to tell apart make six questions of each name.
    let schemas: String = (0..5)
        .map(|i| format!(r#"@id("f{i}") forbid (principal, action, resource in Weir::Schema::"crm/sales/s{i}");"#))
        .collect();
    let policies = bundle(&[ALLOW, &schemas]);
    let unqualified = (0..683).fold(make(Verb::Select), |made, i| made.reads(&format!("t{i}")));
    assert_eq!(outcome(&judge(&policies, &unqualified.done())), "too-large");
}

#[test]
fn the_largest_statement_that_is_judged_takes_little_time() {
    let policies = Policies::shipped().unwrap();
    let names: Vec<String> = (0..20).map(|i| format!("a_column_{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let made = (0..1000).fold(make(Verb::Insert), |made, i| {
        made.reads(&format!("public.t{i}"))
    });
    let made = (0..256).fold(made, |made, i| made.calls(&format!("f{i}")));
    let start = Instant::now();
    assert_eq!(
        outcome(&judge(&policies, &made.columns(&names).done())),
        "allow"
    );
    // A generous bound for an unoptimised build on a busy machine; quadratic work would be minutes.
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn a_bundle_can_be_shared_by_threads() {
    fn shared<T: Send + Sync + 'static>(_: &T) {}
    shared(&bundle(&[ALLOW]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_name_is_judged_as_itself(
        schema in proptest::option::of("\\PC{0,4}|public"),
        name in "\\PC{0,8}|people|[\\x00-\\x1f\"'/%]{1,4}",
    ) {
        let policies = bundle(&[ALLOW, r#"@id("no") forbid (principal, action in Weir::Action::"command", resource == Weir::Relation::"crm/sales/people");"#]);
        let statement = make(Verb::Select).exactly(object(None, schema.as_deref(), &name)).done();
        let expected = if schema.is_none() && name == "people" { "no" } else { "allow" };
        let verdict = judge_as(&policies, &alice(), &statement);
        prop_assert_eq!(outcome(&verdict), expected);
    }

    /// Whatever somebody calls things, the same question gets the same answer; the policies that an
    /// action leaves out are none that would have had a say; and what is refused says so in a line.
    #[test]
    fn any_names_get_one_answer_and_no_policy_is_lost(
        text in "(SELECT|DELETE FROM|INSERT INTO|UPDATE|DROP TABLE|GRANT|SET|COPY|\\PC{0,6}) \\PC{0,24}",
        names in proptest::collection::vec("\\PC{0,12}|[\\x00-\\x1f\"'/%]{1,6}|unix:alice|crm", 7),
        in_transaction: bool,
    ) {
        let policies = bundle(&[
            ALLOW,
            r#"@id("a") forbid (principal in Weir::Group::"g", action in [Weir::Action::"write", Weir::Action::"ddl"], resource);
               @id("b") forbid (principal, action == Weir::Action::"select", resource in Weir::Target::"crm") unless { context.approved };
               @id("c") forbid (principal, action == Weir::Action::"write", resource) when { context.predicate == "absent" };
               @id("d") forbid (principal, action, resource == Weir::Column::"crm/db/s/t/c");"#,
        ]);
        let mut all = policies.clone();
        all.rules = policies.rules.unsorted();
        let [id, group, person, workload, target, database, calls_itself] = names.as_slice() else {
            panic!("seven names")
        };
        let subject = crate::Subject {
            id: id.clone(),
            groups: vec![group.clone()],
            on_behalf_of: Some(person.clone()),
        };
        let target = Target {
            name: target.clone(),
            protocol: "postgres".into(),
            database: database.clone(),
        };
        let context = Context {
            workload: workload.clone(),
            in_transaction,
            application_name: Some(calls_itself.clone()),
            ..Context::default()
        };
        let asking = crate::Asking { subject: &subject, target: &target, context: &context };
        let statements = weir_command::sql::statements(text.as_bytes(), &weir_command::sql::Limits::default());
        let judged = |policies: &Policies| {
            crate::Ruling::of(&policies.judge_message(crate::Mode::Enforce, asking, &statements))
        };
        let one = judged(&policies);
        prop_assert_eq!(&one, &judged(&policies));
        prop_assert_eq!(&one, &judged(&all));
        prop_assert!(!one.message.unwrap_or_default().contains(char::is_control));
    }
}
