mod audit_log;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use weir_record::{
    Ancestor, End, Event, Intent, Process, SessionId, SessionStart, Side, StatementSummary, Status,
    VerdictSummary,
};

use super::{Host, SessionEvents, audit, requirements::check};

fn host() -> Host {
    Host::new("db-1")
}

fn start(protocol: Option<&str>) -> SessionStart {
    let started = Timestamp::from_second(1_795_000_000).unwrap();
    SessionStart {
        id: SessionId::new(started, 0xfeed_beef),
        started,
        workload: "ci".to_owned(),
        subject: "workload:ci-bot".to_owned(),
        groups: vec!["dev".to_owned()],
        on_behalf_of: Some("alice@example.com".to_owned()),
        process: Process {
            pid: 4242,
            started: Some(started),
            uid: 1000,
            exe: Some("/usr/bin/psql".to_owned()),
            exe_hash: Some("ab".repeat(32)),
            arguments: vec!["psql".to_owned(), "-c".to_owned(), "select 1".to_owned()],
            arguments_cut: true,
            ancestry: (1..40).map(ancestor).collect(),
            comm: "psql".to_owned(),
            ..Process::default()
        },
        destination: "192.0.2.7:5432".to_owned(),
        destination_name: Some("db.internal".to_owned()),
        target: Some("orders".to_owned()),
        protocol: protocol.map(str::to_owned),
        policy_version: "0123456789abcdef".to_owned(),
        observed: false,
    }
}

fn ancestor(pid: u32) -> Ancestor {
    Ancestor {
        pid,
        started: None,
        comm: "bash".to_owned(),
        inside: true,
    }
}

fn intent(seq: u64, text: &str, verbs: &[&str], verdict: VerdictSummary) -> Event {
    let statements = verbs
        .iter()
        .map(|verb| StatementSummary {
            verb: (*verb).to_owned(),
            objects: vec!["read public.people".to_owned()],
            opaque: None,
        })
        .collect();
    Event::Intent(Intent {
        seq: serde_json::from_value(json!(seq)).unwrap(),
        at: 1000,
        text: text.to_owned(),
        parameters: vec![Some("a secret parameter".to_owned())],
        statements,
        verdict,
        signals: Vec::new(),
        context: None,
        lookup: None,
        policy_version: "0123456789abcdef".to_owned(),
    })
}

fn verdict(text: Value) -> VerdictSummary {
    serde_json::from_value(text).unwrap()
}

fn allow() -> VerdictSummary {
    verdict(json!({ "answer": "allow", "policies": ["reads"] }))
}

fn deny() -> VerdictSummary {
    VerdictSummary::Deny {
        rule: "no-destroy".to_owned(),
        message: "databases are not dropped by agents".to_owned(),
        policies: vec!["no-destroy".to_owned()],
    }
}

fn outcome(seq: u64, status: Status) -> Event {
    let numbers = json!({ "rows": 3, "bytes": 100, "masked": 2, "sent": 7, "micros": 1500 });
    let mut outcome = serde_json::to_value(status).unwrap();
    let attributes = outcome.as_object_mut().unwrap();
    attributes.extend(numbers.as_object().unwrap().clone());
    Event::Outcome {
        seq: serde_json::from_value(json!(seq)).unwrap(),
        outcome: serde_json::from_value(outcome).unwrap(),
    }
}

fn completed() -> Status {
    Status::Completed {
        tag: "SELECT 3".to_owned(),
    }
}

fn map(protocol: Option<&str>, events: &[Event]) -> Vec<Value> {
    let mut session = SessionEvents::new(host());
    let mut mapped = vec![session.event(0, &Event::Start(start(protocol))).unwrap()];
    mapped.extend(events.iter().filter_map(|event| session.event(2000, event)));
    mapped.iter().for_each(check);
    mapped
}

#[test]
fn every_event_of_a_session_has_what_its_class_demands() {
    let failed = Status::Failed {
        code: "42P01".to_owned(),
        message: "no such table".to_owned(),
    };
    let would_be = serde_json::to_value(deny()).unwrap();
    let would_be = verdict(json!({ "answer": "allow", "policies": [], "would_be": would_be }));
    let ask = verdict(json!({
        "answer": "ask", "approvers": ["dba"], "message": null, "policies": ["ask-delete"],
    }));
    let ends = [
        End::Closed,
        End::ClientGone,
        End::Refused {
            rule: "no-route".to_owned(),
            message: "not declared".to_owned(),
        },
        End::ProtocolError {
            side: Side::Client,
            message: "nonsense".to_owned(),
        },
        End::Error {
            message: "no room".to_owned(),
        },
        End::Killed {
            by: "root".to_owned(),
            reason: None,
        },
        End::IdentityLost {
            message: "expired".to_owned(),
        },
        End::WorkloadStopped,
        End::GrantEnded {
            grant: "reads#1".to_owned(),
        },
        End::PolicyChanged {
            rule: "gone".to_owned(),
            message: "no longer".to_owned(),
        },
    ];
    for protocol in [
        None,
        Some("postgres"),
        Some("tcp"),
        Some("udp"),
        Some("dns"),
        Some("http"),
    ] {
        let mut events = vec![
            Event::Opened {
                database: "shop".to_owned(),
                user: "alice".to_owned(),
                settings: BTreeMap::new(),
            },
            Event::Process(Process::default()),
            Event::Note {
                message: "policy reloaded".to_owned(),
            },
        ];
        let statuses = [
            completed(),
            failed.clone(),
            Status::Refused,
            Status::Skipped,
            Status::Lost,
        ];
        let verdicts = [allow(), deny(), would_be.clone(), ask.clone(), allow()];
        for (seq, (status, verdict)) in (1..).zip(statuses.into_iter().zip(verdicts)) {
            events.push(intent(seq, "A orders.example", &["select"], verdict));
            events.push(outcome(seq, status));
        }
        events.extend(ends.iter().cloned().map(Event::End));
        // All but the process, which is in those after it, and the outcome of what was refused.
        assert_eq!(map(protocol, &events).len(), 1 + events.len() - 2);
    }
}

#[test]
fn a_command_is_told_with_who_where_what_and_how_it_was_judged() {
    let events = vec![
        Event::Opened {
            database: "shop".to_owned(),
            user: "alice".to_owned(),
            settings: BTreeMap::new(),
        },
        intent(
            1,
            "select 1; drop table people",
            &["select", "drop"],
            deny(),
        ),
    ];
    let mapped = map(Some("postgres"), &events);
    let told = &mapped[2];
    let id = start(None).id;
    assert_eq!(told["type_uid"], 600_507, "the drop counts, not the select");
    assert_eq!(told["time"], 1_795_000_000_002_u64);
    assert_eq!(told["metadata"]["uid"], format!("{id}-2"));
    assert_eq!(told["metadata"]["correlation_uid"], format!("{id}-1"));
    assert_eq!(told["disposition"], "Blocked");
    assert_eq!(told["action_id"], 2);
    assert_eq!(told["status_id"], 2);
    assert_eq!(told["database"]["name"], "shop");
    assert_eq!(
        told["query_info"]["query_string"],
        "select 1; drop table people"
    );
    assert_eq!(told["policy"]["name"], "no-destroy");
    assert_eq!(told["actor"]["user"]["name"], "workload:ci-bot");
    assert_eq!(told["actor"]["process"]["cmd_line"], "psql -c select 1…");
    assert_eq!(
        told["actor"]["process"]["file"]["hashes"][0]["value"],
        "ab".repeat(32)
    );
    assert_eq!(told["actor"]["process"]["parent_process"]["pid"], 1);
    assert_eq!(
        told["actor"]["process"]["parent_process"]["parent_process"]["pid"],
        2
    );
    assert_eq!(told["dst_endpoint"]["ip"], "192.0.2.7");
    assert_eq!(told["dst_endpoint"]["port"], 5432);
    assert_eq!(told["dst_endpoint"]["hostname"], "db.internal");
    assert_eq!(told["unmapped"]["on_behalf_of"], "alice@example.com");
    assert!(!told.to_string().contains("a secret parameter"));
}

#[test]
fn an_outcome_tells_of_its_own_command_whatever_came_between() {
    let events = vec![
        intent(1, "delete from people where id = 1", &["delete"], allow()),
        intent(2, "select 1", &["select"], allow()),
        outcome(1, completed()),
        outcome(2, completed()),
    ];
    let mapped = map(Some("postgres"), &events);
    assert_eq!(mapped[3]["type_uid"], 600_507);
    assert_eq!(mapped[4]["type_uid"], 600_504);
    assert_eq!(
        mapped[3]["metadata"]["correlation_uid"],
        mapped[1]["metadata"]["correlation_uid"]
    );
    assert_eq!(mapped[3]["unmapped"]["masked"], 2);
}

#[test]
fn each_step_of_an_approval_is_of_its_command() {
    let ask = verdict(json!({
        "answer": "ask", "approvers": ["dba"], "message": null, "policies": ["ask-delete"],
    }));
    let step = |step: Value| -> Event {
        let mut event = json!({ "event": "approval", "seq": 1, "at": 5 });
        let fields = step.as_object().unwrap().clone();
        event.as_object_mut().unwrap().extend(fields);
        serde_json::from_value(event).unwrap()
    };
    let asked = json!({ "step": "asked", "request": "r", "of": "dba", "wait_seconds": 300 });
    let events = [
        intent(1, "delete from people", &["delete"], ask),
        step(asked),
        step(json!({ "step": "answered", "by": "bob", "answer": "no" })),
        step(json!({ "step": "answered", "by": "eve", "answer": "once" })),
        step(json!({ "step": "settled", "how": "approved" })),
        step(json!({ "step": "settled", "how": "timed_out" })),
    ];
    let mapped = map(Some("postgres"), &events);
    let words: Vec<_> = mapped[1..]
        .iter()
        .map(|told| told["disposition"].as_str().unwrap())
        .collect();
    assert_eq!(
        words,
        [
            "Delayed", "Delayed", "Rejected", "Approved", "Approved", "Rejected"
        ]
    );
    let first = &mapped[1]["metadata"]["correlation_uid"];
    for told in &mapped[1..] {
        assert_eq!(told["type_uid"], 600_507);
        assert_eq!(&told["metadata"]["correlation_uid"], first);
    }
}

#[test]
fn a_question_is_of_the_dns_classes() {
    let mapped = map(Some("dns"), &[intent(1, "AAAA db.internal", &[], allow())]);
    assert_eq!(mapped[1]["type_uid"], 400_301);
    assert_eq!(
        mapped[1]["query"],
        json!({"hostname": "db.internal", "type": "AAAA"})
    );
}

#[test]
fn a_long_text_is_cut_between_characters_and_says_so() {
    let text = "ü".repeat(super::LONGEST_TEXT);
    let mapped = map(Some("postgres"), &[intent(1, &text, &["select"], allow())]);
    let kept = mapped[1]["query_info"]["query_string"].as_str().unwrap();
    assert_eq!(kept.len(), super::LONGEST_TEXT);
    assert_eq!(mapped[1]["unmapped"]["text_bytes"], text.len());
}

#[test]
fn uids_are_the_same_each_time_and_no_two_events_share_one() {
    let events = || {
        vec![
            intent(1, "select 1", &["select"], allow()),
            outcome(1, completed()),
        ]
    };
    let uids = |mapped: Vec<Value>| -> Vec<Value> {
        mapped
            .into_iter()
            .map(|event| event["metadata"]["uid"].clone())
            .collect()
    };
    let first = uids(map(Some("postgres"), &events()));
    assert_eq!(first, uids(map(Some("postgres"), &events())));
    for (place, uid) in first.iter().enumerate() {
        assert!(!first[..place].contains(uid), "{uid} twice");
    }
}

#[test]
fn nothing_is_told_of_a_session_whose_start_is_not_known() {
    let mut session = SessionEvents::new(host());
    assert_eq!(session.event(0, &Event::End(End::Closed)), None);
}
