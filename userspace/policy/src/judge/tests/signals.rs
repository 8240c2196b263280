//! What raised signals change: to a deny, to an ask, to a mask.

use weir_command::{Predicate, Verb};

use super::support::{alice, ask, crm, judge_under, make, outcome, subject};
use crate::{Context, DataClass, Lookup, LookupContext, Policies, Source, Verdict};

fn example() -> Policies {
    let mut sources = Policies::shipped_sources();
    sources.push(Source {
        name: "signals.cedar".into(),
        text: include_str!("../../../../../policies/examples/signals.cedar").into(),
    });
    let policies = Policies::load(&sources).unwrap_or_else(|found| panic!("{found}"));
    assert_eq!(policies.warnings(), []);
    policies
}

#[test]
fn as_shipped_volume_asks_and_refusals_deny_but_a_transaction_can_end() {
    let policies = Policies::shipped().unwrap();
    let read = make(Verb::Select).reads("public.orders").done();
    let fetch = make(Verb::Fetch).done();
    let write = make(Verb::Update)
        .writes("public.orders")
        .predicate(Predicate::Present)
        .done();
    for signal in ["bulk-rows", "bulk-bytes", "many-tables"] {
        for statement in [&read, &fetch, &write] {
            let verdict = judge_under(&policies, &alice(), statement, &[signal]);
            assert_eq!(ask(verdict).deciding(), ["ask-on-volume"]);
        }
    }
    for statement in [&read, &fetch, &write] {
        let verdict = judge_under(&policies, &alice(), statement, &["repeated-refusals"]);
        assert_eq!(outcome(&verdict), "no-refused-in-a-row");
    }
    let all = [
        "repeated-refusals",
        "bulk-rows",
        "bulk-bytes",
        "many-tables",
    ];
    for needed in [
        Verb::Connect,
        Verb::Transaction,
        Verb::Close,
        Verb::Deallocate,
    ] {
        let statement = make(needed).done();
        let verdict = judge_under(&policies, &alice(), &statement, &all);
        assert_eq!(outcome(&verdict), "allow", "{needed:?}");
    }
}

#[test]
fn a_signal_asks_denies_and_masks_by_policy() {
    let policies = example();
    let bot = subject("workload:bot", &["agents"]);
    let read = make(Verb::Select).reads("public.orders").done();
    let write = make(Verb::Insert).writes("public.orders").done();
    let asked = ask(judge_under(&policies, &bot, &read, &["bulk-rows"]));
    // The shipped policy asks root besides.
    assert_eq!(asked.approvers(), ["data-owners", "unix:root"]);
    for statement in [&read, &write] {
        let verdict = judge_under(&policies, &bot, statement, &[]);
        assert_eq!(outcome(&verdict), "allow");
    }
    let verdict = judge_under(&policies, &bot, &write, &["repeated-refusals"]);
    let Verdict::Deny(refusal) = verdict else {
        panic!("{verdict:?}");
    };
    assert!(
        refusal
            .deciding
            .contains(&"no-writes-after-refusals".to_owned())
    );

    let email = DataClass::new("email").unwrap();
    let clear = |signals: &[&str]| {
        let context = Context {
            signals: signals.iter().map(|name| (*name).to_owned()).collect(),
            ..Context::default()
        };
        policies.clear(&alice(), &crm(), &context).shows(&email)
    };
    assert!(clear(&[]) && clear(&["repeated-refusals"]));
    assert!(!clear(&["bulk-rows"]));
}

#[test]
fn questions_to_the_dns_are_judged_under_signals_too() {
    let mut sources = Policies::shipped_sources();
    sources.push(Source {
        name: "z.cedar".into(),
        text: "@id(\"quiet\") forbid (principal, action == Weir::Action::\"resolve\", resource)
               when { context.signals.contains(\"repeated-refusals\") };"
            .into(),
    });
    let policies = Policies::load(&sources).unwrap();
    let resolve = |signals: &[&str]| {
        let context = LookupContext {
            declared: true,
            signals: signals.iter().map(|name| (*name).to_owned()).collect(),
            ..LookupContext::default()
        };
        let verdict = policies.judge_lookup(&Lookup {
            subject: &alice(),
            host: "db.example.com",
            record_type: "A",
            context: &context,
        });
        outcome(&verdict).to_owned()
    };
    assert_eq!(resolve(&[]), "allow");
    assert_eq!(resolve(&["repeated-refusals"]), "quiet");
}
