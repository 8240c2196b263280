//! Settings under which the target reads statements otherwise than weir, and those that an agent
//! asks for in other places than a SET.

use weir_record::{End, Event};

use crate::{
    agent::{Agent, field, tags},
    honest::{self, ALIVE},
    messages::{complete, parameter, query, ready, startup},
    record::{Record, end_of},
    target::{SECRET, Target},
};

const UNSAFE: [(&str, &str); 4] = [
    ("standard_conforming_strings", "off"),
    ("client_encoding", "SJIS"),
    ("client_encoding", "GB18030"),
    ("client_encoding", "made up"),
];

fn is_told(agent: &mut Agent, name: &str) {
    let frames = agent.fatal("0A000");
    let message = field(frames.last().unwrap(), b'M').unwrap();
    assert!(message.contains(name), "{message}");
}

#[test]
fn a_session_does_not_begin_under_an_unsafe_setting() {
    for (name, value) in UNSAFE {
        let target = Target::from_startup(move |peer, session| {
            if session == 0 {
                peer.welcome_saying(&[("client_encoding", "UTF8"), (name, value)]);
                assert_eq!(peer.rest(), [""; 0]);
            } else {
                peer.welcome();
                honest::serve(peer, &[]);
            }
        });
        let gate = target.gate();
        let mut agent = Agent::dial(&gate);
        agent.write(&startup(&[]));
        is_told(&mut agent, name);
        assert!(matches!(end_of(&gate), End::Error { .. }));
        assert_eq!(tags(&Agent::connect(&gate).ask(&[query(ALIVE)])), "CZ");
    }
}

#[test]
fn a_session_ends_when_a_setting_becomes_unsafe() {
    for (name, value) in UNSAFE {
        let target = Target::scripted(move |peer| {
            peer.expect_query(ALIVE);
            peer.send(&[complete("SELECT 0"), parameter(name, value), ready()]);
            assert_eq!(peer.rest(), [""; 0], "nothing may follow");
        });
        let gate = target.gate();
        let mut agent = Agent::connect(&gate);
        agent.send(&[query(ALIVE)]);
        is_told(&mut agent, name);
        assert!(matches!(end_of(&gate), End::Error { .. }));
    }
}

#[test]
fn an_agent_that_asks_for_an_unsafe_setting_gets_no_session() {
    let target = Target::from_startup(|_, _| panic!("weir dialled"));
    for more in [
        ("client_encoding", "SJIS"),
        ("standard_conforming_strings", "off"),
        ("role", "postgres"),
        ("session_authorization", "postgres"),
        ("options", "-c standard_conforming_strings=off"),
        ("options", "-crole=postgres"),
        ("options", "--client-encoding=big5"),
        ("options", "-e"),
        ("replication", "database"),
        ("replication", "true"),
        ("options", "-c replication=database"),
        ("options", "-c user=postgres"),
        ("options", "-c database=other"),
    ] {
        let gate = target.gate();
        let mut agent = Agent::dial(&gate);
        agent.write(&startup(&[more]));
        agent.fatal("42501");
        let end = end_of(&gate);
        assert!(matches!(end, End::Refused { .. }), "{more:?}: {end:?}");
    }
}

/// Whatever policy permits, the packet that weir sends names the user and the database itself.
#[test]
fn options_cannot_name_another_user_or_database() {
    let target = Target::from_startup(|peer, _| {
        let named = |name: &str| {
            let all = peer.startup.parameters.iter();
            let values: Vec<&str> = all
                .filter(|(known, _)| known.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.as_str())
                .collect();
            values.join(" ")
        };
        assert_eq!(named("user"), "app");
        assert_eq!(named("database"), "app");
        assert_eq!(named("replication"), "");
        assert_eq!(named("options"), "");
        assert_eq!(named("work_mem"), "1MB");
        peer.welcome();
        honest::serve(peer, &[]);
    });
    let gate = target.lax_gate();
    let mut agent = Agent::dial(&gate);
    let options = "-c user=postgres -c database=other -c replication=database \
                   -c options=-cwork_mem=2MB -c work_mem=1MB";
    agent.write(&startup(&[("options", options)]));
    assert!(tags(&agent.until_ready()).ends_with('Z'));
    let record = Record::read(&gate, 0);
    let opened = record.entries.iter().any(|entry| {
        matches!(entry, weir_record::Entry::Event(Event::Opened { database, user, .. })
            if database == "app" && user == "agent")
    });
    assert!(opened);
}

/// A setting is a place to carry a value to: it comes back by SHOW, or is reported.
#[test]
fn a_sensitive_value_is_not_made_a_setting() {
    let target = Target::scripted(|peer| {
        peer.expect_stand_in();
        peer.send(&[crate::messages::error("42601", "syntax error"), ready()]);
        assert_eq!(peer.rest(), [""; 0], "it reached the target");
    });
    for text in [
        "SELECT set_config('application_name', email, false) FROM people",
        "SELECT pg_catalog.set_config('timezone', lower(email), true) FROM people",
        "SELECT set_config('application_name', (SELECT email FROM people LIMIT 1), false)",
    ] {
        let gate = target.gate();
        let mut agent = Agent::connect(&gate);
        assert_eq!(tags(&agent.ask(&[query(text)])), "EZ", "{text}");
    }
}

/// Whoever listens hears it, this session too.
#[test]
fn a_sensitive_value_is_not_notified() {
    let target = Target::scripted(|peer| {
        peer.expect_stand_in();
        peer.send(&[crate::messages::error("42601", "syntax error"), ready()]);
        assert_eq!(peer.rest(), [""; 0], "it reached the target");
    });
    for text in [
        "SELECT pg_notify('channel', email) FROM people",
        "SELECT pg_notify('channel', p::text) FROM people p",
        "SELECT pg_catalog.PG_NOTIFY('channel', (SELECT max(email) FROM people))",
    ] {
        let gate = target.gate();
        let mut agent = Agent::connect(&gate);
        let answer = agent.ask(&[query(text)]);
        assert_eq!(tags(&answer), "EZ", "{text}");
        agent.never_heard(SECRET);
    }
}
