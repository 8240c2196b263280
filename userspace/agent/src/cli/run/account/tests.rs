//! The account of runs whose records are made by hand.

use std::collections::BTreeMap;

use weir_policy::{Policies, Refusal};
use weir_record::{CommandText, Outcome, Process, SessionStart, SessionWriter, Status};

use super::{super::super::out::capture, *};

const BEGAN: &str = "2026-11-21T10:00:00Z";

fn place() -> Place {
    let path = "/weir.run/1-abc";
    Place {
        cgroup: weir_intercept::cgroup::Cgroup::resolve(path).unwrap(),
        path: path.parse().unwrap(),
        name: "1-abc".into(),
    }
}

fn session(dir: &Path, at: &str, random: u32, cgroup: &str, target: Option<&str>) -> SessionWriter {
    let start = start(at.parse().unwrap(), random, cgroup, target);
    SessionWriter::create(dir, &start).unwrap()
}

fn start(started: Timestamp, random: u32, cgroup: &str, target: Option<&str>) -> SessionStart {
    SessionStart {
        id: SessionId::new(started, random),
        started,
        workload: "run".into(),
        subject: "unix:alice".into(),
        groups: Vec::new(),
        on_behalf_of: None,
        process: Process {
            pid: 7,
            started: None,
            uid: 1000,
            gid: 1000,
            exe: None,
            comm: "psql".into(),
            cgroup: cgroup.into(),
            ..Process::default()
        },
        destination: "192.0.2.7:5432".into(),
        destination_name: None,
        target: target.map(Into::into),
        protocol: target.map(|_| "postgres".into()),
        policy_version: "0011223344556677".into(),
        observed: false,
    }
}

fn refusal(rule: &str) -> Refusal {
    Refusal {
        rule: rule.into(),
        message: "it would destroy data".into(),
        deciding: vec![rule.into()],
        version: Policies::shipped().unwrap().version().clone(),
    }
}

fn told(dir: &Path, kernel: &[KernelRefusal]) -> String {
    let refusals = u64::try_from(kernel.len()).unwrap();
    let account = Account::gather(dir, BEGAN.parse().unwrap(), &place(), (kernel, refusals));
    capture::plain(|out| account.print(out))
}

#[test]
fn a_run_that_dialled_nothing_says_so() {
    assert_eq!(
        told(Path::new("/nonexistent"), &[]),
        "weir: no connection was made\n"
    );
}

#[test]
fn connections_are_told_with_what_was_refused_and_masked() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("records");
    let mut writer = session(
        &dir,
        "2026-11-21T10:00:01Z",
        1,
        "/weir.run/1-abc/child",
        Some("orders"),
    );
    writer.opened("orders", "app", &BTreeMap::new()).unwrap();
    let text = CommandText {
        text: "DROP DATABASE\n orders\u{1b}[2J",
        parameters: &[],
        statements: &[],
    };
    let seq = writer.refused(&refusal("no-destroy"), text).unwrap();
    let outcome = Outcome {
        status: Status::Refused,
        rows: 3,
        bytes: 0,
        masked: 2,
        sent: None,
        micros: 10,
    };
    writer.outcome(seq, &outcome).unwrap();
    let id = *writer.id();
    writer.end(&End::Closed).unwrap();
    assert_eq!(
        told(&dir, &[]),
        format!(
            "weir: 1 connection\n  {id}  orders 192.0.2.7:5432  1 command, 3 rows, 2 values masked\n    \
             refused by no-destroy: it would destroy data\n      > DROP DATABASE …\n"
        )
    );
}

#[test]
fn an_undeclared_destination_comes_with_what_to_declare() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("records");
    let writer = session(&dir, "2026-11-21T10:00:01Z", 1, "/weir.run/1-abc", None);
    let end = End::Refused {
        rule: UNDECLARED.into(),
        message: "no target is declared".into(),
    };
    writer.end(&end).unwrap();
    let told = told(&dir, &[]);
    assert!(
        told.contains("undeclared 192.0.2.7:5432  refused by undeclared-destination"),
        "{told}"
    );
    // What is hinted at must be a configuration that loads, once its blanks are filled in.
    let (_, stanza) = told.split_once("--config FILE:\n").unwrap();
    let config = crate::config::Config::parse("hint", &stanza.replace('…', "app")).unwrap();
    assert_eq!(config.targets.len(), 1);
}

#[test]
fn refused_names_are_told_once_and_come_with_what_to_declare() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("records");
    let started: Timestamp = "2026-11-21T10:00:01Z".parse().unwrap();
    let start = SessionStart {
        protocol: Some(crate::dns::PROTOCOL.to_owned()),
        ..start(started, 1, "/weir.run/1-abc", None)
    };
    let mut writer = SessionWriter::create(&dir, &start).unwrap();
    for text in ["A db.internal", "AAAA db.internal", "A evil.example"] {
        let text = CommandText {
            text,
            parameters: &[],
            statements: &[],
        };
        writer.refused(&refusal("default-deny"), text).unwrap();
    }
    writer.end(&End::Closed).unwrap();
    let told = told(&dir, &[]);
    assert!(
        told.starts_with(
            "weir: no connection was made\n  3 questions to the DNS\n    A db.internal  refused by \
             default-deny: it would destroy data\n    A evil.example  refused"
        ),
        "{told}"
    );
    let (_, hint) = told.split_once("--config FILE:\n").unwrap();
    let (stanza, others) = hint.split_once("  likewise").unwrap();
    let config = crate::config::Config::parse("hint", &stanza.replace('…', "app")).unwrap();
    assert_eq!(config.targets[0].matches.places().count(), 1);
    assert_eq!(others, " for evil.example\n");
}

#[test]
fn what_is_another_run_s_or_older_is_not_told() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("records");
    for (at, random, cgroup) in [
        ("2026-11-21T10:00:01Z", 1, "/weir.run/1-abcd"),
        ("2026-11-21T10:00:01Z", 2, "/weir/ci"),
        ("2026-11-21T09:59:59Z", 3, "/weir.run/1-abc"),
    ] {
        session(&dir, at, random, cgroup, Some("orders"))
            .end(&End::Closed)
            .unwrap();
    }
    assert_eq!(told(&dir, &[]), "weir: no connection was made\n");
}

#[test]
fn a_damaged_record_is_told_and_hides_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("records");
    session(
        &dir,
        "2026-11-21T10:00:01Z",
        1,
        "/weir.run/1-abc",
        Some("orders"),
    )
    .end(&End::Closed)
    .unwrap();
    let id = SessionId::new("2026-11-21T10:00:02Z".parse().unwrap(), 9);
    fs::write(store::path_of(&dir, id), "garbage").unwrap();
    let told = told(&dir, &[]);
    assert!(told.contains("weir: 1 connection\n"), "{told}");
    assert!(told.contains("unreadable: "), "{told}");
}

#[test]
fn what_the_kernel_refused_is_counted() {
    let refusal = |destination: &str| KernelRefusal {
        at: BEGAN.parse().unwrap(),
        hook: "sendmsg4".into(),
        reason: "not a resolver".into(),
        protocol: "udp".into(),
        destination: Some(destination.into()),
        process: "dig".into(),
        pid: 8,
    };
    let kernel = [
        refusal("8.8.8.8:53"),
        refusal("8.8.8.8:53"),
        refusal("9.9.9.9:53"),
    ];
    assert_eq!(
        told(Path::new("/nonexistent"), &kernel),
        "weir: no connection was made\n  \
         refused by the kernel: udp to 8.8.8.8:53 by dig, 2 times (not a resolver)\n  \
         refused by the kernel: udp to 9.9.9.9:53 by dig (not a resolver)\n"
    );
}
