//! Cursors: what is fetched by a name is masked as what was declared under it, or more.

use weir_wire::postgres::backend::TransactionStatus;

use crate::{
    agent::{Agent, rows, tags},
    messages::{
        column, complete, described, execute_some, query, ready, ready_in, row, suspended, sync,
    },
    target::{ORDERS, SECRET, Target},
};

const HARMLESS: &str = "DECLARE c CURSOR FOR SELECT note FROM orders";
const COMPUTES: &str = "DECLARE c CURSOR FOR SELECT lower(email) FROM people";

/// In a transaction, runs `texts` and then takes a computed column from the cursor `c`, by FETCH
/// and by Execute. Gives back what the agent sees of the secret in it.
fn seen_after(texts: &'static [&'static str]) -> Vec<Option<String>> {
    let target = Target::scripted(move |peer| {
        let open = ready_in(TransactionStatus::InBlock);
        for text in texts {
            peer.expect_query(text);
            let last = if *text == "COMMIT" {
                ready()
            } else {
                open.clone()
            };
            peer.send(&[complete("DONE"), last]);
        }
        let secret = [described(&[column("x", 0, 0)]), row(&[Some(SECRET)])];
        peer.expect_query("FETCH c");
        peer.send(&secret);
        peer.send(&[complete("FETCH 1"), open.clone()]);
        for _ in 0..3 {
            peer.receive();
        }
        peer.send(&secret);
        peer.send(&[suspended(), open]);
        peer.rest();
    });
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    for text in texts {
        agent.ask(&[query(text)]);
    }
    let fetched = agent.ask(&[query("FETCH c")]);
    assert_eq!(tags(&fetched), "TDCZ");
    let executed = agent.ask(&[execute_some("c", 1), sync()]);
    assert_eq!(tags(&executed), "DsZ");
    [fetched, executed]
        .iter()
        .map(|answer| rows(answer).remove(0).remove(0))
        .collect()
}

fn all_masked(seen: &[Option<String>]) {
    for value in seen {
        assert_ne!(value.as_deref(), Some(SECRET));
    }
}

#[test]
fn what_was_declared_over_a_sensitive_column_is_masked() {
    all_masked(&seen_after(&["BEGIN", COMPUTES]));
}

#[test]
fn what_was_declared_over_harmless_columns_is_not() {
    let clear = Some(SECRET.to_owned());
    assert_eq!(seen_after(&["BEGIN", HARMLESS]), [clear.clone(), clear]);
}

#[test]
fn a_name_that_stands_for_another_by_now_is_masked_as_the_later() {
    all_masked(&seen_after(&["BEGIN", HARMLESS, "CLOSE c", COMPUTES]));
}

/// A function of the database's own can open a cursor under any name.
#[test]
fn a_name_under_which_hidden_code_may_have_opened_another_is_masked() {
    all_masked(&seen_after(&[
        "BEGIN",
        HARMLESS,
        "COMMIT",
        "BEGIN",
        "SELECT reads_tables('c')",
    ]));
}

#[test]
fn a_portals_description_is_asked_for_each_time() {
    // The first under the name is of harmless columns, the second's are sensitive.
    let target = Target::scripted(|peer| {
        let open = ready_in(TransactionStatus::InBlock);
        for _ in 0..2 {
            peer.receive();
            peer.send(&[complete("DONE"), open.clone()]);
        }
        for (table, number) in [(ORDERS, 3), (crate::target::PEOPLE, 3)] {
            for _ in 0..3 {
                peer.receive();
            }
            peer.send(&[
                described(&[column("x", table, number)]),
                row(&[Some(SECRET)]),
                suspended(),
                open.clone(),
            ]);
        }
        peer.rest();
    });
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    agent.ask(&[query("BEGIN")]);
    agent.ask(&[query(HARMLESS)]);
    let first = agent.ask(&[execute_some("c", 1), sync()]);
    let second = agent.ask(&[execute_some("c", 1), sync()]);
    assert_eq!(rows(&first)[0][0].as_deref(), Some(SECRET));
    assert_ne!(rows(&second)[0][0].as_deref(), Some(SECRET));
}

/// A portal over EXECUTE or FETCH looks its name up when it is first executed, long after it was
/// judged and described.
mod by_name {
    use super::{HARMLESS, tags};
    use crate::{
        agent::{Agent, field, the_error},
        honest::{Known, known},
        messages::{bind, close_statement, column, execute, execute_some, parse, query, sync},
        target::{ORDERS, SECRET, Target},
    };

    const PREPARE: &str = "PREPARE x AS SELECT note FROM orders";
    const PREPARE_OTHER: &str = "PREPARE x AS SELECT lower(email) FROM people";
    const OTHER: &str = "SELECT lower(email) FROM people";
    const DECLARE_OTHER: &str = "DECLARE c CURSOR FOR SELECT email FROM people";

    fn target() -> Target {
        let nothing = |text| known(text, &[], &[]);
        let secret =
            |text| -> Known { known(text, &[column("note", ORDERS, 3)], &[&[Some(SECRET)]]) };
        Target::honest(vec![
            nothing(PREPARE),
            nothing("DEALLOCATE x"),
            nothing(PREPARE_OTHER),
            nothing(HARMLESS),
            nothing("CLOSE c"),
            nothing(DECLARE_OTHER),
            nothing(OTHER),
            secret("EXECUTE x"),
            secret("FETCH c"),
            secret("FETCH p"),
        ])
    }

    /// In a transaction, binds `text` to a portal, then sends `between`, then executes it.
    fn executed_after(text: &str, between: &[weir_wire::postgres::Frame]) -> (Agent, String) {
        let target = target();
        let gate = target.gate();
        let mut agent = Agent::connect(&gate);
        for first in ["BEGIN", PREPARE, HARMLESS] {
            agent.ask(&[query(first)]);
        }
        agent.ask(&[parse("f", text), bind("p", "f"), sync()]);
        for frame in between {
            let sent = [frame.clone(), sync()];
            let turn = if frame.tag() == b'Q' { 1 } else { 2 };
            agent.ask(&sent[..turn]);
        }
        let answer = agent.ask(&[execute("p"), sync()]);
        if answer.len() == 2 {
            let detail = field(the_error(&answer), b'D').unwrap();
            assert!(detail.contains("name-changed"), "{detail}");
        }
        (agent, tags(&answer))
    }

    #[test]
    fn what_is_executed_at_once_is_what_was_judged() {
        for text in ["EXECUTE x", "FETCH c"] {
            assert_eq!(executed_after(text, &[]).1, "DCZ");
        }
    }

    #[test]
    fn what_a_name_came_to_mean_since_is_not_run() {
        for between in [
            &[query("DEALLOCATE x"), query(PREPARE_OTHER)][..],
            &[close_statement("x"), parse("x", OTHER)],
        ] {
            let (agent, answer) = executed_after("EXECUTE x", between);
            assert_eq!(answer, "EZ");
            agent.never_heard(SECRET);
        }
        let between = [query("CLOSE c"), query(DECLARE_OTHER)];
        let (agent, answer) = executed_after("FETCH c", &between);
        assert_eq!(answer, "EZ");
        agent.never_heard(SECRET);
    }

    #[test]
    fn what_was_begun_is_fetched_to_its_end() {
        let target = target();
        let gate = target.gate();
        let mut agent = Agent::connect(&gate);
        agent.ask(&[query("BEGIN")]);
        agent.ask(&[query(PREPARE)]);
        let turn = [
            parse("", "EXECUTE x"),
            bind("p", ""),
            execute_some("p", 1),
            sync(),
        ];
        assert_eq!(tags(&agent.ask(&turn)), "12DsZ");
        agent.ask(&[query("DEALLOCATE x")]);
        assert_eq!(tags(&agent.ask(&[execute_some("p", 1), sync()])), "CZ");
    }

    #[test]
    fn a_portal_that_runs_by_name_is_not_fetched_from() {
        let target = target();
        let gate = target.gate();
        let mut agent = Agent::connect(&gate);
        agent.ask(&[query("BEGIN")]);
        agent.ask(&[query(PREPARE)]);
        agent.ask(&[parse("", "EXECUTE x"), bind("p", ""), sync()]);
        assert_eq!(tags(&agent.ask(&[query("FETCH p")])), "EZ");
        agent.never_heard(SECRET);
    }
}
