//! Records of questions, written as the resolver writes them and put to what is suggested of them.

use weir_policy::{Lookup, LookupContext, Mode, Policies, Subject, Verdict};
use weir_record::{CommandText, Outcome, Process, SessionId, SessionReader, SessionWriter, store};

use super::{super::super::super::super::args::By, *};

/// What is asked: record type and name, and what is answered; refused where nothing is.
type Asked<'a> = (&'a str, &'a str, Option<Status>);

fn found() -> Option<Status> {
    let tag = "NOERROR A 192.0.2.1 300".to_owned();
    Some(Status::Completed { tag })
}

fn absent() -> Option<Status> {
    let tag = "NXDOMAIN".to_owned();
    Some(Status::Completed { tag })
}

fn subject(id: &str) -> Subject {
    Subject {
        id: id.to_owned(),
        groups: Vec::new(),
        on_behalf_of: None,
    }
}

fn verdict(
    policies: &Policies,
    mode: Mode,
    who: &str,
    workload: &str,
    asked: (&str, &str),
) -> Verdict {
    let context = LookupContext {
        workload: workload.to_owned(),
        ..LookupContext::default()
    };
    let lookup = Lookup {
        subject: &subject(who),
        host: asked.1,
        record_type: asked.0,
        context: &context,
    };
    policies.judge_lookup_in(mode, &lookup)
}

/// Gathers from a record of an observed workload.
fn gathered(by: By, questions: &[Asked<'_>]) -> Gathered {
    let dir = tempfile::tempdir().unwrap();
    let started = "2026-11-21T10:00:00Z".parse().unwrap();
    let start = SessionStart {
        id: SessionId::new(started, 1),
        started,
        workload: "ci".into(),
        subject: "unix:alice".into(),
        groups: Vec::new(),
        on_behalf_of: None,
        process: Process::default(),
        destination: "127.0.0.53:53".into(),
        destination_name: None,
        target: None,
        protocol: Some(dns::PROTOCOL.into()),
        policy_version: "0".into(),
        observed: true,
    };
    let records = dir.path().join("records");
    let mut writer = SessionWriter::create(&records, &start).unwrap();
    let shipped = Policies::shipped().unwrap();
    for (kind, host, status) in questions {
        let text = format!("{kind} {host}");
        let text = CommandText {
            text: &text,
            parameters: &[],
            statements: (&[]).into(),
            signals: &[],
        };
        let mode = if status.is_some() {
            Mode::Observe
        } else {
            Mode::Enforce
        };
        let seq = match verdict(&shipped, mode, "unix:alice", "ci", (kind, host)) {
            Verdict::Allow(permit) => writer.intent(permit, text).unwrap().seq(),
            Verdict::Deny(refusal) => writer.refused(&refusal, text).unwrap(),
            Verdict::Ask(ask) => panic!("{ask:?}"),
        };
        let outcome = Outcome {
            status: status.clone().unwrap_or(Status::Refused),
            rows: 0,
            bytes: 0,
            masked: 0,
            masked_columns: Vec::new(),
            detected: Vec::new(),
            sent: None,
            micros: 1,
        };
        // One whose end weir did not live to see has none.
        if outcome.status != Status::Lost {
            writer.outcome(seq, &outcome).unwrap();
        }
    }
    drop(writer);
    let mut gathered = Gathered::new(by);
    let entries = SessionReader::open(&store::path_of(&records, start.id)).unwrap();
    gathered.session(&start, entries).unwrap();
    gathered.settle();
    gathered
}

fn allowed(policies: &Policies, who: &str, workload: &str, asked: (&str, &str)) -> bool {
    let verdict = verdict(policies, Mode::Enforce, who, workload, asked);
    matches!(verdict, Verdict::Allow(_))
}

fn loaded(gathered: &Gathered) -> Policies {
    Policies::load(&gathered.suggestion.sources()).unwrap_or_else(|found| panic!("{found}"))
}

#[test]
fn what_went_through_is_suggested_and_what_was_refused_is_not() {
    let failed = Status::Failed {
        code: "SERVFAIL".into(),
        message: "no server answers".into(),
    };
    let gathered = gathered(
        By::Subject,
        &[
            ("A", "db.example", found()),
            ("AAAA", "db.example", found()),
            ("TXT", "key.example", Some(failed)),
            ("A", "cut.example", Some(Status::Lost)),
            ("A", "evil.example", None),
        ],
    );
    let policies = loaded(&gathered);
    let ask = |kind, host| allowed(&policies, "unix:alice", "ci", (kind, host));
    for (kind, host) in [
        ("A", "db.example"),
        ("AAAA", "db.example"),
        ("TXT", "key.example"),
        ("A", "cut.example"),
    ] {
        assert!(ask(kind, host), "{kind} {host}");
    }
    for (kind, host) in [
        ("A", "evil.example"),
        ("TXT", "db.example"),
        ("A", "example"),
        ("A", "x.db.example"),
    ] {
        assert!(!ask(kind, host), "{kind} {host}");
    }
    assert!(!allowed(&policies, "unix:bob", "ci", ("A", "db.example")));
    assert!(gathered.undeclared.is_empty() && gathered.reread == 0);
}

#[test]
fn names_with_search_domains_behind_them_are_passed_over_where_there_are_none() {
    let gathered = gathered(
        By::Workload,
        &[
            // As a client asks that searches: longest last or first.
            ("A", "db.internal.corp.example", absent()),
            ("A", "db.internal.example", absent()),
            ("A", "db.internal", found()),
            // That one is there.
            ("A", "db.internal.there", found()),
            // Meant, though there is no such name; and what the search made of it.
            ("A", "nowhere.corp.example", absent()),
            ("A", "nowhere", absent()),
            // Of this type it was never asked about without its end.
            ("TXT", "db.internal.example", absent()),
        ],
    );
    let policies = loaded(&gathered);
    let ask = |kind, host| allowed(&policies, "unix:bob", "ci", (kind, host));
    for (kind, host) in [
        ("A", "db.internal"),
        ("A", "db.internal.there"),
        ("A", "nowhere"),
        ("TXT", "db.internal.example"),
    ] {
        assert!(ask(kind, host), "{kind} {host}");
    }
    for host in [
        "db.internal.corp.example",
        "db.internal.example",
        "nowhere.corp.example",
    ] {
        assert!(!ask("A", host), "{host}");
    }
    assert!(!allowed(&policies, "unix:bob", "w", ("A", "db.internal")));
}

#[test]
fn an_answer_says_in_its_record_that_there_is_no_such_name() {
    for (tag, expected) in [
        ("NXDOMAIN", true),
        ("NXDOMAIN CNAME lb.example. 300", true),
        ("NOERROR", false),
        ("NOERROR A 192.0.2.1 300", false),
        ("", false),
        ("NXDOMAINS", false),
    ] {
        assert_eq!(dns::is_absent(tag), expected, "{tag}");
    }
}
