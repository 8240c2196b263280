//! A command of a record is explained by the version that judged it, and by what is in force.

use weir_policy::{Source, Verdict};
use weir_record::{CommandText, LookedUp, SessionId, SessionReader, SessionWriter};

use super::{
    super::super::{args, configuration::Configuration, out::capture},
    *,
};

const OLD: &str = r#"@id("all") permit (principal, action, resource);
@id("no-writes-at-night")
@message("not at night")
forbid (principal, action in Weir::Action::"write", resource)
when { context.hour < 6 };"#;

fn load(text: &str) -> Policies {
    let source = Source {
        name: "own.cedar".into(),
        text: text.into(),
    };
    Policies::load(&[source]).unwrap_or_else(|found| panic!("{found}"))
}

fn start() -> SessionStart {
    let started = "2026-11-21T10:00:00Z".parse().unwrap();
    SessionStart {
        id: SessionId::new(started, 1),
        started,
        workload: "ci".into(),
        subject: "unix:alice".into(),
        groups: vec!["devs".into()],
        on_behalf_of: None,
        process: Process::default(),
        destination: "192.0.2.1:5432".into(),
        destination_name: None,
        target: Some("crm".into()),
        protocol: Some("postgres".into()),
        policy_version: "0".into(),
        observed: false,
    }
}

/// A record of one command, judged by these policies at this hour.
fn recorded(policies: &Policies, hour: u8, text: &str) -> (tempfile::TempDir, Found) {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = SessionWriter::create(&dir.path().join("records"), &start()).unwrap();
    writer.opened("sales", "alice", &BTreeMap::new()).unwrap();
    let circumstances = weir_record::Circumstances {
        in_transaction: false,
        moment: weir_policy::Moment {
            hour,
            ..Default::default()
        },
        rows: Default::default(),
    };
    writer.judged_in(circumstances);
    let found = |intent| Found {
        start: start(),
        process: Process::default(),
        database: "sales".into(),
        settings: BTreeMap::new(),
        intent,
    };
    let statements = sql::statements(text.as_bytes(), &sql::Limits::default());
    let context = Context {
        workload: "ci".into(),
        moment: circumstances.moment,
        ..Context::default()
    };
    let (subject, target) = (
        Subject {
            id: "unix:alice".into(),
            groups: vec!["devs".into()],
            on_behalf_of: None,
        },
        Target {
            name: "crm".into(),
            protocol: "postgres".into(),
            database: "sales".into(),
        },
    );
    let asking = Asking {
        subject: &subject,
        target: &target,
        context: &context,
    };
    let command = CommandText {
        text,
        parameters: &[],
        signals: &[],
        statements: (&statements).into(),
    };
    match policies.judge_message(Mode::Enforce, asking, &statements) {
        Verdict::Deny(refusal) => {
            writer.refused(&refusal, command).unwrap();
        }
        Verdict::Allow(permit) => {
            let _recorded = writer.intent(permit, command).unwrap();
        }
        Verdict::Ask(_) => panic!("no policy asks"),
    }
    let path = writer.path().to_owned();
    let mut entries = SessionReader::open(&path).unwrap();
    let Some(Ok(Entry::Event(Event::Start(start)))) = entries.next() else {
        panic!("no start")
    };
    let read = find(Recorded::of(start, entries), "1").unwrap();
    (dir, found(read.intent))
}

#[test]
fn the_moment_that_was_judged_is_taken_from_the_record() {
    let old = load(OLD);
    let (_dir, found) = recorded(&old, 3, "DELETE FROM orders WHERE id = 1");
    let told = explain(&found, Ok(None), &old).unwrap();
    assert!(told.notes.is_empty(), "{:?}", told.notes);
    let explanation = told.judged_by.as_ref().unwrap();
    assert_eq!(
        explanation.answer().rule.as_deref(),
        Some("no-writes-at-night")
    );
    assert!(told.in_force.is_none());
    let text = capture::plain(|out| told::print(&told, out));
    for part in [
        "#1\n  DELETE FROM orders WHERE id = 1\n",
        ": deny by no-writes-at-night: not at night\n",
        "  own.cedar:2\n    @id(\"no-writes-at-night\")\n",
        "    subject     unix:alice in devs\n",
        "    asked       delete on crm/sales/orders (write)\n",
        "    moment      monday, hour 3\n",
        "what alone would have changed it\n    without the policy `no-writes-at-night`: allow\n",
        "what alone would not\n    naming no column, and not `*`: deny by no-writes-at-night\n",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn where_the_policies_changed_both_are_told() {
    let old = load(OLD);
    let new = load(&OLD.replace("context.hour < 6", "context.hour < 2"));
    let (_dir, found) = recorded(&old, 3, "DELETE FROM orders WHERE id = 1");
    let told = explain(&found, Ok(Some(load(OLD))), &new).unwrap();
    assert_eq!(told.judged_by.as_ref().unwrap().answer().answer, "deny");
    assert_eq!(told.in_force.as_ref().unwrap().answer().answer, "allow");
    let text = capture::plain(|out| told::print(&told, out));
    assert!(text.contains("as it was judged, by policy "), "{text}");
    assert!(
        text.contains("as it would be judged now, by policy "),
        "{text}"
    );
    // Gone, it is said, and not passed over.
    let told = explain(&found, Ok(None), &new).unwrap();
    assert!(told.judged_by.is_none() && told.notes[0].contains("is not kept"));
}

#[test]
fn what_no_policy_refused_is_said_so() {
    let old = load(OLD);
    let (_dir, mut found) = recorded(&old, 12, "SELECT 1");
    found.intent.verdict = VerdictSummary::Deny {
        rule: "masking".into(),
        message: String::new(),
        policies: Vec::new(),
    };
    let told = explain(&found, Ok(None), &old).unwrap();
    assert!(
        told.notes[0].contains("its own rule masking"),
        "{:?}",
        told.notes
    );
}

/// A question to the DNS, refused by the shipped policies.
fn question(text: &str, lookup: Option<LookedUp>) -> (tempfile::TempDir, Found) {
    let dir = tempfile::tempdir().unwrap();
    let start = SessionStart {
        target: None,
        protocol: Some(dns::PROTOCOL.into()),
        ..start()
    };
    let mut writer = SessionWriter::create(&dir.path().join("records"), &start).unwrap();
    writer.looked_up(lookup);
    let shipped = Policies::shipped().unwrap();
    let refusal = weir_policy::Refusal {
        rule: "default-deny".into(),
        message: "no".into(),
        deciding: Vec::new(),
        version: shipped.version().clone(),
    };
    let command = CommandText {
        text,
        parameters: &[],
        signals: &[],
        statements: (&[]).into(),
    };
    writer.refused(&refusal, command).unwrap();
    let path = writer.path().to_owned();
    let mut entries = SessionReader::open(&path).unwrap();
    let Some(Ok(Entry::Event(Event::Start(start)))) = entries.next() else {
        panic!("no start")
    };
    let found = find(Recorded::of(start, entries), "1").unwrap();
    (dir, found)
}

#[test]
fn a_question_to_the_dns_is_explained_by_what_the_record_has_of_it() {
    let shipped = Policies::shipped().unwrap();
    let lookup = LookedUp {
        declared: false,
        names_per_minute: 3,
    };
    let (_dir, found) = question("A db.example.com", Some(lookup));
    let told = explain(&found, Ok(None), &shipped).unwrap();
    assert!(told.notes.is_empty(), "{:?}", told.notes);
    let text = capture::plain(|out| told::print(&told, out));
    for part in [
        "#1\n  A db.example.com\n",
        ": deny by default-deny: no policy permits looking up db.example.com",
        "    asked       resolve on db.example.com (A)\n",
        "    declared    no host of a target that the workload may reach\n",
        "    names       3 in the minute before\n",
        "what alone would have changed it\n    declared as a host of a target: allow\n",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let json = serde_json::to_value(&told).unwrap();
    assert_eq!(json["judged_by"]["facts"]["record_type"], "A");

    // As older versions recorded it.
    let (_dir, older) = question("A db.example.com", None);
    let told = explain(&older, Ok(None), &shipped).unwrap();
    assert!(told.notes[0].contains("does not say"), "{:?}", told.notes);
    let (_dir, malformed) = question("a query of 12 bytes that can't be judged", None);
    let Err(error) = explain(&malformed, Ok(None), &shipped) else {
        panic!("explained");
    };
    assert!(error.to_string().contains("no policy was asked"), "{error}");
}

#[test]
fn what_names_no_command_is_an_error() {
    let old = load(OLD);
    let (dir, _found) = recorded(&old, 12, "SELECT 1");
    let id = start().id.to_string();
    let asked = |command: &str| PolicyExplain {
        command: command.to_owned(),
        reach: args::Reach {
            daemon: args::Socket {
                socket: "/nonexistent".into(),
            },
            records: Some(dir.path().join("records")),
        },
        config: Configuration::default(),
        json: true,
    };
    for (command, message) in [
        (id.clone(), "names no command"),
        (format!("{id}#2"), "has no command #2"),
        (format!("{id}#01"), "has no command #01"),
    ] {
        let mut error = String::new();
        capture::plain(|out| {
            error = run(&asked(&command), out).unwrap_err().to_string();
            Ok(())
        });
        assert!(error.contains(message), "{command}: {error}");
    }
}
