mod names;

use proptest::prelude::*;
use weir_command::sql;

use super::*;
use crate::{
    Context, Policies, Request, Subject, Verdict,
    judge::tests::support::{crm, judge_as, make, outcome, subject},
};

fn statement(text: &str) -> Statement {
    let mut all = sql::statements(text.as_bytes(), &sql::Limits::default());
    assert_eq!(all.len(), 1, "{text}");
    all.remove(0)
}

fn saw(suggestion: &mut Suggestion, who: &str, target: &Target, statement: &Statement) {
    suggestion.add(Sighting {
        whom: &Whom::Subject(who.to_owned()),
        target,
        statement,
        at: "2026-11-21 10:00:00Z",
        observed: false,
    });
}

fn suggested(seen: &[(&str, &str)]) -> Suggestion {
    let mut suggestion = Suggestion::default();
    for (who, text) in seen {
        saw(&mut suggestion, who, &crm(), &statement(text));
    }
    suggestion
}

fn loaded(suggestion: &Suggestion) -> Policies {
    let sources = suggestion.sources();
    Policies::load(&sources).unwrap_or_else(|found| panic!("{found}\n{}", sources[0].text))
}

fn asked(policies: &Policies, who: &Subject, target: &Target, statement: &Statement) -> Verdict {
    policies.judge(&Request {
        subject: who,
        target,
        statement,
        names: None,
        context: &Context {
            workload: "ci".to_owned(),
            in_transaction: false,
            ..Default::default()
        },
    })
}

const SEEN: [(&str, &str); 14] = [
    (
        "unix:alice",
        "SELECT count(*) FROM public.orders WHERE id = 1",
    ),
    ("unix:alice", "SELECT name FROM people"),
    ("unix:alice", "INSERT INTO public.orders (id) VALUES (1)"),
    (
        "unix:alice",
        "UPDATE public.orders SET total = 2 WHERE id = 1",
    ),
    ("unix:alice", "DELETE FROM public.carts"),
    ("unix:alice", "BEGIN"),
    ("unix:alice", "SET search_path = public"),
    ("unix:alice", "SHOW server_version"),
    ("unix:alice", "PREPARE p AS SELECT id FROM stock"),
    ("unix:alice", "EXECUTE p"),
    ("unix:alice", "EXPLAIN SELECT id FROM public.plans"),
    ("unix:alice", "CREATE TABLE public.fresh (id int)"),
    ("unix:bob", "SELECT id FROM audit.\"Log\""),
    ("unix:bob", "COPY public.report FROM STDIN"),
];

#[test]
fn what_was_seen_is_admitted_and_its_near_misses_are_not() {
    let suggestion = suggested(&SEEN);
    assert!(suggestion.left_out().is_empty());
    let policies = loaded(&suggestion);
    assert!(policies.warnings().is_empty(), "{:?}", policies.warnings());
    for (who, text) in SEEN {
        let verdict = judge_as(&policies, &subject(who, &[]), &statement(text));
        assert_eq!(outcome(&verdict), "allow", "{who}: {text}\n{verdict:?}");
    }
    for (who, text, why) in [
        (
            "unix:alice",
            "SELECT count(*) FROM public.orders2",
            "another table",
        ),
        (
            "unix:alice",
            "SELECT count(*) FROM orders",
            "without its schema",
        ),
        (
            "unix:alice",
            "SELECT count(*) FROM other.orders",
            "another schema",
        ),
        (
            "unix:alice",
            "DELETE FROM public.orders WHERE id = 1",
            "another verb",
        ),
        (
            "unix:alice",
            "SELECT id FROM public.carts",
            "another access",
        ),
        (
            "unix:alice",
            "INSERT INTO people (id) VALUES (1)",
            "another access",
        ),
        (
            "unix:alice",
            "UPDATE public.orders SET total = 2",
            "every row",
        ),
        (
            "unix:alice",
            "SELECT sum(id) FROM public.orders",
            "another function",
        ),
        (
            "unix:alice",
            "SELECT pg_read_file('x') FROM public.orders",
            "another effect",
        ),
        (
            "unix:alice",
            "SELECT set_config('search_path', 'x', false)",
            "another verb",
        ),
        ("unix:alice", "SET role = admin", "another verb"),
        ("unix:alice", "SET work_mem = 1", "another setting"),
        ("unix:alice", "DROP TABLE public.fresh", "another verb"),
        (
            "unix:alice",
            "CREATE TABLE public.stale (id int)",
            "another table",
        ),
        (
            "unix:alice",
            "SELECT id FROM audit.\"Log\"",
            "another subject",
        ),
        ("unix:bob", "SELECT id FROM audit.log", "another name"),
        ("unix:bob", "COPY public.report TO STDOUT", "another verb"),
        ("unix:bob", "BEGIN", "another subject"),
        ("unix:carol", "SELECT name FROM people", "another subject"),
        ("unix:alice", "DO $$ BEGIN END $$", "hidden code"),
        ("unix:alice", "SELEC", "not read"),
    ] {
        let verdict = judge_as(&policies, &subject(who, &["support"]), &statement(text));
        assert_ne!(outcome(&verdict), "allow", "{who}: {text}: {why}");
    }
    let alice = subject("unix:alice", &[]);
    for other in [
        Target {
            name: "crm2".into(),
            ..crm()
        },
        Target {
            database: "sales2".into(),
            ..crm()
        },
    ] {
        let verdict = asked(
            &policies,
            &alice,
            &other,
            &statement("SELECT name FROM people"),
        );
        assert_eq!(outcome(&verdict), "default-deny");
    }
}

#[test]
fn a_workload_stands_for_whoever_works_in_it() {
    let mut suggestion = Suggestion::default();
    let select = statement("SELECT name FROM people");
    suggestion.add(Sighting {
        whom: &Whom::Workload("ci".to_owned()),
        target: &crm(),
        statement: &select,
        at: "2026-11-21 10:00:00Z",
        observed: true,
    });
    let policies = loaded(&suggestion);
    let (anyone, target) = (subject("unix:zoe", &[]), crm());
    assert_eq!(
        outcome(&asked(&policies, &anyone, &target, &select)),
        "allow"
    );
    // The helper's workload is another one.
    assert_eq!(
        outcome(&judge_as(&policies, &anyone, &select)),
        "default-deny"
    );
}

#[test]
fn an_opaque_target_is_admitted_at_whichever_address() {
    for protocol in ["tcp", "udp"] {
        opaque_at_whichever_address(protocol);
    }
}

fn opaque_at_whichever_address(protocol: &str) {
    let at = |name: &str, database: &str| Target {
        name: name.into(),
        protocol: protocol.into(),
        database: database.into(),
    };
    let connect = make(Verb::Connect).done();
    let mut suggestion = Suggestion::default();
    saw(
        &mut suggestion,
        "unix:alice",
        &at("cache", "10.0.0.1:6379"),
        &connect,
    );
    let policies = loaded(&suggestion);
    let alice = subject("unix:alice", &[]);
    for (target, expected) in [
        (at("cache", "10.0.0.2:6379"), "allow"),
        (at("cache2", "10.0.0.1:6379"), "default-deny"),
    ] {
        assert_eq!(
            outcome(&asked(&policies, &alice, &target, &connect)),
            expected
        );
    }
    let bob = subject("unix:bob", &[]);
    let target = at("cache", "10.0.0.1:6379");
    assert_eq!(
        outcome(&asked(&policies, &bob, &target, &connect)),
        "default-deny"
    );
}

#[test]
fn what_says_nothing_of_the_next_is_left_out_and_told() {
    let suggestion = suggested(&[
        ("unix:alice", "SELEC 1"),
        ("unix:alice", "DO $$ BEGIN END $$"),
        ("unix:alice", "CALL tidy()"),
    ]);
    assert!(suggestion.is_empty());
    let left_out: Vec<_> = suggestion
        .left_out()
        .iter()
        .map(|(why, n)| (*why, *n))
        .collect();
    assert_eq!(left_out, [(LeftOut::Unread, 1), (LeftOut::HiddenCode, 2)]);
}

#[test]
fn what_is_used_alike_shares_a_policy_and_order_does_not_matter() {
    let tables: Vec<String> = (0..500)
        .map(|n| format!("SELECT a FROM public.t{n:03}"))
        .collect();
    let mut seen: Vec<(&str, &str)> = tables.iter().map(|t| ("unix:alice", t.as_str())).collect();
    let forward = suggested(&seen).sources();
    assert_eq!(forward[0].text.matches("permit (").count(), 1);
    seen.reverse();
    assert_eq!(forward, suggested(&seen).sources());
}

#[test]
fn the_text_reads_well() {
    let text = suggested(&[
        ("unix:alice", "SELECT count(*) FROM public.orders"),
        ("unix:alice", "SELECT count(*) FROM public.people"),
    ])
    .sources()
    .remove(0)
    .text;
    let policy = text.split_once("\n\n").unwrap().1;
    assert_eq!(
        policy,
        "// 2 uses, 2026-11-21 10:00:00Z to 2026-11-21 10:00:00Z.\n\
         @id(\"seen-unix-alice-crm-sales-select\")\n\
         @message(\"select, as it was seen\")\n\
         permit (\n  principal == Weir::Subject::\"unix:alice\",\n  \
         action == Weir::Action::\"select\",\n  resource is Weir::Relation\n)\nwhen {\n  [\n    \
         Weir::Relation::\"crm/sales/public/orders\",\n    \
         Weir::Relation::\"crm/sales/public/people\"\n  ].contains(resource) &&\n  \
         context.access == \"read\" &&\n  [\"not_applicable\"].contains(context.predicate) &&\n  \
         context.effects.isEmpty() &&\n  [\"count\"].containsAll(context.functions) &&\n  \
         !(context has setting)\n};\n"
    );
}

/// Names that would be more than names, were they pasted.
const HOSTILE: [&str; 8] = [
    "\"); permit (principal, action, resource); //",
    "a\n@id(\"x\") permit (principal, action, resource);\n//",
    "a\\",
    "a\\\"",
    "*/ permit /*",
    "a/b%2Fc",
    "\u{202e}\u{0}\u{7f}",
    "é\u{2028}",
];

#[test]
fn hostile_names_stay_names() {
    for name in HOSTILE {
        let table = weir_command::Object {
            database: None,
            schema: Some(name.to_owned()),
            name: name.to_owned(),
            access: weir_command::Access::Read,
        };
        let select = make(Verb::Select).exactly(table).calls(name).done();
        let target = Target {
            name: "crm".into(),
            protocol: "postgres".into(),
            database: name.into(),
        };
        let mut suggestion = Suggestion::default();
        suggestion.add(Sighting {
            whom: &Whom::Subject(name.to_owned()),
            target: &target,
            statement: &select,
            at: name,
            observed: true,
        });
        let policies = loaded(&suggestion);
        let text = &suggestion.sources()[0].text;
        assert_eq!(
            text.lines().filter(|l| l.starts_with("permit (")).count(),
            1,
            "{text}"
        );
        assert!(text.is_ascii(), "{text}");
        let whom = subject(name, &[]);
        assert_eq!(
            outcome(&asked(&policies, &whom, &target, &select)),
            "allow",
            "{text}"
        );
        let other = make(Verb::Select).reads("public.people").done();
        assert_ne!(outcome(&asked(&policies, &whom, &target, &other)), "allow");
        assert_ne!(
            outcome(&judge_as(&policies, &subject("b", &[]), &other)),
            "allow"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_name_is_admitted_as_itself(name in "\\PC{1,12}|[\"\\\\\n\r\t\0/%{}u]{1,12}") {
        let select = make(Verb::Select).reads(&name.replace('.', "")).done();
        let mut suggestion = Suggestion::default();
        saw(&mut suggestion, &name, &crm(), &select);
        prop_assume!(!suggestion.is_empty());
        let policies = loaded(&suggestion);
        let verdict = judge_as(&policies, &subject(&name, &[]), &select);
        prop_assert_eq!(outcome(&verdict), "allow");
    }
}
