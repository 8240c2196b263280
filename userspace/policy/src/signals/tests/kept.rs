//! What stays over a restart, and where there is more than is kept.

use weir_command::Verb;

use super::*;

#[test]
fn a_restart_keeps_what_was_counted_and_learned() {
    let bench = Bench::new(
        "[[budget]]\nname = \"r\"\nwhat = \"rows\"\nlimit = 5\nwindow = \"1h\"\n[[budget]]\nname = \"t\"\nwhat = \"tables\"\nlimit = 1\nwindow = \"1h\"\n[[novelty]]\nname = \"n\"\nwhat = \"table\"\nlearn_messages = 1",
    );
    let mut session = bench.session("bot");
    let select = statement(Verb::Select, Some("a"));
    assert!(try_it(&mut session, 0, &select));
    let _ = session.count(Amount::Rows(5), Some(&select), Raised::default());
    session.settle();
    let text = serde_json::to_string(&bench.ledger.snapshot(at(1))).unwrap();
    let snapshot: Snapshot = serde_json::from_str(&text).unwrap();
    for seconds in [2, 1800] {
        let again = Bench {
            ledger: Ledger::restored(&snapshot, at(seconds)),
            policies: bundle_of(&bench),
        };
        let mut session = again.session("bot");
        assert_eq!(look(&mut session, seconds, &select), ["r"]);
        assert_eq!(
            look(&mut session, seconds, &statement(Verb::Select, Some("b"))),
            ["r", "t", "n"]
        );
        assert_eq!(again.ledger.snapshot(at(seconds)), snapshot);
    }
}

fn bundle_of(bench: &Bench) -> Policies {
    let _ = bench;
    bundle("[[budget]]\nname = \"r\"\nwhat = \"rows\"\nlimit = 5\nwindow = \"1h\"\n[[budget]]\nname = \"t\"\nwhat = \"tables\"\nlimit = 1\nwindow = \"1h\"\n[[novelty]]\nname = \"n\"\nwhat = \"table\"\nlearn_messages = 1").unwrap()
}

#[test]
fn a_full_ledger_makes_no_budget_easier() {
    let bench = Bench::new(
        "[[budget]]\nname = \"s\"\nwhat = \"statements\"\nlimit = 5\nwindow = \"1m\"\n[[novelty]]\nname = \"n\"\nwhat = \"table\"\nlearn = \"1d\"",
    );
    let select = statement(Verb::Select, Some("t"));
    for number in 0..16_384 {
        bench
            .session(&format!("bot{number}"))
            .allowed(&[&select].into_iter());
    }
    // Newcomers share one counter, and find everything new.
    for number in 0..6 {
        let mut session = bench.session(&format!("new{number}"));
        let raised = look(&mut session, 0, &select);
        assert_eq!(raised.contains(&"s".to_owned()), number == 5, "{raised:?}");
        assert!(raised.contains(&"n".to_owned()));
        session.allowed(&[&select].into_iter());
    }
    assert_eq!(
        bench.ledger.budgets(bench.policies.signals(), at(0)).len(),
        16_385
    );
    // An hour later all that is out of its window makes room, and the profiles stay.
    let who = Who {
        subject: "late",
        workload: "ci",
        target: Some("orders"),
    };
    let _late = bench.ledger.watch(bench.policies.signals(), who, at(3600));
    assert_eq!(
        bench
            .ledger
            .budgets(bench.policies.signals(), at(3600))
            .len(),
        0
    );
    assert_eq!(bench.ledger.profiles(at(3600)).len(), 4096);
}
