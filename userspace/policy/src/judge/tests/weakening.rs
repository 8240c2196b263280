//! What nothing may do: make a verdict weaker.

use proptest::prelude::*;
use weir_command::{Statement, Verb};

use super::support::{bundle, judge, make};
use crate::Verdict;

fn strictness(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Allow(_) => 0,
        Verdict::Ask(_) => 1,
        Verdict::Deny(_) => 2,
    }
}

/// Scopes and conditions that policies of the property below are made of.
fn condition() -> impl Strategy<Value = (usize, usize)> {
    (0..SCOPES.len(), 0..CONDITIONS.len())
}

const SCOPES: [&str; 4] = [
    r#"action in Weir::Action::"command""#,
    r#"action in Weir::Action::"read""#,
    r#"action == Weir::Action::"insert""#,
    r#"action in [Weir::Action::"write", Weir::Action::"session"]"#,
];

const CONDITIONS: [&str; 7] = [
    "true",
    "context.approved",
    "!context.approved",
    r#"resource.name == "a""#,
    r#"resource is Weir::Relation && resource has schema && resource.schema == "s""#,
    r#"resource in Weir::Schema::"crm/sales/s""#,
    r#"context.access == "read" || context.approved"#,
];

fn policy(effect: &str, id: usize, (scope, condition): (usize, usize)) -> String {
    let (scope, condition) = (SCOPES[scope], CONDITIONS[condition]);
    format!(
        "@id(\"{effect}-{id}\") {effect} (principal, {scope}, resource) when {{ {condition} }};\n"
    )
}

fn statement() -> impl Strategy<Value = Statement> {
    let verb = prop_oneof![
        Just(Verb::Select),
        Just(Verb::Insert),
        Just(Verb::Prepare),
        Just(Verb::Show)
    ];
    let objects = proptest::collection::vec(("(s\\.|t\\.|)[ab]", any::<bool>()), 0..3);
    (verb, objects).prop_map(|(verb, objects)| {
        let made = objects.iter().fold(make(verb), |made, (name, write)| {
            if *write {
                made.writes(name)
            } else {
                made.reads(name)
            }
        });
        made.done()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn one_more_forbid_never_weakens_a_verdict(
        permits in proptest::collection::vec(condition(), 1..4),
        forbids in proptest::collection::vec(condition(), 0..2),
        more in condition(),
        statement in statement(),
    ) {
        let mut text: String = permits.iter().enumerate().map(|(i, c)| policy("permit", i, *c)).collect();
        text.extend(forbids.iter().enumerate().map(|(i, c)| policy("forbid", i, *c)));
        let before = judge(&bundle(&[&text]), &statement);
        text.push_str(&policy("forbid", 9, more));
        let after = judge(&bundle(&[&text]), &statement);
        prop_assert!(strictness(&after) >= strictness(&before), "{before:?} became {after:?}");
    }

    #[test]
    fn one_more_object_never_weakens_a_verdict(
        permits in proptest::collection::vec(condition(), 1..4),
        objects in proptest::collection::vec("(s\\.|t\\.|)[ab]", 1..3),
        more in "(s\\.|t\\.|)[ab]",
    ) {
        let text: String = permits.iter().enumerate().map(|(i, c)| policy("permit", i, *c)).collect();
        let policies = bundle(&[&text]);
        let few = objects.iter().fold(make(Verb::Select), |made, name| made.reads(name));
        let before = judge(&policies, &few.clone().done());
        let after = judge(&policies, &few.reads(&more).done());
        prop_assert!(strictness(&after) >= strictness(&before), "{before:?} became {after:?}");
    }
}
