//! Observed workloads: what goes on, how it is marked, and what doesn't go on even so.

use weir_command::{Effect, OpaqueReason, Statement, Verb};

use super::support::{alice, bundle, crm, make, opaque, outcome, permit};
use crate::{Context, Mode, Policies, Request, Verdict, WouldBe};

fn judge_in(mode: Mode, policies: &Policies, statement: &Statement) -> Verdict {
    let context = Context {
        workload: "w".into(),
        in_transaction: false,
        ..Context::default()
    };
    policies.judge_in(
        mode,
        &Request {
            subject: &alice(),
            target: &crm(),
            statement,
            names: None,
            context: &context,
        },
    )
}

fn observe(policies: &Policies, statement: &Statement) -> Verdict {
    judge_in(Mode::Observe, policies, statement)
}

#[test]
fn a_deny_goes_on_and_says_what_would_have_stopped_it() {
    let policies = Policies::shipped().unwrap();
    let drop = make(Verb::Drop)
        .defines("public.people")
        .effect(Effect::Destroy)
        .done();
    assert_eq!(
        outcome(&judge_in(Mode::Enforce, &policies, &drop)),
        "no-destroy"
    );
    let permit = permit(observe(&policies, &drop));
    let Some(WouldBe::Deny(refusal)) = permit.would_be() else {
        panic!("{permit:?}");
    };
    assert_eq!(refusal.rule, "no-destroy");
    assert!(permit.deciding().is_empty());
}

#[test]
fn a_deny_by_default_and_an_ask_go_on_too() {
    let policies = bundle(&[r#"@id("asks") @approvers("dba")
           permit (principal, action == Weir::Action::"drop", resource) when { context.approved };"#]);
    let drop = permit(observe(&policies, &make(Verb::Drop).defines("a").done()));
    assert!(matches!(drop.would_be(), Some(WouldBe::Ask(ask)) if ask.approvers() == ["dba"]));
    let select = permit(observe(&policies, &make(Verb::Select).reads("a").done()));
    assert!(matches!(select.would_be(), Some(WouldBe::Deny(r)) if r.rule == "default-deny"));
}

#[test]
fn what_is_allowed_is_not_marked() {
    let policies = Policies::shipped().unwrap();
    let select = permit(observe(&policies, &make(Verb::Select).reads("a").done()));
    assert!(select.would_be().is_none() && !select.deciding().is_empty());
}

#[test]
fn an_observed_permit_shows_no_more_clear_than_a_plain_one() {
    let reveal = r#"@id("sees") permit (principal, action == Weir::Action::"reveal",
        resource == Weir::DataClass::"email");"#;
    let policies = bundle(&[reveal]);
    let select = permit(observe(&policies, &make(Verb::Select).reads("a").done()));
    let shown: Vec<&str> = policies
        .masking()
        .classes()
        .filter(|class| select.clear().shows(class))
        .map(crate::DataClass::as_str)
        .collect();
    assert_eq!(shown, ["email"]);
    let unjudged = policies.observe_unjudged("undeclared-destination", "no".into());
    assert!(
        policies
            .masking()
            .classes()
            .all(|class| !unjudged.clear().shows(class))
    );
    assert!(unjudged.would_be().is_some());
}

#[test]
fn always_holds_also_beside_other_refusals() {
    let policies = Policies::shipped().unwrap();
    // Destroys, and hands out what the catalogue masks: the first to refuse isn't what holds.
    let both = make(Verb::Drop)
        .defines("a")
        .effect(Effect::Destroy)
        .calls("pg_stat_get_activity")
        .done();
    assert_eq!(outcome(&observe(&policies, &both)), "no-destroy");
    let launders = make(Verb::Insert)
        .writes("a")
        .reads("people")
        .effect(Effect::Derives)
        .all_columns()
        .done();
    assert_eq!(outcome(&observe(&policies, &launders)), "no-laundering");
    let lexing = opaque(OpaqueReason::ChangesLexing);
    assert_eq!(outcome(&observe(&policies, &lexing)), "no-lexing-change");
}

#[test]
fn what_could_not_be_judged_stands() {
    let many = (0..2000).fold(make(Verb::Select), |make, i| make.reads(&format!("t{i}")));
    let policies = Policies::shipped().unwrap();
    assert_eq!(outcome(&observe(&policies, &many.done())), "too-large");
}

#[test]
fn always_is_for_forbids_that_nobody_lifts() {
    for (text, good) in [
        (
            r#"@id("a") @always forbid (principal, action, resource);"#,
            true,
        ),
        (
            r#"@id("a") @always permit (principal, action, resource);"#,
            false,
        ),
        (
            r#"@id("a") @always("no") forbid (principal, action, resource);"#,
            false,
        ),
        (
            r#"@id("a") @always forbid (principal, action in Weir::Action::"command", resource)
               unless { context.approved };"#,
            false,
        ),
    ] {
        let source = crate::Source {
            name: "a.cedar".into(),
            text: text.into(),
        };
        assert_eq!(Policies::load(&[source]).is_ok(), good, "{text}");
    }
}
