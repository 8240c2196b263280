//! So much within so long: what counts, for whom, and when it is too much.

use weir_command::{Opaque, OpaqueReason, Statement, Verb};

use super::*;

#[test]
fn statements_are_counted_for_all_sessions_of_a_subject_on_a_target() {
    let bench =
        Bench::new("[[budget]]\nname = \"s\"\nwhat = \"statements\"\nlimit = 3\nwindow = \"1m\"");
    let select = statement(Verb::Select, Some("t"));
    let (mut one, mut two) = (bench.session("bot"), bench.session("bot"));
    assert!(try_it(&mut one, 0, &select));
    assert!(try_it(&mut two, 1, &select));
    // Two more in one message are one too many, and one is not.
    let both = Footprint::of([&command(Verb::Select, None), &command(Verb::Select, None)]);
    assert_eq!(look(&mut one, 2, &both), ["s"]);
    assert!(try_it(&mut one, 2, &select));
    assert!(!try_it(&mut two, 3, &select));
    assert!(try_it(&mut bench.session("other"), 3, &select));
    assert!(try_it(&mut bench.to("bot", "crm"), 3, &select));
    // What is refused isn't counted, so time brings them back.
    assert!(try_it(&mut two, 70, &select));
}

#[test]
fn a_budget_of_some_actions_counts_them_and_what_may_be_them() {
    let bench = Bench::new(
        "[[budget]]\nname = \"w\"\nwhat = \"statements\"\nactions = [\"write\"]\nlimit = 1\nwindow = \"1m\"",
    );
    let mut session = bench.session("bot");
    for harmless in [Verb::Select, Verb::Transaction, Verb::Show] {
        for _ in 0..5 {
            assert!(try_it(&mut session, 0, &statement(harmless, None)));
        }
    }
    let opaque = Footprint::of([&Statement::Opaque(Opaque {
        reason: OpaqueReason::Syntax,
        detail: "no".into(),
    })]);
    let hidden = [
        Verb::Execute,
        Verb::Fetch,
        Verb::Call,
        Verb::Do,
        Verb::FunctionCall,
    ];
    for (number, print) in hidden
        .map(|verb| statement(verb, None))
        .into_iter()
        .chain([opaque, statement(Verb::Delete, None)])
        .enumerate()
    {
        let mut session = bench.session(&format!("bot{number}"));
        assert!(try_it(&mut session, 0, &print));
        assert!(!try_it(&mut session, 0, &print), "{print:?}");
    }
    // A write's rows count, a read's don't, and what is of no statement doesn't either.
    let bench = Bench::new(
        "[[budget]]\nname = \"w\"\nwhat = \"rows\"\nactions = [\"write\"]\nlimit = 10\nwindow = \"1m\"",
    );
    let mut session = bench.session("bot");
    let _ = session.count(
        Amount::Rows(50),
        Some(&statement(Verb::Select, None)),
        Raised::default(),
    );
    let _ = session.count(Amount::Rows(50), None, Raised::default());
    let update = statement(Verb::Update, None);
    assert_eq!(look(&mut session, 0, &update), [""; 0]);
    let _ = session.count(Amount::Rows(10), Some(&update), Raised::default());
    assert_eq!(look(&mut session, 0, &update), ["w"]);
}

#[test]
fn rows_cut_where_they_exceed_unless_they_were_allowed_so() {
    let bench = Bench::new(
        "[[budget]]\nname = \"r\"\nwhat = \"rows\"\ncut = true\nlimit = 3\nwindow = \"1m\"",
    );
    let (mut one, mut two) = (bench.session("bot"), bench.session("bot"));
    let select = statement(Verb::Select, None);
    one.at(at(0));
    two.at(at(0));
    let judged = one.look(&[&select].into_iter());
    assert!(judged.is_empty());
    for session in [0, 1, 0] {
        let session = if session == 0 { &mut one } else { &mut two };
        assert!(
            session
                .count(Amount::Rows(1), Some(&select), judged)
                .is_empty()
        );
    }
    let cut = two.count(Amount::Rows(1), Some(&select), judged);
    assert_eq!(
        two.figures(cut)[0].figures,
        "rows: 4 in 1m of at most 3, for bot on orders"
    );
    let judged = one.look(&[&select].into_iter());
    assert!(!judged.is_empty());
    assert!(
        one.count(Amount::Rows(1000), Some(&select), judged)
            .is_empty()
    );
}

#[test]
fn tables_are_told_apart_and_new_ones_are_judged_before_they_are_read() {
    let bench =
        Bench::new("[[budget]]\nname = \"t\"\nwhat = \"tables\"\nlimit = 2\nwindow = \"1m\"");
    let (mut one, mut two) = (bench.session("bot"), bench.session("bot"));
    let read = |table: &str| statement(Verb::Select, Some(table));
    for _ in 0..3 {
        assert!(try_it(&mut one, 0, &read("a")));
        assert!(try_it(&mut two, 0, &read("b")));
    }
    assert!(!try_it(&mut one, 1, &read("c")));
    assert!(
        try_it(&mut one, 1, &read("b")),
        "one that is known is no more"
    );
    assert!(!try_it(&mut two, 50, &read("c")));
    assert!(try_it(&mut two, 62, &read("c")), "b and c");
}

#[test]
fn refusals_are_counted_and_knocking_does_not_prolong_them() {
    let bench = Bench::new("[[refusals]]\nname = \"r\"\nlimit = 3\nwindow = \"1m\"");
    let mut session = bench.session("bot");
    let drop = statement(Verb::Drop, None);
    for second in 0..3 {
        assert_eq!(look(&mut session, second, &drop), [""; 0]);
        session.refused(&[&drop].into_iter());
    }
    for second in 3..59 {
        assert_eq!(look(&mut session, second, &drop), ["r"], "{second}");
        session.refused(&[&drop].into_iter());
    }
    assert_eq!(look(&mut session, 63, &drop), [""; 0]);
}

#[test]
fn sessions_are_counted_as_they_open() {
    let bench =
        Bench::new("[[budget]]\nname = \"s\"\nwhat = \"sessions\"\nlimit = 2\nwindow = \"1m\"");
    let connect = statement(Verb::Connect, None);
    for open in [true, true, false] {
        let mut session = bench.session("bot");
        assert_eq!(try_it(&mut session, 0, &connect), open);
        // In a session that stands, nothing is asked.
        assert_eq!(
            look(&mut session, 0, &statement(Verb::Select, None)),
            [""; 0]
        );
    }
}

#[test]
fn questions_to_the_dns_count_only_where_they_are_asked_for() {
    let bench = Bench::new(
        "[[budget]]\nname = \"all\"\nwhat = \"statements\"\nlimit = 1\nwindow = \"1m\"\n[[budget]]\nname = \"dns\"\nper = \"subject\"\nwhat = \"statements\"\nactions = [\"resolve\"]\nlimit = 2\nwindow = \"1m\"",
    );
    let mut session = bench.session("bot");
    let lookup = Footprint::of_lookup();
    assert!(try_it(&mut session, 0, &lookup));
    assert!(try_it(&mut session, 0, &lookup));
    assert_eq!(look(&mut session, 0, &lookup), ["dns"]);
}

#[test]
fn others_see_what_was_counted_once_it_is_settled_and_at_the_latest_at_the_end() {
    let bench =
        Bench::new("[[budget]]\nname = \"r\"\nwhat = \"rows\"\nlimit = 10\nwindow = \"1m\"");
    let (mut one, mut two) = (bench.session("bot"), bench.session("bot"));
    let select = statement(Verb::Select, None);
    let rows = |session: &mut Watch, rows| {
        session.at(at(0));
        let _ = session.count(Amount::Rows(rows), Some(&select), Raised::default());
    };
    rows(&mut one, 5);
    rows(&mut one, 4);
    assert_eq!(look(&mut one, 0, &select), [""; 0]);
    rows(&mut one, 1);
    one.settle();
    assert_eq!(look(&mut two, 0, &select), ["r"]);

    let bench =
        Bench::new("[[budget]]\nname = \"r\"\nwhat = \"rows\"\nlimit = 10\nwindow = \"1m\"");
    let (mut one, mut two) = (bench.session("bot"), bench.session("bot"));
    rows(&mut one, 10);
    // Its own look sees all.
    assert_eq!(look(&mut one, 0, &select), ["r"]);
    rows(&mut one, 10);
    drop(one);
    two.at(at(0));
    let raised = two.look(&[&select].into_iter());
    assert_eq!(
        two.figures(raised)[0].figures,
        "rows: 20 in 1m of at most 10, for bot on orders"
    );
}
