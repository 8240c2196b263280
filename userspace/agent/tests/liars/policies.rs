//! Policies that change while a session lives.

use std::sync::Arc;

use weir_policy::{Policies, Source};
use weir_record::{End, Event};

use crate::{
    agent::{Agent, field, rows, tags},
    common::Gate,
    honest::{ALIVE, Known, known},
    messages::{bind, column, described, execute, parse, query, row, sync},
    record::{Record, end_of},
    target::{ORDERS, PEOPLE, SECRET, Target},
};

const NOTES: &str = "SELECT note FROM orders";
const EMAILS: &str = "SELECT email FROM people";

fn statements() -> Vec<Known> {
    vec![
        known(NOTES, &[column("note", ORDERS, 3)], &[&[Some("gift")]]),
        known(EMAILS, &[column("email", PEOPLE, 3)], &[&[Some(SECRET)]]),
    ]
}

/// The shipped policies, and one more.
fn and(more: &str) -> Policies {
    let mut sources = Policies::shipped_sources();
    sources.push(Source {
        name: "more.cedar".to_owned(),
        text: more.to_owned(),
    });
    Policies::load(&sources).unwrap()
}

/// Puts policies in force and waits until the session says on record that they are.
fn replace(gate: &Gate, policies: Policies) {
    let noted = || {
        let record = Record::read(gate, 0);
        let note = |entry: &weir_record::Entry| {
            matches!(entry, weir_record::Entry::Event(Event::Note { message })
                if message.contains("judged from here on"))
        };
        record.entries.iter().filter(|entry| note(entry)).count()
    };
    let before = noted();
    gate.policies.send(Arc::new(policies)).unwrap();
    for _ in 0..400 {
        if noted() > before {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("the session goes on under the old policies");
}

const NO_ORDERS: &str = r#"
@id("no-orders") @message("orders are closed")
forbid (principal, action in Weir::Action::"read", resource is Weir::Relation)
when { resource.name == "orders" };
"#;

#[test]
fn a_statement_that_was_prepared_before_is_judged_again_when_bound() {
    let target = Target::honest(statements());
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    let turn = [bind("", "s"), execute(""), sync()];
    assert_eq!(tags(&agent.ask(&[parse("s", NOTES), sync()])), "1Z");
    assert_eq!(tags(&agent.ask(&turn)), "2DCZ");
    replace(&gate, and(NO_ORDERS));
    let answer = agent.ask(&turn);
    assert_eq!(tags(&answer), "EZ");
    assert!(field(&answer[0], b'D').unwrap().contains("no-orders"));
    assert_eq!(tags(&agent.ask(&[query(NOTES)])), "EZ");
    replace(&gate, Policies::shipped().unwrap());
    assert_eq!(tags(&agent.ask(&turn)), "2DCZ", "and allowed again");
}

#[test]
fn what_is_clear_changes_with_the_policies() {
    let target = Target::honest(statements());
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    let seen = |agent: &mut Agent| rows(&agent.ask(&[query(EMAILS)]))[0][0].clone();
    assert_ne!(seen(&mut agent).as_deref(), Some(SECRET));
    let reveal = r#"permit (principal, action == Weir::Action::"reveal", resource);"#;
    let reveal = format!("@id(\"all-clear\")\n{reveal}");
    replace(&gate, and(&reveal));
    assert_eq!(seen(&mut agent).as_deref(), Some(SECRET));
    replace(&gate, Policies::shipped().unwrap());
    assert_ne!(seen(&mut agent).as_deref(), Some(SECRET));
}

#[test]
fn a_session_that_may_not_stand_is_ended() {
    let target = Target::honest(statements());
    target.may_be_cancelled();
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    let no_connect = r#"
@id("closed") @message("nobody may in")
forbid (principal, action == Weir::Action::"connect", resource);
"#;
    gate.policies.send(Arc::new(and(no_connect))).unwrap();
    let last = agent.fatal("57P01");
    assert!(field(&last[0], b'M').unwrap().contains("nobody may in"));
    let End::PolicyChanged { rule, .. } = end_of(&gate) else {
        panic!("{:?}", end_of(&gate));
    };
    assert_eq!(rule, "closed");
    let mut late = Agent::dial(&gate);
    late.write(&crate::messages::startup(&[]));
    late.fatal("42501");
}

#[test]
fn a_session_that_waits_for_an_answer_is_ended_too() {
    let target = Target::scripted(|peer| {
        peer.expect_query(NOTES);
        peer.rest();
    });
    target.may_be_cancelled();
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    agent.send(&[query(NOTES)]);
    let none = r#"@id("nothing") forbid (principal, action, resource);"#;
    while Record::read(&gate, 0).commands().is_empty() {
        std::thread::yield_now();
    }
    gate.policies.send(Arc::new(and(none))).unwrap();
    agent.fatal("57P01");
    assert!(matches!(end_of(&gate), End::PolicyChanged { .. }));
}

#[test]
fn the_engines_end_is_told() {
    let target = Target::honest(statements());
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    agent.ask(&[query(ALIVE)]);
    gate.shutdown.send(true).unwrap();
    agent.fatal("57P01");
    assert_eq!(end_of(&gate), End::Shutdown);
}

/// An agent that is slow to read may be left in the middle of a row, but is never told anything
/// there that it would take for the row's rest.
#[test]
fn a_word_is_not_put_into_the_middle_of_a_row() {
    let value = "x".repeat(8 * 1024);
    let mut stream = described(&[column("note", ORDERS, 3)]).raw().to_vec();
    for _ in 0..4000 {
        stream.extend_from_slice(row(&[Some(&value)]).raw());
    }
    let sent = stream.clone();
    let target = Target::scripted(move |peer| {
        peer.expect_query(NOTES);
        peer.write(&sent);
    });
    target.may_be_cancelled();
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    agent.send(&[query(NOTES)]);
    // Long enough that every buffer on the way is full, then too long for a goodbye.
    std::thread::sleep(std::time::Duration::from_millis(500));
    let none = r#"@id("nothing") forbid (principal, action, resource);"#;
    gate.policies.send(Arc::new(and(none))).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(2500));
    let heard = agent.rest_raw();
    assert!(heard.len() < stream.len());
    assert!(stream.starts_with(&heard), "something else came between");
    assert!(matches!(end_of(&gate), End::PolicyChanged { .. }));
}

#[test]
fn each_command_is_on_record_with_the_policy_that_judged_it() {
    let target = Target::honest(statements());
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    assert_eq!(tags(&agent.ask(&[query(NOTES)])), "TDCZ");
    let before = Policies::shipped().unwrap().version().to_string();
    let other = and(NO_ORDERS);
    let after = other.version().to_string();
    replace(&gate, other);
    assert_eq!(tags(&agent.ask(&[query(NOTES)])), "EZ");
    drop(agent);
    end_of(&gate);
    let record = Record::read(&gate, 0);
    let judged = record.entries.iter().filter_map(|entry| match entry {
        weir_record::Entry::Event(Event::Intent(intent)) => {
            Some((intent.policy_version.as_str(), intent.context.is_some()))
        }
        _ => None,
    });
    let judged: Vec<(&str, bool)> = judged.collect();
    assert_ne!(before, after);
    assert_eq!(judged, [(before.as_str(), true), (after.as_str(), true)]);
}
