//! Names of the DNS: each question that was seen is put to what is suggested, and so is what is only
//! like it.

use super::*;
use crate::{Lookup, LookupContext};

const AT: &str = "2026-11-21 10:00:00Z";

fn asked_for(suggestion: &mut Suggestion, whom: &Whom, host: &str, record_type: &str) {
    suggestion.add_name(NameSighting {
        whom,
        host,
        record_type,
        at: AT,
        observed: true,
    });
}

fn by_subject(seen: &[(&str, &str, &str)]) -> Suggestion {
    let mut suggestion = Suggestion::default();
    for (who, host, record_type) in seen {
        let whom = Whom::Subject((*who).to_owned());
        asked_for(&mut suggestion, &whom, host, record_type);
    }
    suggestion
}

/// The verdict on a question whose name no target declares.
fn answer(policies: &Policies, who: &str, workload: &str, (host, kind): (&str, &str)) -> String {
    let context = LookupContext {
        workload: workload.to_owned(),
        declared: false,
        names_per_minute: 1000,
        ..Default::default()
    };
    let verdict = policies.judge_lookup(&Lookup {
        subject: &subject(who, &["support"]),
        host,
        record_type: kind,
        context: &context,
    });
    outcome(&verdict).to_owned()
}

const SEEN: [(&str, &str, &str); 8] = [
    ("unix:alice", "db.corp.example", "A"),
    ("unix:alice", "db.corp.example", "AAAA"),
    ("unix:alice", "cache.corp.example", "AAAA"),
    ("unix:alice", "cache.corp.example", "A"),
    ("unix:alice", "_sip.corp.example", "TXT"),
    ("unix:alice", "a.b.c.d.e.f.g.h.i.j.k.corp.example", "A"),
    ("unix:alice", "localhost", "A"),
    ("unix:bob", "db.corp.example", "TYPE65534"),
];

#[test]
fn what_was_asked_is_admitted_and_its_near_misses_are_not() {
    let suggestion = by_subject(&SEEN);
    assert!(suggestion.left_out().is_empty() && !suggestion.is_empty());
    let policies = loaded(&suggestion);
    assert!(policies.warnings().is_empty(), "{:?}", policies.warnings());
    for (who, host, kind) in SEEN {
        assert_eq!(
            answer(&policies, who, "w", (host, kind)),
            "allow",
            "{host} {kind}"
        );
        // As judgement puts it, in whichever workload.
        assert_eq!(answer(&policies, who, "x", (host, kind)), "allow");
    }
    for (who, host, kind, why) in [
        ("unix:alice", "corp.example", "A", "the parent"),
        ("unix:alice", "example", "A", "the parent's parent"),
        ("unix:alice", "x.db.corp.example", "A", "a child"),
        ("unix:alice", "db.localhost", "A", "a child of localhost"),
        ("unix:alice", "db2.corp.example", "A", "a sibling"),
        ("unix:alice", "db.corp.example2", "A", "another domain"),
        (
            "unix:alice",
            "db.corp.example.evil.example",
            "A",
            "a domain behind it",
        ),
        ("unix:alice", "db.corp.example", "TXT", "another type"),
        ("unix:alice", "_sip.corp.example", "A", "another type"),
        ("unix:alice", "db.corp.example", "a", "no such type"),
        (
            "unix:alice",
            "db.corp.example",
            "TYPE65534",
            "another's type",
        ),
        ("unix:bob", "db.corp.example", "A", "another's type"),
        ("unix:bob", "cache.corp.example", "A", "another's name"),
        ("unix:carol", "db.corp.example", "A", "another subject"),
        ("unix:alice", "", "A", "no name"),
    ] {
        let verdict = answer(&policies, who, "w", (host, kind));
        assert_eq!(verdict, "default-deny", "{who}: {host} {kind}: {why}");
    }
    // A permit of a name opens nothing.
    let connect = make(Verb::Connect).done();
    let verdict = judge_as(&policies, &subject("unix:alice", &[]), &connect);
    assert_eq!(outcome(&verdict), "default-deny");
}

#[test]
fn a_workload_s_names_are_for_whoever_works_in_it() {
    let mut suggestion = Suggestion::default();
    let whom = Whom::Workload("ci".to_owned());
    asked_for(&mut suggestion, &whom, "db.corp.example", "A");
    assert!(suggestion.has_name(&whom, "db.corp.example", "A"));
    assert!(!suggestion.has_name(&whom, "db.corp.example", "AAAA"));
    let policies = loaded(&suggestion);
    let ask = |workload: &str| answer(&policies, "unix:zoe", workload, ("db.corp.example", "A"));
    assert_eq!(ask("ci"), "allow");
    for other in ["ci2", "", "CI"] {
        assert_eq!(ask(other), "default-deny", "{other}");
    }
}

#[test]
fn names_and_statements_share_a_bundle_but_no_id() {
    let mut suggestion = by_subject(&[
        ("unix:alice", "db.corp.example", "A"),
        ("unix:alice", "other.corp.example", "TXT"),
        ("unix-alice", "db.corp.example", "A"),
    ]);
    let select = statement("SELECT name FROM people");
    saw(&mut suggestion, "unix:alice", &crm(), &select);
    let policies = loaded(&suggestion);
    let alice = subject("unix:alice", &[]);
    assert_eq!(outcome(&judge_as(&policies, &alice, &select)), "allow");
    for (who, host, kind) in [
        ("unix:alice", "db.corp.example", "A"),
        ("unix:alice", "other.corp.example", "TXT"),
        ("unix-alice", "db.corp.example", "A"),
    ] {
        assert_eq!(answer(&policies, who, "w", (host, kind)), "allow");
    }
}

#[test]
fn names_that_are_asked_alike_share_a_policy_and_order_does_not_matter() {
    let hosts: Vec<String> = (0..300).map(|n| format!("h{n:03}.example")).collect();
    let both = |host| [("unix:alice", host, "A"), ("unix:alice", host, "AAAA")];
    let mut seen: Vec<_> = hosts.iter().flat_map(|host| both(host.as_str())).collect();
    let forward = by_subject(&seen).sources();
    assert_eq!(forward[0].text.matches("permit (").count(), 1);
    seen.reverse();
    assert_eq!(forward, by_subject(&seen).sources());
}

#[test]
fn the_text_reads_well() {
    let seen = [
        ("unix:alice", "b.example", "AAAA"),
        ("unix:alice", "b.example", "A"),
        ("unix:alice", "a.example", "A"),
        ("unix:alice", "a.example", "AAAA"),
    ];
    let text = by_subject(&seen).sources().remove(0).text;
    let policy = text.split_once("\n\n").unwrap().1;
    assert_eq!(
        policy,
        "// 4 uses, 2026-11-21 10:00:00Z to 2026-11-21 10:00:00Z; 4 went through only because the \
         workload was observed.\n\
         @id(\"seen-unix-alice-resolve\")\n\
         @message(\"resolve, as it was seen\")\n\
         permit (\n  principal == Weir::Subject::\"unix:alice\",\n  \
         action == Weir::Action::\"resolve\",\n  resource is Weir::Host\n)\nwhen {\n  [\n    \
         Weir::Host::\"a.example\",\n    Weir::Host::\"b.example\"\n  ].contains(resource) &&\n  \
         [\"A\", \"AAAA\"].contains(context.record_type)\n};\n"
    );
}

#[test]
fn what_is_no_host_s_name_is_left_out_and_hostile_words_stay_words() {
    for name in HOSTILE {
        let suggestion = by_subject(&[("unix:alice", name, "A")]);
        assert!(suggestion.is_empty(), "{name}");
        assert_eq!(suggestion.left_out().get(&LeftOut::Unnameable), Some(&1));
        for whom in [
            Whom::Subject(name.to_owned()),
            Whom::Workload(name.to_owned()),
        ] {
            let mut suggestion = Suggestion::default();
            asked_for(&mut suggestion, &whom, "db.example", name);
            let policies = loaded(&suggestion);
            let text = &suggestion.sources()[0].text;
            assert!(text.is_ascii(), "{text}");
            let permits = text.lines().filter(|line| line.starts_with("permit ("));
            assert_eq!(permits.count(), 1, "{text}");
            let ask = |question| answer(&policies, name, name, question);
            assert_eq!(ask(("db.example", name)), "allow", "{text}");
            assert_eq!(ask(("db.example", "A")), "default-deny", "{text}");
            let other = answer(&policies, "b", "b", ("db.example", name));
            assert_eq!(other, "default-deny", "{text}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Of any names, exactly those that were seen may be looked up.
    #[test]
    fn exactly_what_was_seen_is_admitted(
        seen in proptest::collection::btree_set(("[ab]{1,2}(\\.[ab]){0,2}", "A|AAAA|TXT"), 1..6),
        asked in proptest::collection::vec(("[ab]{1,2}(\\.[ab]){0,2}", "A|AAAA|TXT"), 24),
    ) {
        let of_alice: Vec<_> = seen
            .iter()
            .map(|(host, kind)| ("unix:alice", host.as_str(), kind.as_str()))
            .collect();
        let policies = loaded(&by_subject(&of_alice));
        for question in seen.iter().chain(&asked) {
            let answer = answer(&policies, "unix:alice", "w", (&question.0, &question.1));
            prop_assert_eq!(answer == "allow", seen.contains(question), "{:?}", question);
        }
    }
}
