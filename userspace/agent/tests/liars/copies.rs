//! Copies, in both directions, and what does not belong into one.

use weir_record::{Side, Status};
use weir_wire::postgres::{Frame, frontend::FunctionCall};

use crate::{
    agent::{Agent, field, tags, the_error},
    honest::ALIVE,
    messages::{
        bind, bound, close_portal, complete, copy_data, copy_done, copy_fail, copy_in, copy_out,
        describe_portal, error, execute, flush, no_data, parse, parsed, query, ready, sync,
        terminate,
    },
    record::{Record, blames, end_of},
    target::{SECRET, Target},
};

const IN: &str = "COPY orders (note) FROM STDIN";
const OUT: &str = "COPY orders (note) TO STDOUT";

fn nothing_of(text: &'static str, answer: Vec<Frame>) {
    let target = Target::lying(move |peer| {
        peer.expect_query(text);
        peer.send(&answer);
        peer.rest();
    });
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    agent.send(&[query(text)]);
    agent.fatal("08P01");
    agent.never_heard(SECRET);
    blames(&gate, Side::Server);
    assert_eq!(tags(&Agent::connect(&gate).ask(&[query(ALIVE)])), "CZ");
}

#[test]
fn a_copy_of_a_sensitive_column_is_refused() {
    let target = Target::scripted(|peer| {
        peer.expect_stand_in();
        peer.send(&[error("42601", "syntax error"), ready()]);
        assert_eq!(peer.rest(), [""; 0], "nothing else may reach the target");
    });
    for text in [
        "COPY people TO STDOUT",
        "COPY people (email) TO STDOUT",
        "COPY (SELECT email FROM people) TO STDOUT",
        "COPY (SELECT upper(p::text) FROM people p) TO STDOUT",
        "COPY public.people (id, \"email\") TO STDOUT WITH (FORMAT binary)",
    ] {
        let gate = target.gate();
        let mut agent = Agent::connect(&gate);
        let answer = agent.ask(&[query(text)]);
        assert_eq!(tags(&answer), "EZ", "{text}");
        assert_eq!(field(&answer[0], b'C').as_deref(), Some("42501"), "{text}");
    }
}

#[test]
fn a_copy_of_other_columns_passes() {
    let target = Target::answering(vec![(
        1,
        vec![
            copy_out(1),
            copy_data("Alice\n"),
            copy_data("Bob\n"),
            copy_done(),
            complete("COPY 2"),
            ready(),
        ],
    )]);
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    let answer = agent.ask(&[query("COPY people (name) TO STDOUT")]);
    assert_eq!(tags(&answer), "HddcCZ");
    let record = Record::read(&gate, 0);
    assert_eq!(record.outcomes()[0].rows, 2);
}

#[test]
fn a_query_is_not_answered_by_a_copy() {
    for text in ["SELECT email FROM people", "SELECT note FROM orders", IN] {
        nothing_of(text, vec![copy_out(1), copy_data(SECRET)]);
        nothing_of(text, vec![copy_data(SECRET)]);
    }
    for text in [
        "SELECT note FROM orders",
        "UPDATE orders SET note = '' WHERE id = 1",
        OUT,
    ] {
        nothing_of(text, vec![copy_in(1)]);
    }
}

#[test]
fn rows_of_a_copy_come_between_its_beginning_and_its_end() {
    nothing_of(OUT, vec![copy_data(SECRET)]);
    nothing_of(OUT, vec![copy_done()]);
    nothing_of(OUT, vec![copy_out(1), copy_done(), copy_data(SECRET)]);
    nothing_of(OUT, vec![copy_out(1), copy_out(1)]);
    nothing_of(
        OUT,
        vec![copy_out(1), complete("COPY 0"), ready(), copy_data(SECRET)],
    );
}

/// The agent is asked for rows, and sends `meddling` instead.
fn meddles(meddling: Frame) {
    let target = Target::lying(|peer| {
        peer.expect_query(IN);
        peer.send(&[copy_in(1)]);
        let heard = peer.rest();
        assert!(heard.is_empty(), "{heard:?} reached the target");
    });
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    agent.send(&[query(IN)]);
    assert_eq!(agent.receive().map(|f| f.tag()), Some(b'G'));
    agent.send(&[meddling]);
    agent.fatal("08P01");
    blames(&gate, Side::Client);
    assert_eq!(tags(&Agent::connect(&gate).ask(&[query(ALIVE)])), "CZ");
}

#[test]
fn nothing_but_rows_goes_into_a_copy() {
    // Some servers answer one of these with an error of its own, some end the session: weir would
    // read the answers to the next statement as answers to this one.
    let call = FunctionCall::new(
        1,
        &weir_wire::postgres::Formats::None,
        &[],
        weir_wire::postgres::Format::Text,
    )
    .unwrap();
    for meddling in [
        query(ALIVE),
        parse("", ALIVE),
        bind("", ""),
        describe_portal(""),
        execute(""),
        close_portal(""),
        call.into_frame(),
    ] {
        meddles(meddling);
    }
}

#[test]
fn what_was_sent_ahead_of_a_copy_ends_it() {
    let target = Target::lying(|peer| {
        peer.expect_query(IN);
        peer.expect_query(ALIVE);
        peer.send(&[copy_in(1)]);
        peer.rest();
    });
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    agent.send(&[query(IN), query(ALIVE)]);
    agent.fatal("08P01");
    blames(&gate, Side::Client);
}

#[test]
fn rows_pass_and_a_flush_between_them() {
    let target = Target::scripted(|peer| {
        peer.expect_query(IN);
        peer.send(&[copy_in(1)]);
        for frame in [copy_data("a\n"), flush(), copy_data("b\n"), copy_done()] {
            peer.expect(&frame);
        }
        peer.send(&[complete("COPY 2"), ready()]);
        peer.rest();
    });
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    agent.send(&[query(IN)]);
    agent.receive();
    let answer = agent.ask(&[copy_data("a\n"), flush(), copy_data("b\n"), copy_done()]);
    assert_eq!(tags(&answer), "CZ");
}

#[test]
fn rows_that_are_sent_ahead_wait_until_the_target_asks_for_them() {
    let target = Target::scripted(|peer| {
        peer.expect(&parse("", IN));
        peer.expect(&bind("", ""));
        peer.expect(&describe_portal(""));
        peer.expect(&execute(""));
        peer.send(&[parsed(), bound(), no_data(), copy_in(1)]);
        for frame in [copy_data("a\n"), copy_done(), sync()] {
            peer.expect(&frame);
        }
        peer.send(&[complete("COPY 1"), ready()]);
        peer.rest();
    });
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    let answer = agent.ask(&[
        parse("", IN),
        bind("", ""),
        execute(""),
        copy_data("a\n"),
        copy_done(),
        sync(),
    ]);
    assert_eq!(tags(&answer), "12GCZ");
}

/// The same Sync, where it comes once the copy has begun.
#[test]
fn a_sync_in_the_middle_of_a_copy_is_passed_over() {
    let target = Target::scripted(|peer| {
        peer.expect_query(IN);
        peer.send(&[copy_in(1)]);
        peer.expect(&copy_data("a\n"));
        peer.expect(&copy_done());
        peer.send(&[complete("COPY 1"), ready()]);
        peer.rest();
    });
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    agent.send(&[query(IN)]);
    agent.receive();
    let answer = agent.ask(&[sync(), copy_data("a\n"), copy_done()]);
    assert_eq!(tags(&answer), "CZ");
}

/// As libpq does: a Sync goes ahead, which a server in a copy passes over, and another follows.
#[test]
fn a_sync_ahead_of_a_copy_is_not_answered() {
    for end in [copy_done(), copy_fail()] {
        let fails = end == copy_fail();
        let target = Target::scripted(move |peer| {
            for frame in [
                parse("", IN),
                bind("", ""),
                describe_portal(""),
                execute(""),
                sync(),
            ] {
                peer.expect(&frame);
            }
            peer.send(&[parsed(), bound(), no_data(), copy_in(1)]);
            peer.receive();
            peer.expect(&sync());
            if fails {
                peer.send(&[error("57014", "COPY failed")]);
            } else {
                peer.send(&[complete("COPY 0")]);
            }
            peer.send(&[ready()]);
            peer.expect_query(ALIVE);
            peer.send(&[complete("SELECT 0"), ready()]);
            peer.rest();
        });
        let gate = target.gate();
        let mut agent = Agent::connect(&gate);
        agent.send(&[parse("", IN), bind("", ""), execute(""), sync()]);
        for expected in [b'1', b'2', b'G'] {
            assert_eq!(agent.receive().map(|f| f.tag()), Some(expected));
        }
        let answer = agent.ask(&[end, sync()]);
        assert_eq!(tags(&answer), if fails { "EZ" } else { "CZ" });
        assert_eq!(tags(&agent.ask(&[query(ALIVE)])), "CZ");
    }
}

#[test]
fn rows_behind_a_copy_that_failed_are_dropped() {
    let target = Target::scripted(|peer| {
        peer.expect_query(IN);
        peer.send(&[copy_in(1)]);
        peer.expect(&copy_data("a\n"));
        peer.send(&[error("23505", "duplicate key"), ready()]);
        peer.expect_query(ALIVE);
        peer.send(&[complete("SELECT 0"), ready()]);
        peer.rest();
    });
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    agent.send(&[query(IN)]);
    agent.receive();
    let answer = agent.ask(&[copy_data("a\n")]);
    assert_eq!(field(the_error(&answer), b'C').as_deref(), Some("23505"));
    let alive = agent.ask(&[copy_data("b\n"), copy_done(), query(ALIVE)]);
    assert_eq!(tags(&alive), "CZ");
}

#[test]
fn rows_out_of_the_blue_are_dropped_as_the_server_drops_them() {
    let target = Target::scripted(|peer| {
        peer.expect_query(ALIVE);
        peer.send(&[complete("SELECT 0"), ready()]);
        peer.rest();
    });
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    let stray = [copy_data("a\n"), copy_done(), copy_fail(), query(ALIVE)];
    assert_eq!(tags(&agent.ask(&stray)), "CZ");
}

#[test]
fn a_refused_copy_takes_no_rows() {
    let target = Target::scripted(|peer| {
        peer.expect_stand_in();
        peer.send(&[error("42601", "syntax error"), ready()]);
        peer.expect_query(ALIVE);
        peer.send(&[complete("SELECT 0"), ready()]);
        peer.rest();
    });
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    let program = "COPY orders FROM PROGRAM 'id'";
    let answer = agent.ask(&[query(program), copy_data("a\n"), copy_done()]);
    assert_eq!(tags(&answer), "EZ");
    assert_eq!(tags(&agent.ask(&[query(ALIVE)])), "CZ");
}

#[test]
fn a_goodbye_in_the_middle_of_a_copy_leaves_it_lost() {
    let target = Target::scripted(|peer| {
        peer.expect_query(IN);
        peer.send(&[copy_in(1)]);
        peer.expect(&terminate());
    });
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    agent.send(&[query(IN)]);
    agent.receive();
    agent.send(&[terminate()]);
    assert_eq!(agent.rest(), []);
    end_of(&gate);
    assert_eq!(Record::read(&gate, 0).statuses(), [&Status::Lost]);
}
