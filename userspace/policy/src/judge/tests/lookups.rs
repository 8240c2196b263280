//! Names of the DNS, by what ships and by policies of one's own.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::support::{alice, bundle, outcome, subject};
use crate::{Lookup, LookupContext, Mode, Policies, Source, Subject, Verdict, WouldBe};

fn ask_as(
    policies: &Policies,
    subject: &Subject,
    (host, record_type): (&str, &str),
    (declared, names_per_minute): (bool, u32),
) -> Verdict {
    let context = LookupContext {
        workload: "w".into(),
        declared,
        names_per_minute,
        ..Default::default()
    };
    policies.judge_lookup(&Lookup {
        subject,
        host,
        record_type,
        context: &context,
    })
}

fn shipped(host: &str, record_type: &str, declared: bool) -> String {
    let policies = Policies::shipped().unwrap();
    let verdict = ask_as(&policies, &alice(), (host, record_type), (declared, 1));
    outcome(&verdict).to_owned()
}

#[test]
fn what_ships_lets_declared_names_be_found_and_no_others() {
    for record_type in ["A", "AAAA", "CNAME"] {
        assert_eq!(shipped("db.internal", record_type, true), "allow");
        assert_eq!(shipped("localhost", record_type, false), "allow");
        assert_eq!(shipped("db.localhost", record_type, false), "allow");
        assert_eq!(shipped("db.internal", record_type, false), "default-deny");
        assert_eq!(shipped("notlocalhost", record_type, false), "default-deny");
        assert_eq!(
            shipped("localhost.evil.example", record_type, false),
            "default-deny"
        );
    }
    for odd in [
        "TXT",
        "NULL",
        "ANY",
        "HTTPS",
        "SVCB",
        "MX",
        "TYPE65534",
        "a",
    ] {
        assert_eq!(shipped("db.internal", odd, true), "no-odd-record-types");
    }
}

#[test]
fn a_refused_name_says_what_to_declare() {
    let policies = Policies::shipped().unwrap();
    let Verdict::Deny(refusal) = ask_as(&policies, &alice(), ("db.internal", "A"), (false, 1))
    else {
        panic!("allowed")
    };
    assert!(
        refusal.message.contains("looking up db.internal;")
            && refusal.message.contains("`hosts` of a [[target]]"),
        "{}",
        refusal.message
    );
}

/// What ships, and the example that permits a domain.
fn with_example() -> Policies {
    let mut sources = Policies::shipped_sources();
    sources.push(Source {
        name: "names.cedar".into(),
        text: include_str!("../../../../../policies/examples/names.cedar").into(),
    });
    Policies::load(&sources).unwrap_or_else(|found| panic!("{found}"))
}

#[test]
fn the_example_permits_a_domain_but_no_tunnel_through_it() {
    let policies = with_example();
    let agent = subject("workload:bot", &["agents"]);
    let ask = |host: &str, per_minute| {
        let verdict = ask_as(&policies, &agent, (host, "A"), (false, per_minute));
        outcome(&verdict).to_owned()
    };
    assert_eq!(ask("wiki.corp.example", 60), "allow");
    assert_eq!(ask("corp.example", 1), "allow");
    assert_eq!(ask("corp.example.evil.example", 1), "default-deny");
    assert_eq!(ask("notcorp.example", 1), "default-deny");
    let other = ask_as(&policies, &alice(), ("wiki.corp.example", "A"), (false, 1));
    assert_eq!(outcome(&other), "default-deny");

    assert_eq!(ask("wiki.corp.example", 61), "no-name-floods");
    let uuid = "6ba7b810-9dad-11d1-80b4-00c04fd430c8.corp.example";
    assert_eq!(ask(uuid, 1), "allow");
    let random = "mzxw6ytboi3dqobsgqytqnbtgu2tmnzyheydcmrtgq2tmnzyhe3tqnzwgiydami.corp.example";
    assert_eq!(ask(random, 1), "no-random-names");
    let long = format!(
        "{}.corp.example",
        ["aaaaaaaaaaaaaaaaaaaaaaaaaaaa"; 4].join(".")
    );
    assert_eq!(
        (long.len(), ask(&long, 1)),
        (128, "no-long-names".to_owned())
    );
    assert_eq!(ask("a.b.c.d.e.f.g.h.corp.example", 1), "allow");
    assert_eq!(ask("a.b.c.d.e.f.g.h.i.corp.example", 1), "no-long-names");
    // What the operator wrote down is meant, whatever it looks like.
    for host in [long.as_str(), random] {
        let verdict = ask_as(&policies, &agent, (host, "A"), (true, 1000));
        assert_eq!(outcome(&verdict), "allow");
    }
}

#[test]
fn each_shipped_policy_decides_some_name() {
    let policies = with_example();
    let agent = subject("workload:bot", &["agents"]);
    let random = "mzxw6ytboi3dqobsgqytqnbtgu2tmnzyheydcmrtgq2tmnzyhe3tqnzwgiydami.corp.example";
    let names = [
        ("db.internal", "A", (true, 1)),
        ("localhost", "A", (false, 1)),
        ("db.internal", "TXT", (true, 1)),
        ("a.b.c.d.e.f.g.h.i.corp.example", "A", (false, 1)),
        (random, "A", (false, 1)),
        ("wiki.corp.example", "A", (false, 61)),
        ("wiki.corp.example", "A", (false, 1)),
    ];
    let mut decided = BTreeSet::new();
    for (host, record_type, facts) in names {
        match ask_as(&policies, &agent, (host, record_type), facts) {
            Verdict::Allow(permit) => decided.extend(permit.deciding().to_vec()),
            Verdict::Deny(refusal) => decided.extend([refusal.rule]),
            Verdict::Ask(ask) => panic!("{ask:?}"),
        }
    }
    let all = policies.rules.lookups.policies();
    let all: BTreeSet<String> = all.map(|policy| policy.id().to_string()).collect();
    assert_eq!(decided, all);
}

#[test]
fn policies_of_statements_say_nothing_about_names_nor_the_other_way() {
    let statements =
        bundle(&["@id(\"s\") permit (principal, action in Weir::Action::\"command\", resource);"]);
    let verdict = ask_as(&statements, &alice(), ("a.example", "A"), (true, 1));
    assert_eq!(outcome(&verdict), "default-deny");
    let every = bundle(&["@id(\"any\") permit (principal, action, resource);"]);
    let verdict = ask_as(&every, &alice(), ("a.example", "TXT"), (false, 1));
    assert_eq!(outcome(&verdict), "allow");
}

#[test]
fn a_name_can_be_asked_about_with_a_human() {
    let policies = bundle(&[
        "@id(\"held\") @approvers(\"netops\") permit (principal, action == Weir::Action::\"resolve\", \
         resource) when { context.approved };",
    ]);
    let verdict = ask_as(&policies, &alice(), ("a.example", "A"), (false, 1));
    assert!(matches!(verdict, Verdict::Ask(ask) if ask.approvers() == ["netops"]));
}

#[test]
fn a_host_that_can_never_be_asked_about_is_an_error() {
    for id in [
        "*.example.com",
        "Example.com",
        "example.com.",
        "",
        "a b",
        "a/b",
    ] {
        let text = format!(
            "@id(\"x\") permit (principal, action == Weir::Action::\"resolve\", \
             resource in Weir::Host::\"{id}\");"
        );
        let source = Source {
            name: "x.cedar".into(),
            text,
        };
        let found = Policies::load(&[source]).unwrap_err().to_string();
        assert!(found.contains("can't be a Host"), "{id}: {found}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the name holds, what ships denies it unless it is declared or localhost's.
    #[test]
    fn no_name_gets_through_by_its_looks(host in "[ -~]{0,60}|\\PC{0,40}", kind in "\\PC{0,12}") {
        let policies = Policies::shipped().unwrap();
        let verdict = ask_as(&policies, &alice(), (&host, &kind), (false, 0));
        let localhost = host == "localhost" || host.ends_with(".localhost");
        prop_assert!(localhost || matches!(verdict, Verdict::Deny(_)));
    }
}

#[test]
fn an_observed_workload_finds_what_it_would_be_refused_and_that_is_marked() {
    let policies = Policies::shipped().unwrap();
    let context = LookupContext::default();
    let subject = alice();
    let lookup = Lookup {
        subject: &subject,
        host: "a.example",
        record_type: "A",
        context: &context,
    };
    let Verdict::Allow(permit) = policies.judge_lookup_in(Mode::Observe, &lookup) else {
        panic!("refused")
    };
    let would_be = permit.would_be();
    assert!(matches!(would_be, Some(WouldBe::Deny(refusal)) if refusal.rule == "default-deny"));
    assert!(matches!(
        policies.judge_lookup_in(Mode::Enforce, &lookup),
        Verdict::Deny(_)
    ));
}
