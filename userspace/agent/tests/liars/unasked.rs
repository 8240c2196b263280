//! Messages of the target's that answer nothing, or not what they answer to.

use weir_record::{End, Side};
use weir_wire::postgres::{
    Frame,
    backend::{
        AuthenticationRequest, BackendKeyData, FunctionCallResponse, NegotiateProtocolVersion,
    },
};

use crate::{
    agent::{Agent, field, tags},
    honest::{self, ALIVE},
    messages::{
        authentication, bind, bound, closed, column, complete, copy_data, copy_done, copy_in,
        copy_out, describe_portal, described, empty, error, execute, fatal, flush, no_data,
        notice_quoting, notification, parameter, parameters_described, parse, parsed, query, raw,
        ready, row, suspended, sync,
    },
    peer::{CANCEL_KEY, PID},
    record::{Record, end_of_nth, summaries},
    target::{PEOPLE, SECRET, Target},
};

const EMAILS: &str = "SELECT email FROM people";

/// Every message that a target can send, with a secret in it where one fits.
fn all() -> Vec<Frame> {
    let version = weir_wire::postgres::ProtocolVersion::V3_0;
    vec![
        row(&[Some(SECRET)]),
        described(&[column(SECRET, PEOPLE, 3)]),
        no_data(),
        ready(),
        complete(SECRET),
        empty(),
        suspended(),
        parsed(),
        bound(),
        closed(),
        parameters_described(),
        copy_out(1),
        copy_in(1),
        raw(b'W', &[0, 0, 0]),
        copy_data(SECRET),
        copy_done(),
        error("22P02", SECRET),
        FunctionCallResponse::new(Some(SECRET.as_bytes()))
            .unwrap()
            .into_frame(),
        authentication(&AuthenticationRequest::Ok),
        authentication(&AuthenticationRequest::CleartextPassword),
        BackendKeyData::new(PID, &CANCEL_KEY).unwrap().into_frame(),
        NegotiateProtocolVersion::new(version, &[SECRET.as_bytes()])
            .unwrap()
            .into_frame(),
        raw(b'!', SECRET.as_bytes()),
        raw(0, SECRET.as_bytes()),
    ]
}

/// All of those that don't have one of these type bytes.
fn all_but(fitting: &str) -> Vec<Frame> {
    let mut lies = all();
    lies.retain(|lie| !fitting.contains(char::from(lie.tag())));
    lies
}

/// The target sends each lie, in a session of its own, once the agent's `request` is there and
/// after `truth`. Each ends the session as the target's fault.
fn each_ends_the_session(request: &[Frame], truth: Vec<Frame>, lies: &[Frame]) {
    let (count, expected) = (lies.len(), request.len());
    // Behind each Bind weir asks a question of its own, unless the agent does.
    let next = request.iter().skip(1).map(Frame::tag).chain([0]);
    let asked = request.iter().map(Frame::tag).zip(next);
    let asked = asked.filter(|(tag, next)| *tag == b'B' && *next != b'D');
    let asked = asked.count();
    let told = lies.to_vec();
    let target = Target::from_startup(move |peer, session| {
        peer.welcome();
        let Some(lie) = told.get(session) else {
            return honest::serve(peer, &[]);
        };
        for _ in 0..expected + asked {
            peer.receive();
        }
        peer.send(&truth);
        peer.send(std::slice::from_ref(lie));
        peer.rest();
    });
    let gate = target.gate();
    for (session, lie) in lies.iter().enumerate() {
        let mut agent = Agent::connect(&gate);
        agent.send(request);
        agent.fatal("08P01");
        agent.never_heard(SECRET);
        let end = end_of_nth(&gate, session);
        let blamed = matches!(
            end,
            End::ProtocolError {
                side: Side::Server,
                ..
            }
        );
        assert!(blamed, "'{}': {end:?}", char::from(lie.tag()));
        Record::read(&gate, session).never_shows(SECRET);
    }
    assert_eq!(summaries(&gate).len(), count);
    assert_eq!(tags(&Agent::connect(&gate).ask(&[query(ALIVE)])), "CZ");
}

#[test]
fn when_nothing_is_owed() {
    each_ends_the_session(&[], vec![], &all());
}

#[test]
fn behind_an_answered_query() {
    let truth = vec![
        described(&[column("email", PEOPLE, 3)]),
        complete("SELECT 0"),
        ready(),
    ];
    each_ends_the_session(&[query(EMAILS)], truth, &all());
}

#[test]
fn in_the_place_of_a_querys_result() {
    // A description, an end of whatever kind, and an error are what fits there.
    each_ends_the_session(&[query(EMAILS)], vec![], &all_but("TCIEZ"));
}

#[test]
fn in_the_place_of_what_a_refused_query_is_answered_with() {
    // Weir's own statement, which the target must reject.
    let refused = [query("DROP TABLE people")];
    each_ends_the_session(&refused, vec![], &all_but("EZ"));
}

#[test]
fn in_the_place_of_a_parse_completion() {
    let request = [parse("", EMAILS), bind("", ""), execute(""), sync()];
    each_ends_the_session(&request, vec![], &all_but("1E"));
}

#[test]
fn in_the_place_of_a_bind_completion() {
    let request = [parse("", EMAILS), bind("", ""), execute(""), sync()];
    each_ends_the_session(&request, vec![parsed()], &all_but("2E"));
}

#[test]
fn in_the_place_of_a_portals_description_for_weir() {
    let request = [parse("", EMAILS), bind("", ""), execute(""), sync()];
    each_ends_the_session(&request, vec![parsed(), bound()], &all_but("TnE"));
}

#[test]
fn in_the_place_of_a_portals_description_for_the_agent() {
    let request = [parse("", EMAILS), bind("", ""), describe_portal(""), sync()];
    each_ends_the_session(&request, vec![parsed(), bound()], &all_but("TnE"));
}

#[test]
fn in_the_place_of_a_portals_description_for_the_agent_behind_weirs() {
    let request = [
        parse("", EMAILS),
        bind("", ""),
        flush(),
        describe_portal(""),
        sync(),
    ];
    let truth = vec![parsed(), bound(), described(&[column("email", PEOPLE, 3)])];
    each_ends_the_session(&request, truth, &all_but("TnE"));
}

#[test]
fn in_the_place_of_a_portals_rows() {
    let request = [parse("", EMAILS), bind("", ""), execute(""), sync()];
    let truth = vec![parsed(), bound(), described(&[column("email", PEOPLE, 3)])];
    each_ends_the_session(&request, truth, &all_but("DCIsE"));
}

#[test]
fn in_the_place_of_a_syncs_end() {
    each_ends_the_session(&[sync()], vec![], &all_but("ZE"));
}

#[test]
fn while_the_target_passes_over_a_failed_pipeline() {
    let request = [parse("", EMAILS), bind("", ""), execute(""), sync()];
    let truth = vec![error("42P01", "relation does not exist")];
    each_ends_the_session(&request, truth, &all_but("Z"));
}

#[test]
fn what_a_target_may_say_at_any_time_passes() {
    let target = Target::scripted(|peer| {
        peer.send(&[
            notice_quoting("hello"),
            notification("moin"),
            parameter("TimeZone", "UTC"),
            fatal("57P01", "terminating connection"),
        ]);
    });
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    let heard = agent.rest();
    // Its last word is the last: drivers take that for the reason.
    assert_eq!(tags(&heard), "NASE");
    assert_eq!(field(&heard[3], b'C').as_deref(), Some("57P01"));
    assert_eq!(end_of_nth(&gate, 0), End::ServerGone);
}

#[test]
fn why_a_target_ends_a_session_in_the_middle_of_a_statement_is_the_last_word() {
    let fatal = fatal("57P01", "terminating connection");
    for request in [
        vec![query(EMAILS)],
        vec![parse("", EMAILS), bind("", ""), execute(""), sync()],
    ] {
        let last = fatal.clone();
        let target = Target::scripted(move |peer| {
            while !matches!(peer.receive().unwrap().name(), "Query" | "Sync") {}
            peer.send(std::slice::from_ref(&last));
        });
        let gate = target.gate();
        let mut agent = Agent::connect(&gate);
        agent.send(&request);
        let heard = agent.rest();
        assert_eq!(tags(&heard), "E");
        assert_eq!(field(&heard[0], b'C').as_deref(), Some("57P01"));
        assert_eq!(end_of_nth(&gate, 0), End::ServerGone);
    }
}
