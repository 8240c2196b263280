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
        statements: (&[]).into(),
        signals: &[],
    };
    let seq = writer.refused(&refusal("no-destroy"), text).unwrap();
    let outcome = Outcome {
        status: Status::Refused,
        rows: 3,
        bytes: 0,
        masked: 2,
        masked_columns: Vec::new(),
        detected: Vec::new(),
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
    let searched = "A db.internal.corp.example";
    for text in [
        "A db.internal",
        "AAAA db.internal",
        "A evil.example",
        searched,
    ] {
        let text = CommandText {
            text,
            parameters: &[],
            statements: (&[]).into(),
            signals: &[],
        };
        writer.refused(&refusal("default-deny"), text).unwrap();
    }
    writer.end(&End::Closed).unwrap();
    let told = told(&dir, &[]);
    assert!(
        told.starts_with(
            "weir: no connection was made\n  4 questions to the DNS\n    A db.internal  refused by \
             default-deny\n    A evil.example  refused by default-deny\n"
        ),
        "{told}"
    );
    let (_, hint) = told.split_once("--config FILE:\n").unwrap();
    let (stanza, others) = hint.split_once("  likewise").unwrap();
    let stanza = stanza.replace("[…]", "[443]");
    let config = crate::config::Config::parse("hint", &stanza).unwrap();
    assert_eq!(config.targets[0].name.as_str(), "db.internal");
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

/// What the kernel refused of a process, so many seconds into the run.
fn call(seconds: i64, pid: u32, hook: &str, protocol: &str, destination: &str) -> KernelRefusal {
    let began: Timestamp = BEGAN.parse().unwrap();
    KernelRefusal {
        at: began + jiff::SignedDuration::from_secs(seconds),
        hook: hook.into(),
        reason: "not a resolver".into(),
        protocol: protocol.into(),
        destination: Some(destination.into()),
        process: "dig".into(),
        pid,
    }
}

#[test]
fn what_the_kernel_refused_is_counted() {
    let kernel = [
        call(1, 8, "sendmsg", "udp", "8.8.8.8:53"),
        call(1, 8, "sendmsg", "udp", "8.8.8.8:53"),
        call(1, 8, "sendmsg", "udp", "9.9.9.9:53"),
    ];
    assert_eq!(
        told(Path::new("/nonexistent"), &kernel),
        "weir: no connection was made\n  \
         refused by the kernel: udp to 8.8.8.8:53 by dig, 2 times (not a resolver)\n  \
         refused by the kernel: udp to 9.9.9.9:53 by dig (not a resolver)\n"
    );
}

#[test]
fn many_calls_that_the_kernel_refused_take_few_lines() {
    let kernel: Vec<KernelRefusal> = (0..200)
        .map(|n| call(1, 8, "sendmsg", "udp", &format!("192.0.2.{n}:443")))
        .collect();
    let told = told(Path::new("/nonexistent"), &kernel);
    assert_eq!(told.lines().count(), 22, "{told}");
    assert!(
        told.ends_with("and 180 more calls refused by the kernel\n"),
        "{told}"
    );
}

/// A record of two processes' questions in a run that is observed or not, each by the second in
/// which it was asked.
fn questions(dir: &Path, observed: bool) {
    let started: Timestamp = "2026-11-21T10:00:01Z".parse().unwrap();
    let start = SessionStart {
        protocol: Some(crate::dns::PROTOCOL.to_owned()),
        observed,
        ..start(started, 1, "/weir.run/1-abc", None)
    };
    let mut writer = SessionWriter::create(dir, &start).unwrap();
    let text = |text| CommandText {
        text,
        parameters: &[],
        statements: (&[]).into(),
        signals: &[],
    };
    let shipped = Policies::shipped().unwrap();
    let permit = shipped.observe_unjudged("default-deny", "nobody permits it".into());
    drop(writer.intent(permit, text("A db.internal")).unwrap());
    let another = Process {
        pid: 9,
        ..start.process
    };
    writer.process(&another).unwrap();
    let refusal = refusal("default-deny");
    writer.refused(&refusal, text("A evil.example")).unwrap();
    writer.end(&End::Closed).unwrap();
}

#[test]
fn probes_for_a_source_address_are_one_line_and_nothing_else_hides_among_them() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("records");
    questions(&dir, false);
    // Questions are dated by the clock that runs while the record is written: at once after 10:00:01.
    let probes = [
        call(2, 7, "connect", "udp", "192.0.2.7:5432"),
        call(3, 7, "connect", "udp", "[2001:db8::7]:0"),
    ];
    let others = [
        (
            call(0, 7, "connect", "udp", "192.0.2.1:443"),
            "before it asked",
        ),
        (call(60, 7, "connect", "udp", "192.0.2.2:443"), "long after"),
        (
            call(2, 8, "connect", "udp", "192.0.2.3:443"),
            "another process",
        ),
        (
            call(2, 9, "connect", "udp", "192.0.2.4:443"),
            "it was refused",
        ),
        (call(2, 7, "connect", "tcp", "192.0.2.5:443"), "not UDP"),
        (
            call(2, 7, "connect", "udp", "192.0.2.6:53"),
            "another resolver",
        ),
        (call(2, 7, "sendmsg", "udp", "192.0.2.7:443"), "it sends"),
        (call(2, 7, "egress", "udp", "192.0.2.8:443"), "a packet"),
    ];
    let mut kernel = probes.to_vec();
    kernel.extend(others.iter().map(|(call, _)| call.clone()));
    let told = told(&dir, &kernel);
    let line = "  2 probes for a source address (UDP, right after a look-up)\n";
    assert!(told.contains(line), "{told}");
    assert!(
        !told.contains("192.0.2.7:5432") && !told.contains("2001:db8::7"),
        "{told}"
    );
    for (call, why) in others {
        let to = call.destination.unwrap();
        let line = format!("{} to {to} by dig", call.protocol);
        assert!(told.contains(&line), "{why}: {told}");
    }
}

#[test]
fn an_observed_run_tells_what_would_have_been_refused_and_how_to_admit_it() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("records");
    questions(&dir, true);
    let told = told(&dir, &[]);
    let head = "weir: no connection was made, observed: what would have been refused is marked\n";
    assert!(told.starts_with(head), "{told}");
    assert!(
        told.contains("A db.internal  observed: would have been refused by default-deny\n"),
        "{told}"
    );
    assert!(
        told.contains("A evil.example  refused by default-deny"),
        "{told}"
    );
    assert!(!told.contains("[[target]]"), "{told}");
    let command = format!(
        "weir policy suggest --records {} --workload run --since 2026-11-21T10:00:00Z\n",
        dir.display()
    );
    assert!(told.ends_with(&command), "{told}");
}
