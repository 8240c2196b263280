//! Errors and notices that quote values: of the statement that failed, and of what a transaction
//! puts off to its end.

use weir_record::Status;
use weir_wire::postgres::{
    Frame,
    backend::{ErrorResponse, TransactionStatus, tag},
};

use crate::{
    agent::{Agent, field, tags, the_error},
    messages::{
        bind, bound, column, complete, described, error_quoting, execute, fatal, no_data,
        notice_quoting, parse, parsed, query, ready, ready_in, sync,
    },
    record::Record,
    target::{PEOPLE, SECRET, Target},
};

const COMPUTES: &str = "SELECT email::int FROM people";
const TOUCHES: &str = "UPDATE people SET name = 'Eve' WHERE id = 1";
const HARMLESS: &str = "SELECT note FROM orders";
const HOLD: &str = "DECLARE c CURSOR WITH HOLD FOR SELECT email::int FROM people";

/// What becomes of an error or a notice that quotes the secret, for a Query of `text`.
fn told_of(text: &'static str, quote: Frame) -> Frame {
    let answer = if quote.tag() == b'E' {
        vec![quote, ready()]
    } else {
        vec![quote, complete("SELECT 0"), ready()]
    };
    let target = Target::answering(vec![(1, answer)]);
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    let told = agent.ask(&[query(text)]).remove(0);
    let shown = Record::read(&gate, 0).shown();
    assert!(
        shown.starts_with(told.raw()),
        "the record has what was seen"
    );
    told
}

fn quotes(frame: &Frame, code: u8) -> bool {
    field(frame, code).is_some_and(|text| text.contains(SECRET))
}

fn is_withheld(frame: &Frame) {
    assert!(!quotes(frame, b'M') && field(frame, b'D').is_none());
    assert!(field(frame, b'M').unwrap().contains("weir withholds"));
    assert_eq!(field(frame, b'C').as_deref(), Some("22P02"));
}

/// A notice that may quote a value isn't passed on at all: that it comes would tell something, too.
fn is_kept_back(told: &Frame, quote: &Frame) {
    if quote.tag() == tag::NOTICE_RESPONSE {
        assert_ne!(told.tag(), tag::NOTICE_RESPONSE);
    } else {
        is_withheld(told);
    }
}

#[test]
fn of_a_statement_that_names_a_sensitive_column_nothing_is_quoted() {
    for quote in [error_quoting(SECRET), notice_quoting(SECRET)] {
        is_kept_back(&told_of(COMPUTES, quote.clone()), &quote);
    }
}

#[test]
fn of_a_statement_that_touches_the_table_no_row_is_quoted() {
    for quote in [error_quoting(SECRET), notice_quoting(SECRET)] {
        let told = told_of(TOUCHES, quote);
        assert_eq!(field(&told, b'D'), None, "a row in the detail");
        assert!(quotes(&told, b'M'), "the message says what is wrong");
    }
}

/// What a later server adds may quote, too.
#[test]
fn fields_that_weir_does_not_know_are_left_out_where_values_may_be_quoted() {
    let known: Vec<(u8, &[u8])> = b"SVCMPpstcdnFLR"
        .iter()
        .map(|code| (*code, &b"ERROR"[..]))
        .collect();
    let mut all = known.clone();
    all.extend(b"DHWqxX".iter().map(|code| (*code, SECRET.as_bytes())));
    let sent = ErrorResponse::new(&all).unwrap().into_frame();
    let told = ErrorResponse::decode(told_of(TOUCHES, sent)).unwrap();
    let shown: Vec<u8> = told.diagnostic().fields().iter().map(|f| f.0).collect();
    let expected: Vec<u8> = known.iter().map(|field| field.0).collect();
    assert_eq!(shown, expected);
}

#[test]
fn of_a_harmless_statement_all_is_told() {
    for quote in [error_quoting(SECRET), notice_quoting(SECRET)] {
        let told = told_of(HARMLESS, quote.clone());
        assert_eq!(told.raw(), quote.raw());
    }
}

#[test]
fn the_record_does_not_quote_either() {
    let target = Target::answering(vec![(1, vec![error_quoting(SECRET), ready()])]);
    let gate = target.gate();
    Agent::connect(&gate).ask(&[query(COMPUTES)]);
    let record = Record::read(&gate, 0);
    record.never_shows(SECRET);
    let statuses = record.statuses();
    let [Status::Failed { code, message }] = statuses.as_slice() else {
        panic!("{statuses:?}");
    };
    assert!(code == "22P02" && !message.contains(SECRET), "{message}");
}

#[test]
fn each_step_of_a_portal_is_withheld() {
    let request = [parse("", COMPUTES), bind("", ""), execute(""), sync()];
    let truth = [parsed(), bound(), described(&[column("email", 0, 0)])];
    for done in 0..=truth.len() {
        let mut answer = truth[..done].to_vec();
        answer.extend([error_quoting(SECRET), ready()]);
        let target = Target::answering(vec![(5, answer)]);
        let gate = target.gate();
        let mut agent = Agent::connect(&gate);
        let answers = agent.ask(&request);
        is_withheld(the_error(&answers));
        agent.never_heard(SECRET);
    }
}

/// A cursor WITH HOLD is computed when its transaction ends, and a deferred constraint checked.
#[test]
fn what_a_commit_computes_is_not_quoted() {
    for quote in [error_quoting(SECRET), notice_quoting(SECRET)] {
        let open = ready_in(TransactionStatus::InBlock);
        let target = Target::answering(vec![
            (1, vec![complete("BEGIN"), open.clone()]),
            (1, vec![complete("DECLARE CURSOR"), open]),
            (1, vec![quote.clone(), complete("COMMIT"), ready()]),
        ]);
        let gate = target.gate();
        let mut agent = Agent::connect(&gate);
        agent.ask(&[query("BEGIN")]);
        agent.ask(&[query(HOLD)]);
        let answer = agent.ask(&[query("COMMIT")]);
        is_kept_back(&answer[0], &quote);
        agent.never_heard(SECRET);
    }
}

#[test]
fn what_a_sync_computes_is_not_quoted() {
    for quote in [error_quoting(SECRET), notice_quoting(SECRET)] {
        let done = vec![
            parsed(),
            bound(),
            no_data(),
            complete("DECLARE CURSOR"),
            quote.clone(),
            ready(),
        ];
        let target = Target::answering(vec![(5, done)]);
        let gate = target.gate();
        let mut agent = Agent::connect(&gate);
        let answer = agent.ask(&[parse("", HOLD), bind("", ""), execute(""), sync()]);
        is_kept_back(&answer[3], &quote);
        agent.never_heard(SECRET);
    }
}

#[test]
fn what_is_checked_at_once_after_all_is_not_quoted() {
    let open = ready_in(TransactionStatus::InBlock);
    let target = Target::answering(vec![
        (1, vec![complete("BEGIN"), open.clone()]),
        (1, vec![complete("UPDATE 1"), open]),
        (1, vec![error_quoting(SECRET), ready()]),
    ]);
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    agent.ask(&[query("BEGIN")]);
    agent.ask(&[query(TOUCHES)]);
    let answer = agent.ask(&[query("SET CONSTRAINTS ALL IMMEDIATE")]);
    // Refused, or its error cut: in no case is the row told.
    assert_eq!(
        field(the_error(&answer), b'D').filter(|d| d.contains(SECRET)),
        None
    );
}

#[test]
fn after_the_transaction_a_harmless_statement_is_told_all_again() {
    let open = ready_in(TransactionStatus::InBlock);
    let quote = error_quoting("17");
    let target = Target::answering(vec![
        (1, vec![complete("BEGIN"), open.clone()]),
        (
            1,
            vec![
                described(&[column("email", 0, 0)]),
                complete("SELECT 0"),
                open,
            ],
        ),
        (1, vec![quote.clone(), ready_in(TransactionStatus::Failed)]),
        (1, vec![complete("ROLLBACK"), ready()]),
        (1, vec![quote.clone(), ready()]),
    ]);
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    agent.ask(&[query("BEGIN")]);
    agent.ask(&[query(COMPUTES)]);
    let within = agent.ask(&[query("SELECT 1/0")]);
    assert_eq!(within[0].raw(), quote.raw(), "it settles nothing");
    agent.ask(&[query("ROLLBACK")]);
    let after = agent.ask(&[query("COMMIT")]);
    assert_eq!(after[0].raw(), quote.raw());
}

#[test]
fn the_last_words_of_a_session_in_a_transaction_quote_nothing() {
    let target = Target::answering(vec![(
        2,
        vec![
            complete("BEGIN"),
            ready_in(TransactionStatus::InBlock),
            described(&[column("email", PEOPLE, 3)]),
            complete("SELECT 0"),
            ready_in(TransactionStatus::InBlock),
            fatal("57P01", SECRET),
        ],
    )]);
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    agent.send(&[query("BEGIN"), query(COMPUTES)]);
    let heard = agent.until_ready();
    assert_eq!(tags(&heard), "CZ");
    agent.until_ready();
    let last = agent.receive().unwrap();
    assert_eq!(field(&last, b'C').as_deref(), Some("57P01"));
    agent.never_heard(SECRET);
}
