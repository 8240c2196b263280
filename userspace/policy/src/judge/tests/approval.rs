//! Asking: when, whom, and how long.

use weir_command::{Statement, Verb};

use super::support::{ask, bundle, judge, make, outcome, refusal};

const ALLOW: &str =
    r#"@id("all") permit (principal, action in Weir::Action::"command", resource);"#;

fn drop() -> Statement {
    make(Verb::Drop).defines("public.people").done()
}

#[test]
fn a_permit_that_wants_approval_asks_those_whom_it_names() {
    let policies = bundle(&[
        r#"@id("migrations") @message("migrations are reviewed") @approvers("dba-oncall, unix:carol") @timeout("300")
           permit (principal, action in Weir::Action::"ddl", resource) when { context.approved };"#,
    ]);
    let ask = ask(judge(&policies, &drop()));
    assert_eq!(ask.approvers(), ["dba-oncall", "unix:carol"]);
    assert_eq!(ask.message(), Some("migrations are reviewed"));
    assert_eq!(ask.timeout_seconds(), Some(300));
    assert_eq!(ask.deciding(), ["migrations"]);
    assert_eq!(ask.version(), policies.version());
}

#[test]
fn a_forbid_that_approval_lifts_asks_too() {
    let policies = bundle(&[
        ALLOW,
        r#"@id("careful") @message("think twice") @approvers("dba")
           forbid (principal, action in Weir::Action::"destroy", resource) unless { context.approved };"#,
    ]);
    let ask = ask(judge(&policies, &drop()));
    assert_eq!(
        (ask.approvers(), ask.deciding()),
        (vec!["dba".to_owned()], &["careful".to_owned()][..])
    );
    assert_eq!(
        outcome(&judge(&policies, &make(Verb::Create).defines("t").done())),
        "allow"
    );
}

#[test]
fn what_no_approval_lifts_is_denied_by_its_own_rule() {
    let policies = bundle(&[
        ALLOW,
        r#"@id("careful") forbid (principal, action in Weir::Action::"destroy", resource) unless { context.approved };
           @id("never") forbid (principal, action, resource)
             when { resource has name && resource.name == "people" };"#,
    ]);
    assert_eq!(refusal(judge(&policies, &drop())).deciding, ["never"]);
}

#[test]
fn approval_permits_nothing_by_itself() {
    let policies = bundle(&[
        r#"@id("read") permit (principal, action in Weir::Action::"read", resource);
           @id("careful") forbid (principal, action in Weir::Action::"destroy", resource) unless { context.approved };"#,
    ]);
    assert_eq!(outcome(&judge(&policies, &drop())), "default-deny");
}

#[test]
fn one_of_several_permits_is_enough_so_any_of_their_approvers_may_answer() {
    let policies = bundle(&[r#"@id("a") @approvers("dba") @timeout("60")
             permit (principal, action in Weir::Action::"ddl", resource) when { context.approved };
           @id("b") @approvers("security") @timeout("30")
             permit (principal, action in Weir::Action::"ddl", resource) when { context.approved };"#]);
    let ask = ask(judge(&policies, &drop()));
    assert_eq!(ask.approvers(), ["dba", "security"]);
    assert_eq!(ask.timeout_seconds(), Some(30));
}

/// The answer of one must not lift what is another's to lift.
#[test]
fn several_forbids_are_each_a_requirement() {
    let forbid = |id: &str, about: &str| {
        format!(
            r#"@id("{id}") {about} forbid (principal, action in Weir::Action::"destroy", resource)
               unless {{ context.approved }};"#
        )
    };
    let policies = bundle(&[
        ALLOW,
        &forbid("a", r#"@approvers("dba, lead") @approvals("2")"#),
        &forbid("b", r#"@approvers("security")"#),
        &forbid("c", ""),
    ]);
    let ask = ask(judge(&policies, &drop()));
    assert_eq!(ask.deciding(), ["a", "b", "c"]);
    assert_eq!(ask.approvers(), ["dba", "lead", "security", "unix:root"]);
    let demands: Vec<(&str, u8)> = ask
        .requirements()
        .iter()
        .flat_map(|requirement| requirement.demands())
        .map(|demand| (demand.policy.as_str(), demand.approvals))
        .collect();
    assert_eq!(demands, [("a", 2), ("b", 1), ("c", 1)]);
    assert_eq!(
        ask.describe(),
        "2 of dba, lead, and security, and unix:root"
    );
}

#[test]
fn several_objects_each_have_their_requirement() {
    let policies = bundle(&[
        r#"@id("a") @approvers("dba, lead") permit (principal, action == Weir::Action::"select", resource)
             when { context.approved && resource.name == "a" };
           @id("b") @approvers("lead") permit (principal, action == Weir::Action::"select", resource)
             when { context.approved && resource.name == "b" };"#,
    ]);
    let read = judge(&policies, &make(Verb::Select).reads("a").reads("b").done());
    assert_eq!(ask(read).describe(), "dba, lead, and lead");
}
