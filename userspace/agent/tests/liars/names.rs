//! Names of prepared statements and portals: what they mean at the target is what weir must judge
//! by, also where the target's answers are still to come or where it tells fewer names apart.

use weir_wire::postgres::Frame;

use crate::{
    agent::{Agent, field, rows, tags, the_error},
    honest::{ALIVE, Known, known},
    messages::{
        bind, close_portal, close_statement, column, describe_statement, execute, parse, query,
        sync,
    },
    record::Record,
    target::{ORDERS, SECRET, Target},
};

const COMPUTED: &str = "SELECT lower(email) FROM people";
const NOTES: &str = "SELECT note FROM orders";

fn statements() -> Vec<Known> {
    let secret = [Some(SECRET)];
    vec![
        known(COMPUTED, &[column("lower", 0, 0)], &[&secret]),
        known(NOTES, &[column("note", ORDERS, 3)], &[&[Some("gift")]]),
    ]
}

/// Names that a server which cuts them at 63 bytes takes for one.
fn alias(last: char) -> String {
    format!("{}{last}", "a".repeat(63))
}

fn ask(agent: &mut Agent, frames: &[Frame]) -> String {
    tags(&agent.ask(frames))
}

#[test]
fn a_failed_redefinition_leaves_the_old_meaning() {
    // "s" is known to the target, so the Parse fails, and the Bind behind the Sync runs the old
    // statement: weir must not let it through as the new one, which is harmless.
    let target = Target::honest(statements());
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    assert_eq!(ask(&mut agent, &[parse("s", COMPUTED), sync()]), "1Z");
    agent.send(&[
        parse("s", NOTES),
        sync(),
        bind("", "s"),
        execute(""),
        sync(),
    ]);
    assert_eq!(tags(&agent.until_ready()), "EZ");
    let answer = agent.until_ready();
    assert_eq!(tags(&answer), "2DCZ");
    assert_ne!(rows(&answer)[0][0].as_deref(), Some(SECRET));
    agent.never_heard(SECRET);
}

#[test]
fn a_redefinition_in_one_segment_holds_at_once() {
    let target = Target::honest(statements());
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    ask(&mut agent, &[parse("s", NOTES), sync()]);
    let answer = agent.ask(&[
        close_statement("s"),
        parse("s", COMPUTED),
        bind("", "s"),
        execute(""),
        sync(),
    ]);
    assert_eq!(tags(&answer), "312DCZ");
    agent.never_heard(SECRET);
}

#[test]
fn portals_are_told_apart() {
    let target = Target::honest(statements());
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    let answer = agent.ask(&[
        parse("n", NOTES),
        parse("c", COMPUTED),
        bind("p", "n"),
        bind("q", "c"),
        execute("p"),
        execute("q"),
        close_portal("p"),
        bind("p", "c"),
        execute("p"),
        sync(),
    ]);
    assert_eq!(tags(&answer), "1122DCDC32DCZ");
    assert_eq!(rows(&answer)[0][0].as_deref(), Some("gift"));
    agent.never_heard(SECRET);
}

#[test]
fn a_closed_name_means_nothing() {
    let target = Target::honest(statements());
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    ask(&mut agent, &[parse("s", NOTES), sync()]);
    ask(&mut agent, &[close_statement("s"), sync()]);
    let answer = agent.ask(&[bind("", "s"), execute(""), sync()]);
    assert_eq!(tags(&answer), "EZ");
    assert_eq!(field(&answer[0], b'C').as_deref(), Some("26000"));
}

#[test]
fn unknown_names_fail_in_their_place() {
    let target = Target::honest(statements());
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    let answer = agent.ask(&[
        parse("s", NOTES),
        bind("", "s"),
        execute(""),
        bind("", "never"),
        execute(""),
        sync(),
    ]);
    assert_eq!(tags(&answer), "12DCEZ");
    assert_eq!(field(&answer[4], b'C').as_deref(), Some("26000"));
    let answer = agent.ask(&[execute("never"), sync()]);
    assert_eq!(tags(&answer), "EZ");
    assert_eq!(field(&answer[0], b'C').as_deref(), Some("34000"));
    assert_eq!(tags(&agent.ask(&[query(ALIVE)])), "CZ");
    let record = Record::read(&gate, 0);
    assert_eq!(record.rules(), ["unknown-statement", "unknown-portal"]);
}

#[test]
fn a_portal_ends_with_its_transaction() {
    let target = Target::honest(statements());
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    agent.send(&[
        parse("", NOTES),
        bind("p", ""),
        sync(),
        execute("p"),
        sync(),
    ]);
    assert_eq!(tags(&agent.until_ready()), "12Z");
    let answer = agent.until_ready();
    assert_eq!(tags(&answer), "EZ");
    assert_eq!(field(&answer[0], b'C').as_deref(), Some("34000"));
    assert_eq!(Record::read(&gate, 0).rules(), ["unknown-portal"]);
}

/// Close by one alias and Parse by another would leave the first with a meaning that weir does not
/// know.
#[test]
fn names_that_the_server_would_cut_are_refused() {
    let target = Target::honest(statements());
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    for name in [alias('1'), "é".to_owned(), "\u{1f98a}".to_owned()] {
        let answer = agent.ask(&[parse(&name, NOTES), bind("", &name), execute(""), sync()]);
        assert_eq!(tags(&answer), "EZ", "{name}");
        let portal = agent.ask(&[parse("", NOTES), bind(&name, ""), execute(&name), sync()]);
        assert_eq!(tags(&portal), "1EZ", "{name}");
        for answer in [answer, portal] {
            let detail = field(the_error(&answer), b'D').unwrap();
            assert!(detail.contains("inexact-name"), "{detail}");
        }
    }
    let longest = "a".repeat(63);
    let answer = agent.ask(&[
        parse(&longest, NOTES),
        bind(&longest, &longest),
        execute(&longest),
        sync(),
    ]);
    assert_eq!(tags(&answer), "12DCZ", "63 bytes are whole");
    let answer = agent.ask(&[bind("", &alias('1')), execute(""), sync()]);
    assert_eq!(field(&answer[0], b'C').as_deref(), Some("26000"));
}

#[test]
fn what_sql_prepares_is_known_by_its_folded_and_cut_name() {
    let prepare = "PREPARE Emails AS SELECT lower(email) FROM people";
    let target = Target::honest(vec![
        known(prepare, &[], &[]),
        known(
            "EXECUTE emails",
            &[column("lower", 0, 0)],
            &[&[Some(SECRET)]],
        ),
        known(
            "EXECUTE \"Emails\"",
            &[column("lower", 0, 0)],
            &[&[Some(SECRET)]],
        ),
    ]);
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    agent.ask(&[query(prepare)]);
    let answer = agent.ask(&[query("EXECUTE emails")]);
    assert_eq!(tags(&answer), "TDCZ");
    let answer = agent.ask(&[query("EXECUTE \"Emails\"")]);
    assert_eq!(
        tags(&answer),
        "EZ",
        "another name, which weir does not know"
    );
    agent.never_heard(SECRET);
}

#[test]
fn one_message_that_redefines_and_executes_is_judged_by_all_it_says() {
    const HARMLESS: &str = "PREPARE s AS SELECT note FROM orders";
    const SWAP: &str = "DEALLOCATE s; PREPARE s AS SELECT lower(email) FROM people; EXECUTE s";
    let target = Target::honest(vec![
        known(HARMLESS, &[], &[]),
        known(SWAP, &[column("lower", 0, 0)], &[&[Some(SECRET)]]),
    ]);
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    agent.ask(&[query(HARMLESS)]);
    agent.ask(&[query(SWAP)]);
    agent.never_heard(SECRET);
}

#[test]
fn the_agents_own_questions_are_answered_and_weirs_are_not() {
    let target = Target::honest(statements());
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    let answer = agent.ask(&[
        parse("s", NOTES),
        describe_statement("s"),
        bind("", "s"),
        execute(""),
        sync(),
    ]);
    assert_eq!(tags(&answer), "1tT2DCZ");
}
