//! Which verdict holds: forbid over permit, deny over ask over allow, and errors over all.

use weir_command::{Predicate, Statement, Verb};

use super::support::{
    Make, alice, bundle, crm, judge, judge_as, make, outcome, permit, refusal, subject,
};
use crate::{Context, DataClass, Policies, Request, Source};

const ALLOW: &str =
    r#"@id("all") permit (principal, action in Weir::Action::"command", resource);"#;

fn read(name: &str) -> Statement {
    make(Verb::Select).reads(name).done()
}

#[test]
fn what_no_policy_permits_is_denied() {
    let policies =
        bundle(&[r#"@id("w") permit (principal, action == Weir::Action::"insert", resource);"#]);
    let refusal = refusal(judge(&policies, &read("public.people")));
    assert_eq!(refusal.rule, "default-deny");
    assert_eq!(
        refusal.message,
        "no policy permits select on crm/sales/public/people"
    );
    assert_eq!(refusal.deciding, Vec::<String>::new());
    assert_eq!(&refusal.version, policies.version());
}

#[test]
fn a_forbid_wins_over_a_permit() {
    let forbid = r#"@id("no") @message("not that one")
        forbid (principal, action, resource) when { resource has name && resource.name == "secret" };"#;
    let policies = bundle(&[ALLOW, forbid]);
    let verdict = refusal(judge(&policies, &read("public.secret")));
    assert_eq!((&*verdict.rule, &*verdict.message), ("no", "not that one"));
    assert_eq!(outcome(&judge(&policies, &read("public.people"))), "allow");
}

#[test]
fn an_erroring_forbid_denies_though_cedar_skips_it() {
    let broken = r#"@id("broken") forbid (principal, action == Weir::Action::"select", resource)
        when { 9223372036854775807 + 1 == 0 };"#;
    let policies = bundle(&[ALLOW, broken]);
    let verdict = refusal(judge(&policies, &read("people")));
    assert_eq!(verdict.rule, "evaluation-error");
    assert!(verdict.message.contains("`broken`"), "{}", verdict.message);
    // It says nothing about other actions.
    assert_eq!(
        outcome(&judge(
            &policies,
            &make(Verb::Insert).writes("people").done()
        )),
        "allow"
    );
}

#[test]
fn an_erroring_permit_denies_though_another_permits() {
    let broken = r#"@id("broken") permit (principal, action == Weir::Action::"select", resource)
        when { 9223372036854775807 + 1 == 0 };"#;
    assert_eq!(
        outcome(&judge(&bundle(&[ALLOW, broken]), &read("people"))),
        "evaluation-error"
    );
}

#[test]
fn an_error_that_only_approval_reaches_denies() {
    let ask = r#"@id("ask") permit (principal, action in Weir::Action::"command", resource)
        when { context.approved };"#;
    let broken = r#"@id("broken") forbid (principal, action == Weir::Action::"select", resource)
        when { context.approved && 9223372036854775807 + 1 == 0 };"#;
    assert_eq!(
        outcome(&judge(&bundle(&[ask, broken]), &read("people"))),
        "evaluation-error"
    );
}

#[test]
fn an_error_about_one_class_shows_it_to_nobody() {
    let policies = bundle(&[
        ALLOW,
        r#"@id("r") permit (principal, action == Weir::Action::"reveal", resource);
           @id("broken") permit (principal, action == Weir::Action::"reveal", resource)
           when { resource.name == "pan" && 9223372036854775807 + 1 == 0 };"#,
    ]);
    let clear = policies.clear(&alice(), &crm(), &Context::default());
    assert!(clear.shows(&DataClass::new("email").unwrap()));
    assert!(!clear.shows(&DataClass::new("pan").unwrap()));
    // What reveals goes wrong, not the statement.
    assert_eq!(outcome(&judge(&policies, &read("people"))), "allow");
}

#[test]
fn the_strictest_object_decides() {
    let policies = bundle(&[
        r#"@id("public") permit (principal, action == Weir::Action::"select", resource)
             when { resource.name like "public_*" };
           @id("approved") permit (principal, action == Weir::Action::"select", resource)
             when { context.approved && resource.name like "ask_*" };"#,
    ]);
    let of = |names: &[&str]| {
        let statement = names
            .iter()
            .fold(make(Verb::Select), |s, name| s.reads(name))
            .done();
        outcome(&judge(&policies, &statement)).to_owned()
    };
    assert_eq!(of(&["public_a", "public_b"]), "allow");
    assert_eq!(of(&["public_a", "ask_b", "public_c"]), "ask");
    assert_eq!(of(&["public_a", "ask_b", "hidden"]), "default-deny");
}

#[test]
fn what_a_write_reads_needs_select_and_no_more() {
    let policies = bundle(&[
        r#"@id("i") permit (principal, action == Weir::Action::"insert", resource) when { resource.name == "log" };
           @id("s") permit (principal, action == Weir::Action::"select", resource) when { resource.name == "orders" };"#,
    ]);
    let from = |name| {
        judge(
            &policies,
            &make(Verb::Insert).writes("log").reads(name).done(),
        )
    };
    assert_eq!(outcome(&from("orders")), "allow");
    assert_eq!(outcome(&from("secret")), "default-deny");
    // Leave to read it is not leave to write it.
    let into = make(Verb::Insert).writes("orders").reads("orders").done();
    assert_eq!(outcome(&judge(&policies, &into)), "default-deny");
}

#[test]
fn what_is_prepared_is_judged_as_what_it_will_do() {
    let policies = bundle(&[
        r#"@id("s") permit (principal, action in [Weir::Action::"session", Weir::Action::"read"], resource);"#,
    ]);
    let of = |statement: Statement| outcome(&judge(&policies, &statement)).to_owned();
    assert_eq!(of(make(Verb::Prepare).reads("people").done()), "allow");
    assert_eq!(
        of(make(Verb::Prepare).writes("people").done()),
        "default-deny"
    );
    assert_eq!(of(make(Verb::Declare).reads("people").done()), "allow");
    assert_eq!(
        of(make(Verb::Select).reads("people").writes("people").done()),
        "default-deny"
    );
    assert_eq!(
        of(make(Verb::Select).reads("people").defines("copy").done()),
        "default-deny"
    );
}

#[test]
fn groups_and_people_are_told_apart() {
    let policies = bundle(&[
        r#"@id("g") permit (principal in Weir::Group::"dba", action == Weir::Action::"select", resource);
           @id("p") permit (principal == Weir::Subject::"unix:carol", action == Weir::Action::"select", resource);
           @id("b") permit (principal, action == Weir::Action::"select", resource)
             when { context has on_behalf_of && context.on_behalf_of == "dave" };"#,
    ]);
    let of = |subject| outcome(&judge_as(&policies, &subject, &read("people"))).to_owned();
    assert_eq!(of(subject("unix:bob", &["x", "dba"])), "allow");
    assert_eq!(of(subject("unix:carol", &[])), "allow");
    // A group is no subject, and a subject no group.
    assert_eq!(of(subject("dba", &["unix:carol"])), "default-deny");
    let mut eve = subject("unix:eve", &[]);
    assert_eq!(of(eve.clone()), "default-deny");
    eve.on_behalf_of = Some("dave".into());
    assert_eq!(of(eve), "allow");
}

#[test]
fn what_a_subject_sees_clear_it_may_copy() {
    let reveal = r#"@id("r") permit (principal in Weir::Group::"support", action == Weir::Action::"reveal",
        resource == Weir::DataClass::"email") when { resource in Weir::Target::"crm" };"#;
    let mut sources = Policies::shipped_sources();
    sources.push(Source {
        name: "90-own.cedar".into(),
        text: reveal.into(),
    });
    let policies = Policies::load(&sources).unwrap();
    let copy = |column: &str| {
        make(Verb::Insert)
            .writes("copy")
            .reads("people")
            .columns(&[column])
            .effect(weir_command::Effect::Derives)
            .done()
    };
    assert_eq!(outcome(&judge(&policies, &copy("email"))), "allow");
    assert_eq!(outcome(&judge(&policies, &copy("phone"))), "no-laundering");
    let bob = subject("unix:bob", &[]);
    assert_eq!(
        outcome(&judge_as(&policies, &bob, &copy("email"))),
        "no-laundering"
    );

    let email = DataClass::new("email").unwrap();
    assert!(
        permit(judge(&policies, &read("people")))
            .clear()
            .shows(&email)
    );
    let elsewhere = crate::Target {
        name: "other".into(),
        ..crm()
    };
    assert!(
        !policies
            .clear(&alice(), &elsewhere, &Context::default())
            .shows(&email)
    );
}

#[test]
fn circumstances_can_decide() {
    let policies = bundle(&[
        r#"@id("w") permit (principal, action in Weir::Action::"write", resource)
             when { context.workload == "ci" && context.in_transaction && resource in Weir::Target::"crm"
                    && resource.protocol == "postgres" && context.access == "write" };"#,
    ]);
    let statement = make(Verb::Delete)
        .writes("t")
        .predicate(Predicate::Present)
        .done();
    let of = |workload: &str, in_transaction, target: &str| {
        let target = crate::Target {
            name: target.into(),
            ..crm()
        };
        let context = Context {
            workload: workload.into(),
            in_transaction,
            ..Default::default()
        };
        let subject = alice();
        let request = Request {
            subject: &subject,
            target: &target,
            statement: &statement,
            names: None,
            context: &context,
        };
        outcome(&policies.judge(&request)).to_owned()
    };
    assert_eq!(of("ci", true, "crm"), "allow");
    assert_eq!(of("ci", false, "crm"), "default-deny");
    assert_eq!(of("cd", true, "crm"), "default-deny");
    assert_eq!(of("ci", true, "erp"), "default-deny");
}

#[test]
fn a_statement_is_judged_itself_when_its_objects_are_judged_otherwise() {
    let policies = bundle(&[
        r#"@id("s") permit (principal, action in [Weir::Action::"read", Weir::Action::"write"], resource);"#,
    ]);
    for verb in [Verb::Prepare, Verb::Declare, Verb::Call] {
        let refusal = refusal(judge(&policies, &make(verb).reads("people").done()));
        let message = format!("no policy permits {} on crm/sales", verb.as_str());
        assert_eq!(refusal.message, message);
    }
}

#[test]
fn to_explain_a_read_needs_select_but_to_explain_a_write_no_write() {
    let policies = bundle(&[
        r#"@id("r") permit (principal, action in Weir::Action::"read", resource);
           @id("no") forbid (principal, action == Weir::Action::"select", resource) when { resource.name == "secret" };"#,
    ]);
    let of = |made: Make| outcome(&judge(&policies, &made.done())).to_owned();
    assert_eq!(of(make(Verb::Explain).reads("people")), "allow");
    assert_eq!(of(make(Verb::Explain).reads("secret")), "no");
    assert_eq!(of(make(Verb::Explain).writes("people")), "allow");
}

#[test]
fn the_message_is_about_the_object_that_the_named_rule_forbids() {
    let policies = bundle(&[
        ALLOW,
        r#"@id("first") @message("not zebras") forbid (principal, action in Weir::Action::"command", resource)
             when { resource.name == "zebra" };
           @id("second") forbid (principal, action in Weir::Action::"command", resource in Weir::Schema::"crm/sales/payroll");"#,
    ]);
    let both = make(Verb::Select)
        .reads("antelope")
        .reads("public.zebra")
        .done();
    let refusal = refusal(judge(&policies, &both));
    assert_eq!(refusal.message, "not zebras");
    assert_eq!(refusal.deciding, ["first", "second"]);
}

#[test]
fn the_named_rule_is_the_first_by_source_name_in_whatever_order_they_came() {
    let source = |name: &str, id: &str| Source {
        name: name.into(),
        text: format!(
            r#"@id("{id}") forbid (principal, action in Weir::Action::"command", resource);"#
        ),
    };
    for names in [["1.cedar", "2.cedar"], ["2.cedar", "1.cedar"]] {
        let policies =
            Policies::load(&names.map(|name| source(name, &format!("of-{name}")))).unwrap();
        let refusal = refusal(judge(&policies, &read("people")));
        assert_eq!(refusal.deciding, ["of-1.cedar", "of-2.cedar"]);
    }
}
