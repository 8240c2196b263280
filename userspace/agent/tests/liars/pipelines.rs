//! Pipelines: refusals in their place, one error each, and both sides agreeing on where they are.

use weir_record::Status;
use weir_wire::postgres::{Frame, backend::ReadyForQuery, backend::TransactionStatus};

use crate::{
    agent::{Agent, field, rows, tags, the_error},
    honest::{ALIVE, known},
    messages::{
        bind, close_statement, column, describe_portal, describe_statement, execute, execute_some,
        flush, parse, query, sync, terminate,
    },
    record::{Record, end_of, summaries},
    target::{ORDERS, SECRET, Target},
};

const NOTES: &str = "SELECT note FROM orders";
const NAMES: &str = "SELECT name FROM people";
const REFUSED: &str = "DROP TABLE orders";

fn target() -> Target {
    let notes = [[Some("one")], [Some("two")], [Some("three")]];
    let [a, b, c] = &notes;
    Target::honest(vec![
        known(NOTES, &[column("note", ORDERS, 3)], &[a, b, c]),
        known(
            NAMES,
            &[column("name", crate::target::PEOPLE, 2)],
            &[&[Some("Al")]],
        ),
        // An honest target would do it.
        known(REFUSED, &[], &[]),
    ])
}

fn status(frame: &Frame) -> TransactionStatus {
    ReadyForQuery::decode(frame.clone()).unwrap().status()
}

/// A whole turn of the extended protocol, without its Sync.
fn turn(text: &str) -> [Frame; 4] {
    [
        parse("", text),
        bind("", ""),
        describe_portal(""),
        execute(""),
    ]
}

#[test]
fn a_refused_query_is_one_error_and_the_next_works() {
    let target = target();
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    let answer = agent.ask(&[query(REFUSED)]);
    assert_eq!(tags(&answer), "EZ");
    let error = &answer[0];
    assert_eq!(field(error, b'C').as_deref(), Some("42501"));
    let detail = field(error, b'D').unwrap();
    let id = summaries(&gate)[0].start.id.to_string();
    assert!(
        detail.contains("rule no-destroy") && detail.contains(&id),
        "{detail}"
    );
    assert!(
        !field(error, b'M')
            .unwrap()
            .contains("weir refused a statement here")
    );
    assert_eq!(tags(&agent.ask(&[query(NAMES)])), "TDCZ");
}

#[test]
fn refused_queries_among_others_keep_their_places() {
    let target = target();
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    agent.send(&[query(REFUSED), query(NAMES), query(REFUSED), query(ALIVE)]);
    let answers: Vec<String> = (0..4).map(|_| tags(&agent.until_ready())).collect();
    assert_eq!(answers, ["EZ", "TDCZ", "EZ", "CZ"]);
}

#[test]
fn what_follows_a_refusal_is_passed_over_up_to_the_sync() {
    let target = target();
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    let pipeline = [
        &turn(NAMES)[..],
        &turn(REFUSED),
        &turn(NOTES),
        &[query(ALIVE), sync()],
        &turn(NOTES),
        &[sync()],
    ];
    agent.send(&pipeline.concat());
    assert_eq!(tags(&agent.until_ready()), "12TDCEZ");
    assert_eq!(tags(&agent.until_ready()), "12TDDDCZ");
    assert_eq!(tags(&agent.ask(&[query(ALIVE)])), "CZ");
}

/// A refused Parse, and the Bind and the Execute that cannot but fail behind it, are one refusal.
#[test]
fn the_record_has_one_refusal_for_one_refused_statement() {
    let target = target();
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    agent.ask(&[&turn(REFUSED)[..], &[sync()]].concat());
    let record = Record::read(&gate, 0);
    assert_eq!(record.commands(), [(REFUSED, false)]);
    assert_eq!(record.rules(), ["no-destroy"]);
    assert_eq!(record.statuses(), [&Status::Refused]);
}

#[test]
fn what_was_passed_over_is_on_record_as_skipped() {
    let target = target();
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    agent.ask(&[&turn(REFUSED)[..], &[parse("later", NOTES), sync()]].concat());
    let record = Record::read(&gate, 0);
    assert_eq!(record.commands(), [(REFUSED, false), (NOTES, true)]);
    assert_eq!(record.statuses(), [&Status::Refused, &Status::Skipped]);
    let answer = agent.ask(&[bind("", "later"), sync()]);
    assert_eq!(field(the_error(&answer), b'C').as_deref(), Some("26000"));
}

#[test]
fn a_command_has_one_end_though_it_is_bound_and_executed() {
    let target = target();
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    // Allowed, but unknown to the target.
    let answer = agent.ask(&[parse("", "SELECT 7"), bind("", ""), execute(""), sync()]);
    assert_eq!(tags(&answer), "EZ");
    let record = Record::read(&gate, 0);
    let statuses = record.statuses();
    assert!(
        matches!(statuses[..], [Status::Failed { .. }, Status::Skipped]),
        "{statuses:?}"
    );
}

#[test]
fn a_question_that_fails_is_no_end_of_a_command() {
    let target = target();
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    let question = describe_statement("never");
    let answer = agent.ask(&[
        parse("", NAMES),
        bind("", ""),
        execute(""),
        question,
        sync(),
    ]);
    assert_eq!(tags(&answer), "12DCEZ");
    let record = Record::read(&gate, 0);
    let statuses = record.statuses();
    let done = |status: &&Status| matches!(status, Status::Completed { .. });
    assert!(
        statuses.len() == 2 && statuses.iter().all(done),
        "{statuses:?}"
    );
}

#[test]
fn a_refusal_aborts_the_transaction_that_is_open() {
    for extended in [false, true] {
        let target = target();
        let gate = target.gate();
        let mut agent = Agent::connect(&gate);
        let answer = agent.ask(&[query("BEGIN")]);
        assert_eq!(status(&answer[1]), TransactionStatus::InBlock);
        let refused = if extended {
            agent.ask(&[&turn(REFUSED)[..], &[sync()]].concat())
        } else {
            agent.ask(&[query(REFUSED)])
        };
        assert_eq!(tags(&refused), "EZ");
        assert_eq!(status(&refused[1]), TransactionStatus::Failed);
        let still = agent.ask(&[query(NOTES)]);
        assert_eq!(field(the_error(&still), b'C').as_deref(), Some("25P02"));
        let ended = agent.ask(&[query("ROLLBACK")]);
        assert_eq!(status(&ended[1]), TransactionStatus::Idle);
        assert_eq!(tags(&agent.ask(&[query(NAMES)])), "TDCZ");
    }
}

#[test]
fn a_portal_is_executed_in_pieces() {
    let target = target();
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    let answer = agent.ask(&[
        query("BEGIN"),
        parse("", NOTES),
        bind("p", ""),
        execute_some("p", 2),
        sync(),
    ]);
    assert_eq!(tags(&answer), "CZ");
    assert_eq!(tags(&agent.until_ready()), "12DDsZ");
    let rest = agent.ask(&[execute_some("p", 2), sync()]);
    assert_eq!(tags(&rest), "DCZ");
    assert_eq!(rows(&rest)[0][0].as_deref(), Some("three"));
    let counts: Vec<u64> = Record::read(&gate, 0)
        .outcomes()
        .iter()
        .map(|outcome| outcome.rows)
        .filter(|rows| *rows > 0)
        .collect();
    assert_eq!(counts, [2, 1]);
}

#[test]
fn two_portals_take_turns() {
    let target = target();
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    let answer = agent.ask(&[
        parse("n", NOTES),
        parse("p", NAMES),
        bind("a", "n"),
        bind("b", "p"),
        execute_some("a", 1),
        execute("b"),
        execute_some("a", 1),
        execute("a"),
        sync(),
    ]);
    assert_eq!(tags(&answer), "1122DsDCDsDCZ");
    let seen: Vec<String> = rows(&answer)
        .into_iter()
        .map(|mut row| row.remove(0).unwrap())
        .collect();
    assert_eq!(seen, ["one", "Al", "two", "three"]);
}

#[test]
fn descriptions_are_the_agents_alone() {
    let target = target();
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    let answer = agent.ask(&[
        parse("n", NOTES),
        bind("a", "n"),
        bind("b", "n"),
        execute("a"),
        execute("b"),
        sync(),
    ]);
    assert_eq!(tags(&answer), "122DDDCDDDCZ", "nobody asked for one");
    let answer = agent.ask(&[
        describe_statement("n"),
        bind("a", "n"),
        describe_portal("a"),
        describe_portal("a"),
        sync(),
    ]);
    assert_eq!(tags(&answer), "tT2TTZ");
}

#[test]
fn a_flush_brings_the_answers_so_far() {
    let target = target();
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    agent.send(&[parse("", NAMES), bind("", ""), flush()]);
    assert_eq!(agent.receive().map(|f| f.tag()), Some(b'1'));
    assert_eq!(agent.receive().map(|f| f.tag()), Some(b'2'));
    agent.send(&[execute(""), flush()]);
    assert_eq!(agent.receive().map(|f| f.tag()), Some(b'D'));
    assert_eq!(agent.receive().map(|f| f.tag()), Some(b'C'));
    agent.send(&[parse("", REFUSED), flush()]);
    let error = agent.receive().unwrap();
    assert_eq!(field(&error, b'C').as_deref(), Some("42501"));
    // Passed over, since no Sync came; nothing answers until then.
    agent.send(&[parse("", NAMES), bind("", ""), flush()]);
    assert_eq!(tags(&agent.ask(&[sync()])), "Z");
}

#[test]
fn a_name_is_closed_and_taken_anew_in_one_segment() {
    let target = target();
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    let answer = agent.ask(&[
        parse("s", NAMES),
        close_statement("s"),
        parse("s", NOTES),
        bind("", "s"),
        execute(""),
        sync(),
    ]);
    assert_eq!(tags(&answer), "1312DDDCZ");
}

#[test]
fn a_hundred_turns_at_once_are_answered_in_order() {
    let target = target();
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    let mut all = Vec::new();
    for i in 0..100 {
        all.extend(turn(if i % 3 == 0 { REFUSED } else { NAMES }));
        all.push(sync());
    }
    agent.send(&all);
    for i in 0..100 {
        let expected = if i % 3 == 0 { "EZ" } else { "12TDCZ" };
        assert_eq!(tags(&agent.until_ready()), expected, "turn {i}");
    }
    agent.never_heard(SECRET);
}

#[test]
fn what_was_asked_before_the_goodbye_is_answered() {
    let target = target();
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    agent.send(&[query(NAMES), terminate()]);
    assert_eq!(tags(&agent.rest()), "TDCZ");
    assert_eq!(end_of(&gate), weir_record::End::Closed);
    let record = Record::read(&gate, 0);
    assert!(matches!(record.statuses()[..], [Status::Completed { .. }]));
}

#[test]
fn more_than_may_be_owed_ends_the_session() {
    let target = Target::scripted(|peer| drop(peer.rest()));
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    let many: Vec<Frame> = (0..100_001).map(|_| describe_portal("")).collect();
    agent.try_send(&many);
    agent.fatal("54000");
}
