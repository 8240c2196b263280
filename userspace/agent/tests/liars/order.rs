//! The order of things: on record before it is forwarded, on record before it is seen.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use weir_record::{Entry, Event, SessionReader};
use weir_wire::postgres::frontend::Message;

use crate::{
    agent::{Agent, tags},
    messages::{
        bind, bound, column, complete, described, execute, flush, parse, parsed, query, ready, row,
        sync,
    },
    record::{Record, end_of},
    target::{ORDERS, Target},
};

const NOTES: &str = "SELECT note FROM orders";

/// The texts of the commands that are on record by now, in the only record of a directory.
fn intents(records: &Path) -> Vec<String> {
    let [only] = &weir_record::list(records).unwrap()[..] else {
        panic!("not one record");
    };
    let id = only.as_ref().unwrap().start.id;
    let reader = SessionReader::open(&weir_record::store::path_of(records, id)).unwrap();
    reader
        .filter_map(|entry| match entry.unwrap() {
            Entry::Event(Event::Intent(intent)) => Some(intent.text),
            _ => None,
        })
        .collect()
}

#[test]
fn a_query_is_on_record_when_it_reaches_the_target() {
    let records: Arc<OnceLock<PathBuf>> = Arc::default();
    let place = Arc::clone(&records);
    let target = Target::scripted(move |peer| {
        peer.expect_query(NOTES);
        assert_eq!(intents(place.wait()), [NOTES]);
        peer.send(&[complete("SELECT 0"), ready()]);
        peer.rest();
    });
    let gate = target.gate();
    records.set(gate.records.clone()).unwrap();
    assert_eq!(tags(&Agent::connect(&gate).ask(&[query(NOTES)])), "CZ");
}

#[test]
fn each_step_of_the_extended_protocol_is_on_record_when_it_reaches_the_target() {
    let records: Arc<OnceLock<PathBuf>> = Arc::default();
    let place = Arc::clone(&records);
    let target = Target::scripted(move |peer| {
        let records = place.wait();
        assert!(matches!(peer.receive(), Some(Message::Parse(_))));
        assert!(!intents(records).is_empty());
        assert!(matches!(peer.receive(), Some(Message::Bind(_))));
        assert_eq!(intents(records).len(), 2);
        for _ in 0..3 {
            peer.receive();
        }
        peer.send(&[
            parsed(),
            bound(),
            described(&[column("note", ORDERS, 3)]),
            complete("SELECT 0"),
            ready(),
        ]);
        peer.rest();
    });
    let gate = target.gate();
    records.set(gate.records.clone()).unwrap();
    let mut agent = Agent::connect(&gate);
    let answer = agent.ask(&[parse("", NOTES), bind("", ""), execute(""), sync()]);
    assert_eq!(tags(&answer), "12CZ");
}

#[test]
fn what_the_agent_sees_is_on_record_by_then() {
    let target = Target::scripted(|peer| {
        peer.expect_query(NOTES);
        peer.send(&[described(&[column("note", ORDERS, 3)])]);
        for note in ["one", "two", "three"] {
            peer.send(&[row(&[Some(note)])]);
            // The agent says that it has seen it.
            peer.expect(&flush());
        }
        peer.send(&[complete("SELECT 3"), ready()]);
        peer.rest();
    });
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    agent.send(&[query(NOTES)]);
    let mut seen = agent.receive().unwrap().raw().to_vec();
    for _ in 0..3 {
        seen.extend_from_slice(agent.receive().unwrap().raw());
        let record = Record::read(&gate, 0);
        assert!(record.shown().starts_with(&seen), "seen, and not on record");
        agent.send(&[flush()]);
    }
    for frame in agent.until_ready() {
        seen.extend_from_slice(frame.raw());
    }
    agent.hang_up();
    end_of(&gate);
    assert_eq!(Record::read(&gate, 0).shown(), seen);
}

#[test]
fn a_refused_text_never_reaches_the_target() {
    let target = Target::scripted(|peer| {
        peer.expect_stand_in();
        peer.expect_extended_stand_in();
        peer.expect(&sync());
        assert_eq!(peer.rest(), [""; 0]);
    });
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    agent.send(&[
        query("DROP TABLE orders"),
        parse("s", "TRUNCATE orders"),
        bind("", "s"),
        execute(""),
        sync(),
    ]);
    agent.hang_up();
    end_of(&gate);
}
