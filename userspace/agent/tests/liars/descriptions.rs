//! Rows that aren't what was described, and descriptions that aren't true.

use weir_record::Side;

use crate::{
    agent::{Agent, rows, tags},
    honest::ALIVE,
    messages::{
        bind, bound, column, complete, describe_portal, described, execute, flush, no_data, parse,
        parsed, query, ready, row, sync,
    },
    peer::Peer,
    record::{Record, blames},
    target::{ORDERS, PEOPLE, SECRET, Target},
};

const EMAILS: &str = "SELECT email FROM people";
const NOTES: &str = "SELECT note FROM orders";

/// A target that answers a Query so: the session ends as its fault, nothing clear was shown, and
/// the next session works.
fn a_lie(text: &'static str, answer: impl Fn(&mut Peer) + Send + Sync + 'static) {
    let target = Target::lying(move |peer| {
        peer.expect_query(text);
        answer(peer);
        peer.rest();
    });
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    agent.send(&[query(text)]);
    agent.fatal("08P01");
    agent.never_heard(SECRET);
    blames(&gate, Side::Server);
    Record::read(&gate, 0).never_shows(SECRET);
    assert_eq!(tags(&Agent::connect(&gate).ask(&[query(ALIVE)])), "CZ");
}

/// What the agent sees of a value that the target describes so.
fn shown(text: &'static str, table: u32, number: i16) -> Option<String> {
    let target = Target::scripted(move |peer| {
        peer.expect_query(text);
        peer.send(&[
            described(&[column("x", table, number)]),
            row(&[Some(SECRET)]),
            complete("SELECT 1"),
            ready(),
        ]);
        peer.rest();
    });
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    let answer = agent.ask(&[query(text)]);
    rows(&answer).remove(0).remove(0)
}

#[test]
fn a_portal_that_the_agent_describes_itself_is_described_once_and_masked() {
    let begin = || vec![parse("", EMAILS), bind("", "")];
    let end = || vec![execute(""), sync()];
    let cases = [
        (
            vec![describe_portal("")],
            "Parse Bind Describe Execute Sync",
            "12TDCZ",
        ),
        (vec![], "Parse Bind Describe Execute Sync", "12DCZ"),
        (
            vec![flush(), describe_portal("")],
            "Parse Bind Describe Flush Describe Execute Sync",
            "12TDCZ",
        ),
        (
            vec![describe_portal(""), describe_portal("")],
            "Parse Bind Describe Describe Execute Sync",
            "12TTDCZ",
        ),
    ];
    for (between, asked, told) in cases {
        let target = Target::scripted(move |peer| {
            let mut names = Vec::new();
            while names.last() != Some(&"Sync") {
                names.push(peer.receive().unwrap().name());
            }
            assert_eq!(names.join(" "), asked);
            let email = described(&[column("email", PEOPLE, 3)]);
            let times = names.iter().filter(|name| **name == "Describe").count();
            peer.send(&[parsed(), bound()]);
            peer.send(&vec![email; times]);
            peer.send(&[row(&[Some(SECRET)]), complete("SELECT 1"), ready()]);
            peer.rest();
        });
        let gate = target.gate();
        let mut agent = Agent::connect(&gate);
        let answer = agent.ask(&[begin(), between, end()].concat());
        assert_eq!(tags(&answer), told);
        assert_ne!(rows(&answer), [[Some(SECRET.to_owned())]]);
        agent.never_heard(SECRET);
        Record::read(&gate, 0).never_shows(SECRET);
    }
}

#[test]
fn a_row_that_nobody_described() {
    a_lie(EMAILS, |peer| peer.send(&[row(&[Some(SECRET)])]));
}

#[test]
fn a_row_behind_the_end_of_its_result() {
    a_lie(EMAILS, |peer| {
        peer.send(&[
            described(&[column("email", PEOPLE, 3)]),
            complete("SELECT 0"),
            row(&[Some(SECRET)]),
        ]);
    });
}

#[test]
fn a_masked_row_with_another_number_of_columns() {
    for values in [&[][..], &[None, Some(SECRET)]] {
        a_lie(EMAILS, move |peer| {
            peer.send(&[described(&[column("email", PEOPLE, 3)]), row(values)]);
        });
    }
}

#[test]
fn a_harmless_row_with_another_number_of_columns() {
    for values in [&[][..], &[None, Some(SECRET)]] {
        a_lie(NOTES, move |peer| {
            peer.send(&[described(&[column("note", ORDERS, 3)]), row(values)]);
        });
    }
}

#[test]
fn a_row_of_a_portal_that_has_no_columns() {
    let target = Target::lying(|peer| {
        for _ in 0..5 {
            peer.receive();
        }
        peer.send(&[parsed(), bound(), no_data(), row(&[Some(SECRET)])]);
        peer.rest();
    });
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    agent.send(&[parse("", EMAILS), bind("", ""), execute(""), sync()]);
    agent.fatal("08P01");
    agent.never_heard(SECRET);
    blames(&gate, Side::Server);
}

#[test]
fn rows_before_the_torn_one_are_shown_and_on_record() {
    let target = Target::lying(|peer| {
        peer.expect_query(NOTES);
        peer.send(&[
            described(&[column("note", ORDERS, 3)]),
            row(&[Some("gift wrapped")]),
            row(&[]),
        ]);
        peer.rest();
    });
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    agent.send(&[query(NOTES)]);
    let heard = agent.fatal("08P01");
    let shown: Vec<u8> = heard[..heard.len() - 1]
        .iter()
        .flat_map(|frame| frame.raw().to_vec())
        .collect();
    blames(&gate, Side::Server);
    assert_eq!(
        Record::read(&gate, 0).shown(),
        shown,
        "the record holds what the agent saw, no more and no less"
    );
}

#[test]
fn a_computed_column_of_a_statement_that_names_a_sensitive_one_is_masked() {
    let seen = shown(EMAILS, 0, 0).unwrap();
    assert!(!seen.contains("alice@exa"), "{seen}");
}

#[test]
fn a_column_that_is_said_to_be_a_sensitive_one_is_masked() {
    let seen = shown(NOTES, PEOPLE, 3).unwrap();
    assert!(!seen.contains("alice@exa"), "{seen}");
}

#[test]
fn a_whole_row_is_masked() {
    let seen = shown("SELECT people FROM people", PEOPLE, 0).unwrap_or_default();
    assert!(!seen.contains("alice@exa"), "{seen}");
}

#[test]
fn a_column_of_a_table_that_no_catalogue_knows_is_masked() {
    for table in [99_999, u32::MAX, 2840] {
        let seen = shown(NOTES, table, 1).unwrap_or_default();
        assert!(!seen.contains("alice@exa"), "table {table}: {seen}");
    }
}

#[test]
fn a_column_that_the_catalogue_lacks_of_a_known_table_is_masked() {
    for number in [4, i16::MAX] {
        let seen = shown(NOTES, ORDERS, number).unwrap_or_default();
        assert!(!seen.contains("alice@exa"), "column {number}: {seen}");
    }
}

/// A table that is newer than the catalogue is looked up once; what stays unknown is masked.
#[test]
fn a_new_table_is_looked_up() {
    let target = Target::answering(vec![(
        1,
        vec![
            described(&[column("x", 99_999, 1)]),
            row(&[Some(SECRET)]),
            row(&[Some(SECRET)]),
            complete("SELECT 2"),
            ready(),
        ],
    )]);
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    assert_eq!(target.catalogues(), 1);
    agent.ask(&[query(NOTES)]);
    assert_eq!(target.catalogues(), 2);
    agent.never_heard(SECRET);
}
