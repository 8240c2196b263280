//! The examples do what they say.

use weir_command::{Effect, Predicate, Verb};

use super::support::{ask, judge_as, make, outcome, subject};
use crate::{Context, DataClass, Policies, Source};

/// An example, beside what ships.
fn with(name: &str, text: &str) -> Policies {
    let mut sources = Policies::shipped_sources();
    sources.push(Source {
        name: name.into(),
        text: text.into(),
    });
    let policies = Policies::load(&sources).unwrap_or_else(|found| panic!("{found}"));
    assert_eq!(policies.warnings(), []);
    policies
}

macro_rules! example {
    ($name:literal) => {
        with(
            $name,
            include_str!(concat!("../../../../../policies/examples/", $name)),
        )
    };
}

#[test]
fn approvals() {
    let policies = example!("approvals.cedar");
    let agent = subject("workload:agent", &["agents"]);
    let person = subject("unix:alice", &[]);
    let refund = make(Verb::Update)
        .writes("public.refunds")
        .predicate(Predicate::Present)
        .done();
    let ask = ask(judge_as(&policies, &agent, &refund));
    assert_eq!(ask.approvers(), ["payments-oncall"]);
    assert_eq!(
        (ask.timeout_seconds(), ask.deciding()),
        (Some(900), &["ask-refunds".to_owned()][..])
    );
    assert_eq!(outcome(&judge_as(&policies, &person, &refund)), "allow");
    let order = make(Verb::Update)
        .writes("public.orders")
        .predicate(Predicate::Present)
        .done();
    assert_eq!(outcome(&judge_as(&policies, &agent, &order)), "allow");
    // A yes does not lift what ships.
    let all = make(Verb::Update)
        .writes("public.refunds")
        .predicate(Predicate::Absent)
        .done();
    assert_eq!(outcome(&judge_as(&policies, &agent, &all)), "no-bulk-write");
}

#[test]
fn replication() {
    let policies = example!("replication.cedar");
    let operator = subject("unix:olga", &["replica-operators"]);
    let person = subject("unix:alice", &[]);
    let stream = make(Verb::Replicate).calls("start_replication").done();
    let backup = make(Verb::Replicate).calls("base_backup").done();
    assert_eq!(outcome(&judge_as(&policies, &operator, &stream)), "allow");
    assert_eq!(
        outcome(&judge_as(&policies, &person, &stream)),
        "default-deny"
    );
    let ask = ask(judge_as(&policies, &operator, &backup));
    assert_eq!(ask.approvers(), ["dba-oncall"]);
    let drop = make(Verb::Replicate).effect(Effect::Destroy).done();
    assert_eq!(
        outcome(&judge_as(&policies, &operator, &drop)),
        "no-destroy"
    );
}

#[test]
fn read_only() {
    let policies = example!("read-only.cedar");
    let insert = make(Verb::Insert).writes("orders").done();
    let reporter = subject("workload:reporting", &[]);
    assert_eq!(
        outcome(&judge_as(&policies, &reporter, &insert)),
        "reporting-only-reads"
    );
    let prepared = make(Verb::Prepare).writes("orders").done();
    assert_eq!(
        outcome(&judge_as(&policies, &reporter, &prepared)),
        "reporting-only-reads"
    );
    let read = make(Verb::Select).reads("orders").done();
    assert_eq!(outcome(&judge_as(&policies, &reporter, &read)), "allow");
    assert_eq!(
        outcome(&judge_as(&policies, &subject("workload:app", &[]), &insert)),
        "allow"
    );
}

#[test]
fn reveal() {
    let policies = example!("reveal.cedar");
    let (email, pan) = (
        DataClass::new("email").unwrap(),
        DataClass::new("pan").unwrap(),
    );
    let clear = |groups: &[&str], target: &str| {
        let target = crate::Target {
            name: target.into(),
            ..super::support::crm()
        };
        policies.clear(&subject("s", groups), &target, &Context::default())
    };
    assert!(clear(&["support"], "crm").shows(&email));
    assert!(!clear(&["support"], "crm").shows(&pan));
    assert!(!clear(&["support"], "warehouse").shows(&email));
    assert!(!clear(&[], "crm").shows(&email));
}

#[test]
fn access() {
    let policies = example!("access.cedar");
    let alice = subject("unix:alice", &[]);
    let context = Context::default();
    let sees = |policies: &Policies| {
        let clear = policies.clear(&alice, &super::support::crm(), &context);
        policies.masking().classes().all(|class| clear.shows(class))
    };
    let granted = policies.with_grants(&[crate::Grant {
        id: "g1".into(),
        template: "see-clear".into(),
        subject: alice.id.clone(),
        target: "crm".into(),
    }]);
    assert!(!sees(&policies) && sees(&granted));
    // What ships forbids it, granted or not.
    let all = make(Verb::Update)
        .writes("public.orders")
        .predicate(Predicate::Absent)
        .done();
    let granted = policies.with_grants(&[crate::Grant {
        id: "g2".into(),
        template: "change-rows".into(),
        subject: alice.id.clone(),
        target: "crm".into(),
    }]);
    assert_eq!(outcome(&judge_as(&granted, &alice, &all)), "no-bulk-write");
}
