//! What a grant permits, to whom, where, and what it never does.

use weir_command::{Statement, Verb};

use super::support::{
    alice, bundle, crm, judge, judge_as, make, outcome, permit, refusal, subject,
};
use crate::{Context, Grant, Policies};

const READ: &str = r#"@id("reads") permit (principal, action in Weir::Action::"read", resource);"#;
const WRITE: &str = r#"@id("writes") @grantable("dba-oncall")
    permit (principal == ?principal, action in Weir::Action::"write", resource in ?resource);"#;
const CLEAR: &str = r#"@id("clear") @grantable("privacy")
    permit (principal == ?principal, action == Weir::Action::"reveal", resource in ?resource);"#;

fn insert() -> Statement {
    make(Verb::Insert).writes("public.orders").done()
}

fn grant(id: &str, template: &str, target: &str) -> Grant {
    Grant {
        id: id.into(),
        template: template.into(),
        subject: "unix:alice".into(),
        target: target.into(),
    }
}

#[test]
fn a_template_permits_nothing_until_it_is_granted_and_then_to_one_on_one_target() {
    let base = bundle(&[READ, WRITE]);
    assert_eq!(outcome(&judge(&base, &insert())), "default-deny");

    let granted = base.with_grants(&[grant("g1", "writes", "crm")]);
    let verdict = permit(judge(&granted, &insert()));
    assert_eq!(verdict.deciding(), ["writes#g1"]);
    let bob = subject("unix:bob", &["support"]);
    assert_eq!(
        outcome(&judge_as(&granted, &bob, &insert())),
        "default-deny"
    );
    // Beyond its actions, elsewhere, and without it.
    let drop = make(Verb::Drop).defines("public.orders").done();
    assert_eq!(outcome(&judge(&granted, &drop)), "default-deny");
    let elsewhere = base.with_grants(&[grant("g1", "writes", "other")]);
    assert_eq!(outcome(&judge(&elsewhere, &insert())), "default-deny");
    assert_eq!(outcome(&judge(&base, &insert())), "default-deny");
}

#[test]
fn no_grant_lifts_a_forbid() {
    let granted = bundle(&[
        READ,
        WRITE,
        r#"@id("never") forbid (principal, action in Weir::Action::"write", resource);"#,
    ])
    .with_grants(&[grant("g1", "writes", "crm")]);
    assert_eq!(refusal(judge(&granted, &insert())).deciding, ["never"]);
    // Nor one that wants a yes of its own.
    let asks = bundle(&[
        WRITE,
        r#"@id("look") @approvers("dba") forbid (principal, action in Weir::Action::"write", resource)
           unless { context.approved };"#,
    ])
    .with_grants(&[grant("g1", "writes", "crm")]);
    assert_eq!(outcome(&judge(&asks, &insert())), "ask");
}

#[test]
fn what_is_masked_is_seen_clear_by_grant() {
    let base = bundle(&[READ, CLEAR]);
    let sees = |policies: &Policies, target: &str| {
        let target = crate::Target {
            name: target.into(),
            ..crm()
        };
        let clear = policies.clear(&alice(), &target, &Context::default());
        policies.masking().classes().any(|class| clear.shows(class))
    };
    let granted = base.with_grants(&[grant("g1", "clear", "crm")]);
    assert!(!sees(&base, "crm") && sees(&granted, "crm") && !sees(&granted, "other"));
}

#[test]
fn the_version_names_the_grants_that_hold_and_no_others() {
    let base = bundle(&[READ, WRITE, CLEAR]);
    let (one, two) = (grant("g1", "writes", "crm"), grant("g2", "clear", "crm"));
    let both = base.with_grants(&[one.clone(), two.clone()]);
    let versions =
        [&base, &base.with_grants(std::slice::from_ref(&one)), &both].map(|p| p.version().clone());
    assert!(versions[0] != versions[1] && versions[1] != versions[2] && versions[0] != versions[2]);
    let other_order = base.with_grants(&[two, one.clone(), one]);
    assert_eq!(other_order.version(), &versions[2]);
    // One whose template has gone adds nothing, and doesn't stop the rest.
    let gone = base.with_grants(&[grant("g3", "gone", "crm"), grant("g4", "reads", "crm")]);
    assert_eq!(gone.version(), &versions[0]);
}

#[test]
fn what_can_be_granted_is_told_with_who_may_say_yes() {
    let policies = bundle(&[READ, WRITE, CLEAR]);
    let found: Vec<_> = policies.grantable().collect();
    assert_eq!(found.len(), 2);
    assert_eq!(
        (found[0].id.as_str(), found[1].id.as_str()),
        ("clear", "writes")
    );
    assert!(found[1].actions.contains("write") && found[1].approvers.contains("dba-oncall"));
}

#[test]
fn a_grant_ends_for_whom_it_was_unless_another_takes_its_place() {
    let base = bundle(&[READ, WRITE, CLEAR]);
    let before = base.with_grants(&[grant("g1", "writes", "crm"), grant("g2", "clear", "crm")]);
    let ends = |next: &Policies, who: &crate::Subject, target: &str| {
        let target = crate::Target {
            name: target.into(),
            ..crm()
        };
        let ended = before.grant_that_ends(next, who, &target);
        ended.map(|grant| grant.id.clone())
    };
    let same = base.with_grants(&[grant("g3", "writes", "crm"), grant("g2", "clear", "crm")]);
    assert_eq!(ends(&same, &alice(), "crm"), None);
    let clear = base.with_grants(&[grant("g2", "clear", "crm")]);
    assert_eq!(ends(&clear, &alice(), "crm").as_deref(), Some("g1"));
    assert_eq!(ends(&clear, &alice(), "other"), None);
    assert_eq!(ends(&clear, &subject("unix:bob", &[]), "crm"), None);
    // A template that is gone takes its grants with it.
    let gone = bundle(&[READ, WRITE])
        .with_grants(&[grant("g1", "writes", "crm"), grant("g2", "clear", "crm")]);
    assert_eq!(ends(&gone, &alice(), "crm").as_deref(), Some("g2"));
}
